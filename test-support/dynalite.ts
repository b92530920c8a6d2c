import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import {
  DeleteTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
} from "@aws-sdk/client-dynamodb";
import { createTable } from "@lambdallm/dynamodb";
import dynalite from "dynalite";

/** A URL, or `aws` for the account and the Region that the environment's credentials are for. */
const ENDPOINT = process.env["LAMBDALLM_DYNAMODB_ENDPOINT"];

const LOCAL: DynamoDBClientConfig = {
  region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
};

export interface TestTable {
  readonly tableName: string;
  /** Reaches the engine with a client of one's own. */
  readonly clientConfig: DynamoDBClientConfig;
  /** The same as environment variables, for a child process. */
  readonly env: Readonly<Record<string, string>>;
  /** Deletes the table, and ends the engine if it was started for it. */
  stop(): Promise<void>;
}

/**
 * A new table for a test file: in a dynalite of its own in this process, or on the engine that
 * `LAMBDALLM_DYNAMODB_ENDPOINT` names.
 */
export async function startTable(): Promise<TestTable> {
  const engine = await startEngine();
  const { clientConfig } = engine;
  const tableName = `lambdallm-test-${randomUUID()}`;
  const client = new DynamoDBClient({ ...clientConfig, maxAttempts: 1 });
  await createTable({ tableName, client });
  const { endpoint } = clientConfig;
  return {
    tableName,
    clientConfig,
    env: {
      TABLE_NAME: tableName,
      ...(typeof endpoint === "string" && {
        AWS_ENDPOINT_URL_DYNAMODB: endpoint,
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "local",
        AWS_SECRET_ACCESS_KEY: "local",
      }),
    },
    async stop() {
      await client.send(new DeleteTableCommand({ TableName: tableName }));
      client.destroy();
      await engine.stop();
    },
  };
}

async function startEngine(): Promise<{
  readonly clientConfig: DynamoDBClientConfig;
  stop(): Promise<void>;
}> {
  if (ENDPOINT)
    return {
      clientConfig: ENDPOINT === "aws" ? {} : { ...LOCAL, endpoint: ENDPOINT },
      stop: async () => {},
    };
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0 });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A TCP server has an address object.
  const { port } = server.address() as AddressInfo;
  return {
    clientConfig: { ...LOCAL, endpoint: `http://127.0.0.1:${port}` },
    async stop() {
      // Kept-alive connections would hold the server open.
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
