import { fork } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createTable } from "@lambdallm/dynamodb";

/** A table on dynalite, in a process of its own, and a client without retries. */
export async function startTable(
  tableName: string,
): Promise<{ readonly client: DynamoDBClient; readonly stop: () => void }> {
  const engine = fork(new URL("engine.ts", import.meta.url), {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  try {
    if (!engine.stdout) throw new Error("The engine has no output.");
    const [endpoint] = await once(createInterface(engine.stdout), "line");
    const client = new DynamoDBClient({
      endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
      maxAttempts: 1,
    });
    await createTable({ tableName, client });
    return { client, stop: () => void engine.kill() };
  } catch (error) {
    engine.kill();
    throw error;
  }
}
