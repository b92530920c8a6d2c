import { type ChildProcess, fork } from "node:child_process";
import { on, once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  type DurableEvent,
  type LocalDurable,
  startDurable,
} from "@lambdallm/local";
import { kills } from "../../../test-support/kills.ts";

const WORKER = fileURLToPath(
  new URL("./fixtures/durable-worker.ts", import.meta.url),
);

/** Of each run, at most. */
const KILLS = 5;

let folder: string;
let durable: LocalDurable;
/** Which steps were recorded when an invocation of the run began. */
let recorded: Set<string>[] = [];
let killsLeft = 0;

const file = () => join(folder, "calls");

/** One invocation, in a process of its own, which may be killed in the middle of its work. */
async function invoke(event: DurableEvent): Promise<unknown> {
  const { operations = [] } = durable.executions.at(-1) ?? {};
  const done = operations.filter(({ Status }) => Status === "SUCCEEDED");
  recorded.push(new Set(done.map(({ Name }) => String(Name))));
  const child = fork(WORKER, {
    env: {
      PATH: process.env["PATH"],
      AWS_ENDPOINT_URL_LAMBDA: durable.url,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "local",
      AWS_SECRET_ACCESS_KEY: "local",
      CALLS_FILE: file(),
      INVOCATION: String(recorded.length),
    },
    execArgv: [
      "--conditions=@lambdallm/source",
      "--disable-warning=ExperimentalWarning",
    ],
  });
  const over = new AbortController();
  child.send(event);
  const death = once(child, "exit", over).then(([code, by]) =>
    Promise.reject(new Error(`It ended: ${by ?? code}`)),
  );
  try {
    return await Promise.race([answerOf(child, over.signal), death]);
  } finally {
    death.catch(() => {});
    over.abort();
  }
}

/** It says "step" when it begins one, and gives its answer. */
async function answerOf(
  child: ChildProcess,
  signal: AbortSignal,
): Promise<unknown> {
  let isKilled = false;
  for await (const [message] of on(child, "message", { signal })) {
    if (message !== "step") return message;
    if (isKilled || killsLeft === 0 || Math.random() < 0.5) continue;
    isKilled = true;
    killsLeft -= 1;
    setTimeout(() => child.kill("SIGKILL"), 50 * Math.random());
  }
  throw new Error("A process sends messages until it ends.");
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lambdallm-durable-"));
  durable = await startDurable({ invoke, skipTime: true });
});

afterAll(async () => {
  await durable.close();
  await rm(folder, { recursive: true });
});

test("A run that is killed anywhere ends as if it had never been, and repeats no step that was recorded", async () => {
  for (let round = 0; round < kills(2); round++) {
    recorded = [];
    killsLeft = KILLS;
    await writeFile(file(), "");
    const execution = durable.start();
    expect(await execution.result).toEqual({
      status: "SUCCEEDED",
      result: [12, 24, 100],
    });
    const calls = (await readFile(file(), "utf8")).trim().split("\n");
    const repeated = calls.filter((line) => {
      const [invocation, ...words] = line.split(" ");
      return recorded[Number(invocation) - 1]?.has(words.join(" "));
    });
    expect(repeated).toEqual([]);
    expect(new Set(calls.map((line) => line.replace(/^\d+ /, "")))).toEqual(
      new Set(["first", "left", "more left", "right", "last"]),
    );
  }
}, 1_200_000);
