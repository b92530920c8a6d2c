import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type LocalDurable, startDurable } from "@lambdallm/local";
import { rounds } from "../../../test-support/rounds.ts";

const WORKER = fileURLToPath(
  new URL("./fixtures/durable-worker.ts", import.meta.url),
);
const KILLS = 6;

let folder: string;
let durable: LocalDurable;
/** Which steps were recorded when an invocation began. */
let recorded: Set<string>[] = [];

const CALLS_FILE = () => join(folder, "calls");

/** Runs the function in a process of its own, and kills it after a random time; the last invocations live. */
async function invoke(event: object): Promise<unknown> {
  const { operations = [] } = durable.executions.at(-1) ?? {};
  const finished = operations.filter(({ Status }) => Status === "SUCCEEDED");
  recorded.push(new Set(finished.map(({ Name }) => String(Name))));
  const child = fork(WORKER, {
    env: {
      PATH: process.env["PATH"],
      AWS_ENDPOINT_URL_LAMBDA: durable.url,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "local",
      AWS_SECRET_ACCESS_KEY: "local",
      CALLS_FILE: CALLS_FILE(),
      INVOCATION: String(recorded.length),
    },
    execArgv: [
      "--conditions=@lambdallm/source",
      "--disable-warning=ExperimentalWarning",
    ],
  });
  child.send(event);
  const lives = recorded.length > KILLS;
  const kill = () => child.kill("SIGKILL");
  // It lives long enough to come anywhere in the program, on most machines.
  const timer = lives ? undefined : setTimeout(kill, 600 * Math.random());
  const answer = await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code, by]) => Promise.reject(Error(by ?? code))),
  ]).finally(() => clearTimeout(timer));
  return answer[0];
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
  for (let round = 0; round < rounds(2, 100); round++) {
    recorded = [];
    await writeFile(CALLS_FILE(), "");
    const execution = durable.start();
    expect(await execution.result).toEqual({
      status: "SUCCEEDED",
      result: [12, 24, 100],
    });
    const calls = (await readFile(CALLS_FILE(), "utf8")).trim().split("\n");
    const repeated = calls.filter((line) => {
      const [invocation, ...words] = line.split(" ");
      return recorded[Number(invocation) - 1]?.has(words.join(" "));
    });
    expect(repeated).toEqual([]);
    expect(new Set(calls.map((line) => line.replace(/^\d+ /, "")))).toEqual(
      new Set(["first", "left", "more left", "right", "last"]),
    );
  }
}, 600_000);
