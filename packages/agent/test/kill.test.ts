import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { describeRun } from "@lambdallm/checkpoint";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import type {
  BedrockRequest,
  LocalBedrock,
  ReplyObject,
} from "@lambdallm/local";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { plainClient } from "../../../test-support/dynamodb-client.ts";
import { rounds } from "../../../test-support/rounds.ts";
import { calling } from "./support.ts";
import { startLocal } from "./wire-support.ts";

const WORKER = fileURLToPath(
  new URL("./fixtures/agent-worker.ts", import.meta.url),
);
const KILLS = 3;
const PAGES = 8;
const LEASE_MS = 700;
const usage = { inputTokens: 1_000, outputTokens: 10 };

let table: TestTable;
let client: DynamoDBClient;
let local: LocalBedrock;
/** What was recorded when the present process began, by position. */
let recorded: ReadonlySet<string> = new Set();
const repeated: string[] = [];

/** The model reads page after page, the third with its clerk, and answers behind the last. */
function respond({ messages, toolConfig }: BedrockRequest): ReplyObject {
  const turn = messages.filter(({ role }) => role === "assistant").length + 1;
  const isClerk = !JSON.stringify(toolConfig).includes("clerk");
  const position = String(2 * turn - 1).padStart(6, "0");
  if (!isClerk && recorded.has(position)) repeated.push(`model ${turn}`);
  if (isClerk ? turn === 2 : turn > PAGES)
    return { content: [{ text: `Read ${turn}.` }], usage };
  const page = ["look", { page: turn }] as const;
  const calls =
    turn === 3 && !isClerk
      ? [page, ["clerk", { query: "Look." }] as const]
      : [page];
  return { ...calling(...calls), usage };
}

async function stepsOf(runId: string): Promise<ReadonlySet<string>> {
  const store = dynamoDBStore({ tableName: table.tableName, client });
  const run = await describeRun({ store, runId }).catch(() => undefined);
  const done = (run?.steps ?? []).filter(({ state }) => state === "done");
  return new Set(done.map(({ position }) => position));
}

interface Told {
  readonly runId?: string;
  readonly tool?: string;
  readonly result?: unknown;
  readonly error?: string;
  readonly retryAfterMs?: number;
}

/** One invocation in a process of its own; undefined when it was killed. */
async function invoke(
  key: string,
  killAfterMs: number | undefined,
  told: (message: Told) => void,
): Promise<Told | undefined> {
  const child: ChildProcess = fork(WORKER, {
    env: {
      PATH: process.env["PATH"],
      ...table.env,
      LEASE_MS: String(LEASE_MS),
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: local.url,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "local",
      AWS_SECRET_ACCESS_KEY: "local",
    },
    execArgv: [
      "--conditions=@lambdallm/source",
      "--disable-warning=ExperimentalWarning",
    ],
  });
  let answer: Told | undefined;
  child.on("message", (message: Told) => {
    told(message);
    if (message.runId !== undefined && killAfterMs !== undefined)
      setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    if ("result" in message || "error" in message) answer = message;
  });
  child.send({ key });
  await once(child, "close");
  return answer;
}

/** Runs until there is a result, killed as often as said. */
async function run(kills: number): Promise<unknown> {
  const key = randomUUID();
  let runId: string | undefined;
  for (let left = kills; ; ) {
    recorded = runId === undefined ? new Set() : await stepsOf(runId);
    const isKilled = left > 0;
    const answer = await invoke(
      key,
      isKilled ? Math.random() * 250 : undefined,
      (message) => {
        runId ??= message.runId;
        const position = message.tool?.split("/").at(-1);
        if (position !== undefined && recorded.has(position))
          repeated.push(`tool ${position}`);
      },
    );
    if (answer !== undefined && "result" in answer) return answer.result;
    // The lease of the one that was killed is not over yet.
    if (answer?.retryAfterMs !== undefined)
      await wait(Math.min(answer.retryAfterMs, LEASE_MS));
    else if (answer !== undefined) throw new Error(answer.error);
    else left -= 1;
  }
}

beforeAll(async () => {
  table = await startTable();
  client = plainClient(table.clientConfig);
  local = await startLocal({ respond });
});
afterAll(async () => {
  await local.close();
  client.destroy();
  await table.stop();
});

test("An agent that is killed anywhere ends as if it had never been, and repeats no call that was recorded", async () => {
  const usual = Object(await run(0));
  expect(usual).toMatchObject({
    answer: "Read 9.",
    status: "completed",
    iterations: 9,
    toolCalls: 10,
  });
  for (let round = 0; round < rounds(1, 100); round++) {
    expect(await run(KILLS)).toEqual({ ...usual, runId: expect.any(String) });
    expect(repeated).toEqual([]);
  }
}, 1_200_000);
