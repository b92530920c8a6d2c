import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  derivedRunId,
  describeRun,
  type RunDescription,
} from "@lambdallm/checkpoint";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { plainClient, seeded } from "../../../test-support/dynamodb-client.ts";
import { kills } from "../../../test-support/kills.ts";

const ROUNDS = kills(3);
const STEPS = ["one", "two", "three", "four", "five", "six"];
const PROGRAM = new URL("fixtures/six-steps.ts", import.meta.url).pathname;
/** Only a bound for a hung test. */
const ROUND_MS = 60_000;
/** Longer than every lease. */
const LATER_MS = 600_000;

let local: LocalBedrock;
let table: TestTable;
/** Called with each request for the model, before it is answered. */
let onCall = () => {};
/** How often each step of each message has called the model. */
let calls = new Map<string, number>();

beforeAll(async () => {
  [local, table] = await Promise.all([
    startBedrock({
      now: () => Date.UTC(2026, 10, 28),
      respond: ({ messages }) => {
        const text = JSON.stringify(messages);
        const [, message, step] = /"([\w-]+) (\w+): /.exec(text) ?? [];
        const name = `${message} ${step}`;
        calls.set(name, (calls.get(name) ?? 0) + 1);
        onCall();
        return {
          content: [{ text: `Answer to ${step}, ${text.length}.` }],
          usage: { inputTokens: 100, outputTokens: text.length },
        };
      },
    }),
    startTable(),
  ]);
});
afterAll(() => Promise.all([local.close(), table.stop()]));

/** One delivery of a message, in a process of its own. */
function deliver(message: string, delivery: number, more: object = {}) {
  const child: ChildProcess = spawn(
    process.execPath,
    ["--conditions=@lambdallm/source", PROGRAM],
    {
      env: {
        ...process.env,
        ...table.env,
        BEDROCK_URL: local.url,
        MESSAGE: message,
        SHIFT_MS: String(delivery * LATER_MS),
        ...more,
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let written = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    written += chunk.toString();
  });
  const ended = once(child, "close").then(() =>
    written === "" ? undefined : JSON.parse(written),
  );
  return { child, ended };
}

async function described(message: string): Promise<RunDescription> {
  const { tableName, clientConfig } = table;
  const client = plainClient(clientConfig);
  const store = dynamoDBStore({ tableName, client, timeoutMs: 60_000 });
  return describeRun({ store, runId: derivedRunId(message) });
}

const callsOf = (message: string, names: readonly string[]) =>
  names.map((name) => calls.get(`${message} ${name}`) ?? 0);

/** Without what says which run it is. */
const plain = (ending: unknown, message: string) =>
  JSON.stringify(ending).replaceAll(message, "");

test(
  "A program that is killed at any moment comes to the same result and the same costs, and no finished step calls its model again",
  async () => {
    const random = seeded(20_261_128);
    calls = new Map();
    const whole = await deliver("round-000", 0).ended;
    expect(whole).toMatchObject({ result: expect.any(Array) });
    expect(callsOf("round-000", STEPS)).toEqual([1, 1, 1, 1, 1, 1]);
    const { costUsd } = await described("round-000");
    expect(costUsd).toBeGreaterThan(0);
    for (let round = 1; round <= ROUNDS; round++) {
      const message = `round-${String(round).padStart(3, "0")}`;
      const finished = new Map<string, number>();
      const deaths = 1 + Math.floor(random() * 2);
      for (let delivery = 0; delivery < deaths; delivery++) {
        const { child, ended } = deliver(message, delivery);
        let left = 1 + Math.floor(random() * 5);
        const waitMs = random() * 20;
        onCall = () => {
          left -= 1;
          if (left === 0) setTimeout(() => child.kill("SIGKILL"), waitMs);
        };
        await ended;
        onCall = () => {};
        const { steps } = await described(message);
        for (const { name = "", state } of steps)
          if (state === "done")
            finished.set(name, calls.get(`${message} ${name}`) ?? 0);
      }
      const ending = await deliver(message, deaths).ended;
      expect(plain(ending, message)).toBe(plain(whole, "round-000"));
      const names = [...finished.keys()];
      expect(callsOf(message, names)).toEqual([...finished.values()]);
      for (const count of callsOf(message, STEPS))
        expect(count).toBeLessThanOrEqual(1 + deaths);
      expect(await described(message)).toMatchObject({
        state: "done",
        costUsd,
      });
    }
  },
  ROUND_MS * (ROUNDS + 1),
);

test("A step that kills its process each time fails after three starts, and the run ends", async () => {
  const deadly = { DEADLY_STEP: "two" };
  for (let delivery = 0; delivery < 3; delivery++)
    expect(await deliver("deadly", delivery, deadly).ended).toBe(undefined);
  expect(await deliver("deadly", 3, deadly).ended).toEqual({
    error: { code: "STEP_NEVER_ENDED", step: "two" },
  });
  expect(callsOf("deadly", STEPS)).toEqual([1, 0, 0, 0, 0, 0]);
  expect(await described("deadly")).toMatchObject({
    state: "failed",
    steps: [
      { name: "one", state: "done", starts: 1 },
      { name: "two", state: "failed", starts: 4 },
    ],
  });
});
