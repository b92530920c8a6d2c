import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ChainResult } from "@lambdallm/chain";
import { derivedRunId, describeRun } from "@lambdallm/checkpoint";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import {
  type LocalBedrock,
  type LocalDurable,
  startBedrock,
  startDurable,
} from "@lambdallm/local";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { plainClient, seeded } from "../../../test-support/dynamodb-client.ts";
import { kills } from "../../../test-support/kills.ts";

const ROUNDS = kills(2);
const STEPS = ["outline", "facts", "tone", "risks", "draft", "title"];
/** Longer than every lease. */
const LATER_MS = 600_000;
const LONGEST_TEST_MS = 3_600_000;

const fixture = (name: string) =>
  fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));

let local: LocalBedrock;
let table: TestTable;
let durable: LocalDurable;
/** Called with each request for the model, before it is answered. */
let onCall = () => {};
/** How often each step of each message has called the model. */
const calls = new Map<string, number>();

beforeAll(async () => {
  [local, table, durable] = await Promise.all([
    startBedrock({
      now: () => Date.UTC(2026, 10, 28),
      respond: ({ messages }) => {
        const text = JSON.stringify(messages);
        const [, message, step] = /"([\w-]+) (\w+): /.exec(text) ?? [];
        const name = `${message} ${step}`;
        calls.set(name, (calls.get(name) ?? 0) + 1);
        onCall();
        const answer = `Answer to ${step}, ${text.length}.`;
        return {
          content: [
            {
              text:
                step === "facts" ? JSON.stringify({ list: [answer] }) : answer,
            },
          ],
          usage: { inputTokens: 100, outputTokens: text.length },
        };
      },
    }),
    startTable(),
    startDurable({ invoke, skipTime: true }),
  ]);
});
afterAll(() => Promise.all([local.close(), table.stop(), durable.close()]));

const callsOf = (message: string, names: readonly string[]) =>
  names.map((name) => calls.get(`${message} ${name}`) ?? 0);

/** Kills a process soon after one of its calls. */
function killed(child: ChildProcess, call: number, waitMs: number): void {
  let left = call;
  onCall = () => {
    left -= 1;
    if (left === 0) setTimeout(() => child.kill("SIGKILL"), waitMs);
  };
}

/** Without what says which run it is. */
function plain(result: ChainResult | undefined, message: string): unknown {
  if (result?.status !== "completed") throw new Error("It did not complete.");
  const { runId: _, ...same } = result;
  return JSON.parse(JSON.stringify(same).replaceAll(message, ""));
}

/** One delivery of a message, in a process of its own. */
function deliver(message: string, delivery: number) {
  const child = spawn(
    process.execPath,
    ["--conditions=@lambdallm/source", fixture("report-on-store")],
    {
      env: {
        ...process.env,
        ...table.env,
        BEDROCK_URL: local.url,
        MESSAGE: message,
        SHIFT_MS: String(delivery * LATER_MS),
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let written = "";
  child.stdout.on("data", (chunk: Buffer) => {
    written += chunk.toString();
  });
  const ended = once(child, "close").then((): ChainResult | undefined =>
    written === "" ? undefined : JSON.parse(written),
  );
  return { child, ended };
}

async function finishedIn(message: string): Promise<string[]> {
  const { tableName, clientConfig } = table;
  const client = plainClient(clientConfig);
  const store = dynamoDBStore({ tableName, client, timeoutMs: 60_000 });
  const { steps } = await describeRun({ store, runId: derivedRunId(message) });
  return steps.flatMap(({ name = "", state }) =>
    state === "done" ? name : [],
  );
}

test(
  "A chain on a store that is killed at any moment comes to the same result and the same costs, and no finished step calls its model again",
  async () => {
    const random = seeded(20_261_128);
    const whole = await deliver("store-000", 0).ended;
    expect(callsOf("store-000", STEPS)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(whole?.totalCostUsd).toBeGreaterThan(0);
    for (let round = 1; round <= ROUNDS; round++) {
      const message = `store-${String(round).padStart(3, "0")}`;
      const finished = new Map<string, number>();
      const deaths = 1 + Math.floor(random() * 2);
      for (let delivery = 0; delivery < deaths; delivery++) {
        const { child, ended } = deliver(message, delivery);
        killed(child, 1 + Math.floor(random() * 5), random() * 20);
        await ended;
        onCall = () => {};
        for (const name of await finishedIn(message))
          finished.set(name, calls.get(`${message} ${name}`) ?? 0);
      }
      const result = await deliver(message, deaths).ended;
      expect(plain(result, message)).toEqual(plain(whole, "store-000"));
      const names = [...finished.keys()];
      expect(callsOf(message, names)).toEqual([...finished.values()]);
    }
  },
  LONGEST_TEST_MS,
);

/** The steps of the present execution that were recorded when an invocation began, and how often they had called their models. */
let recorded = new Map<string, number>();
let deaths = 0;
let message = "";
const random = seeded(20_261_129);

/** One invocation of the durable function, in a process of its own; the first ones are killed. */
async function invoke(event: object): Promise<unknown> {
  for (const { Name = "", Status } of durable.executions.at(-1)?.operations ??
    [])
    if (Status === "SUCCEEDED" && STEPS.includes(Name))
      recorded.set(Name, calls.get(`${message} ${Name}`) ?? 0);
  const child = fork(fixture("report-on-durable"), {
    env: {
      PATH: process.env["PATH"],
      AWS_ENDPOINT_URL_LAMBDA: durable.url,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "local",
      AWS_SECRET_ACCESS_KEY: "local",
      BEDROCK_URL: local.url,
    },
    execArgv: [
      "--conditions=@lambdallm/source",
      "--disable-warning=ExperimentalWarning",
    ],
  });
  child.send(event);
  if (deaths > 0) killed(child, 1 + Math.floor(random() * 5), random() * 20);
  deaths -= 1;
  const answer = await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code, by]) => Promise.reject(Error(by ?? code))),
  ]).finally(() => {
    onCall = () => {};
  });
  return answer[0];
}

async function execute(name: string, kills: number): Promise<ChainResult> {
  message = name;
  recorded = new Map();
  deaths = kills;
  const { status, result } = await durable.start({ message }).result;
  expect(status).toBe("SUCCEEDED");
  // What the function has returned.
  return result as ChainResult;
}

test(
  "The same chain on durable functions, too",
  async () => {
    const whole = await execute("durable-000", 0);
    expect(callsOf("durable-000", STEPS)).toEqual([1, 1, 1, 1, 1, 1]);
    for (let round = 1; round <= ROUNDS; round++) {
      const name = `durable-${String(round).padStart(3, "0")}`;
      const result = await execute(name, 1 + (round % 2));
      expect(plain(result, name)).toEqual(plain(whole, "durable-000"));
      const names = [...recorded.keys()];
      expect(callsOf(name, names)).toEqual([...recorded.values()]);
    }
  },
  LONGEST_TEST_MS,
);
