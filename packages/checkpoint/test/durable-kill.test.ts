import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type LocalBedrock,
  type LocalDurable,
  type Responder,
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

/** The number that an agent has come to; the parts of a chain begin with their names. */
const stepOf = (messages: Parameters<Responder>[0]["messages"]): string => {
  const asked = messages.filter(({ role }) => role === "assistant").length + 1;
  const [block] = messages[0]?.content ?? [];
  const text = String(Reflect.get(Object(block), "text"));
  return text.startsWith("Count")
    ? `model ${asked}`
    : String(text.split(" ")[0]);
};

/** Calls its tool seven times, and has the answer then. */
const respond: Responder = ({ messages }) => {
  const step = stepOf(messages);
  const number = Number(step.split(" ")[1]);
  if (Number.isNaN(number)) return `<${step}>`;
  if (number === 8) return "Eight.";
  const toolUse = {
    toolUseId: `call-${number}`,
    name: "next",
    input: { number },
  };
  return { content: [{ toolUse }] };
};

describe.each([
  ["A chain of six steps", "chain", 6],
  ["An agent of eight iterations", "agent", 8],
])("%s that is killed anywhere", (_what, program, calls) => {
  let model: LocalBedrock;
  /** In which invocation which step has asked the model. */
  let asked: { readonly invocation: number; readonly step: string }[] = [];

  beforeEach(async () => {
    model = await startBedrock({
      respond: async (request) => {
        const step = stepOf(request.messages);
        asked.push({ invocation: recorded.length, step });
        processes.progress();
        return respond(request);
      },
      faults: () => ({ latencyMs: 15 }),
    });
    await startService("durable-programs.ts", () => ({
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
    const { result } = await durable.start({ program }).result;
    return { ...Object(result), runId: undefined };
  }

  test("ends as one that was not, at the same cost, and asks the model nothing twice that was recorded", async () => {
    const whole = await run();
    expect(whole).toMatchObject({
      status: "completed",
      totalCostUsd: expect.any(Number),
    });
    expect(new Set(asked.map(({ step }) => step)).size).toBe(calls);
    for (let round = 0; round < rounds(1, 100); round++) {
      processes.kill(KILLS);
      expect(await run()).toEqual(whole);
      console.log(
        asked.map(({ invocation, step }) => invocation + step).join(),
      );
      const repeated = asked.filter(({ invocation, step }) =>
        recorded[invocation - 1]?.has(step),
      );
      expect(repeated).toEqual([]);
    }
  }, 1_200_000);
});
