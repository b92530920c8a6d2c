import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type LocalBedrock,
  type LocalDurable,
  type Reply,
  startBedrock,
  startDurable,
} from "@lambdallm/local";
import { rounds } from "../../../test-support/rounds.ts";
import { Processes } from "./durable-processes.ts";

/** Of each run, at most. */
const KILLS = 5;

let durable: LocalDurable;
let processes: Processes;
/** Which steps were recorded when an invocation of the run began. */
let recorded: Set<string>[] = [];

async function startService(
  fixture: string,
  env: () => Record<string, string>,
): Promise<void> {
  processes = new Processes(fixture);
  durable = await startDurable({
    skipTime: true,
    invoke: (event) => {
      const { operations = [] } = durable.executions.at(-1) ?? {};
      const done = operations.filter(({ Status }) => Status === "SUCCEEDED");
      recorded.push(new Set(done.map(({ Name }) => String(Name))));
      return processes.invoke(event, {
        AWS_ENDPOINT_URL_LAMBDA: durable.url,
        ...env(),
      });
    },
  });
}

describe("A journal's run that is killed anywhere", () => {
  let folder: string;
  const file = () => join(folder, "calls");

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lambdallm-durable-"));
    await startService("durable-worker.ts", () => ({
      CALLS_FILE: file(),
      INVOCATION: String(recorded.length),
    }));
  });

  afterEach(async () => {
    await durable.close();
    await rm(folder, { recursive: true });
  });

  test("ends as if it had never been, and repeats no step that was recorded", async () => {
    for (let round = 0; round < rounds(2, 100); round++) {
      recorded = [];
      processes.kill(KILLS);
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
});

/** Calls its tool seven times, and has the answer then. */
const answerOf = (iteration: number): Reply => {
  if (iteration === 8) return "Eight.";
  const input = { number: iteration };
  const toolUse = { toolUseId: `call-${iteration}`, name: "next", input };
  return { content: [{ toolUse }] };
};

describe("An agent of eight iterations that is killed anywhere", () => {
  let model: LocalBedrock;
  /** In which invocation which step has asked the model. */
  let asked: { readonly invocation: number; readonly step: string }[] = [];

  beforeEach(async () => {
    model = await startBedrock({
      respond: ({ messages }) => {
        const answers = messages.filter(({ role }) => role === "assistant");
        const iteration = answers.length + 1;
        const step = `model ${iteration}`;
        asked.push({ invocation: recorded.length, step });
        processes.progress();
        return answerOf(iteration);
      },
      faults: () => ({ latencyMs: 15 }),
    });
    await startService("durable-agent.ts", () => ({
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: model.url,
    }));
  });

  afterEach(async () => {
    await durable.close();
    await model.close();
  });

  /** What a run gives, but for its id. */
  async function run() {
    recorded = [];
    asked = [];
    const { result } = await durable.start().result;
    return { ...Object(result), runId: undefined };
  }

  test("ends as one that was not, at the same cost, and asks the model nothing twice that was recorded", async () => {
    const whole = await run();
    expect(whole).toMatchObject({
      status: "completed",
      totalCostUsd: expect.any(Number),
    });
    expect(asked).toHaveLength(8);
    for (let round = 0; round < rounds(1, 100); round++) {
      processes.kill(KILLS);
      expect(await run()).toEqual(whole);
      const repeated = asked.filter(({ invocation, step }) =>
        recorded[invocation - 1]?.has(step),
      );
      expect(repeated).toEqual([]);
    }
  }, 1_200_000);
});
