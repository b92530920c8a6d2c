import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type JsonValue, ModelInvocationError } from "@lambdallm/core";
import type { MockAnswer, MockResponse } from "@lambdallm/testing";
import {
  type HostAnswers,
  inMemory,
  onDurable,
  onStore,
  type TestHost,
} from "../../../test-support/hosts.ts";
import { Agent, type AgentResult, tool } from "../src/index.ts";
import { calling, withModel } from "./support.ts";

const look = tool({
  name: "look",
  description: "Looks a word up.",
  input: { word: "string" },
  run: async ({ word }) => {
    // The last one that is called is the first one to be done.
    await new Promise((resolve) => setTimeout(resolve, 12 / word.length));
    return { word, since: new Date(0), nothing: undefined };
  },
});
const read = tool({
  name: "read",
  description: "Reads a file.",
  run: () => [Buffer.from("%PDF-1.7 and so on"), "a document"],
});
const fail = tool({
  name: "fail",
  description: "Fails.",
  run: () => {
    throw Object.assign(new RangeError("It is broken."), { status: 418 });
  },
});
const tell = tool({
  name: "tell",
  description: "Tells a long story.",
  run: () => "Once upon a time. ".repeat(400),
});
const remove = tool({
  name: "remove",
  description: "Removes a file.",
  input: { file: "string" },
  needsApproval: ({ file }) => !file.startsWith("tmp/"),
  run: ({ file }) => `${file} is gone.`,
});
const think = tool({
  name: "think",
  description: "Asks a model.",
  run: (_input, { context }) => context.llm.invoke("Think."),
});
const archive = tool({
  name: "archive",
  description: "Moves a file away.",
  needsApproval: true,
  run: () => "It is moved.",
});
const helper = new Agent({ name: "helper", tools: [look, archive] });

const tools = [look, read, fail, tell, remove, think];
const usage = { inputTokens: 1_000, outputTokens: 200 };
/** What a call of the model costs, in USD. */
const CALL_USD = 0.002;

const answer = (text: string): MockAnswer => ({ text, usage });
const calls = (
  ...given: readonly (readonly [name: string, input: JsonValue])[]
): MockAnswer => ({ ...calling(...given), usage });
const failure = (reason: string, retryable: boolean) =>
  new ModelInvocationError("The model cannot be called.", {
    ...{ reason, retryable },
    model: "m",
  });

interface Case {
  readonly agent: Pick<Agent, "name"> & {
    run(...given: Parameters<Agent["run"]>): Promise<AgentResult<unknown>>;
  };
  /** What the model says in a whole run, one answer after the other. */
  readonly script: readonly MockResponse[];
  readonly expected: object;
}

/** Whoever is asked says the same, on all hosts. */
const ANSWERS: HostAnswers = {
  "approve remove": { decision: "edit", input: { file: "copy" } },
  "approve archive": { decision: "reject", reason: "It is needed." },
};

const cases: Readonly<Record<string, Case>> = {
  "tools that return and throw": {
    agent: new Agent({ name: "all", tools }),
    script: [
      calls(["look", { word: "a" }], ["look", { word: "word" }], ["fail", {}]),
      calls(["read", {}], ["think", {}], ["look", {}], ["other", {}]),
      answer("It is thought."),
      answer("Done."),
    ],
    expected: {
      ...{ status: "completed", answer: "Done.", iterations: 3, toolCalls: 7 },
      totalCostUsd: 4 * CALL_USD,
    },
  },
  "approvals, also in an agent that is a tool": {
    agent: new Agent({
      name: "boss",
      tools: [...tools, helper.asTool({ description: "Helps." })],
    }),
    script: [
      calls(["remove", { file: "all" }], ["remove", { file: "tmp/a" }]),
      calls(["helper", { query: "Help." }]),
      calls(["look", { word: "help" }], ["archive", {}]),
      answer("It is not moved."),
      answer("Done."),
    ],
    expected: {
      ...{ status: "completed", answer: "Done.", iterations: 3, toolCalls: 5 },
      totalCostUsd: 5 * CALL_USD,
    },
  },
  "a limit of answers": {
    agent: new Agent({ name: "few", tools, maxIterations: 1 }),
    script: [calls(["look", { word: "a" }]), answer("As far as I know.")],
    expected: { status: "max_iterations", answer: "As far as I know." },
  },
  "a limit of money": {
    agent: new Agent({ name: "poor", tools, maxCostUsd: 0.01 }),
    script: [
      { ...calls(["look", { word: "a" }]), usage: { outputTokens: 1_500 } },
      answer("As far as the money goes."),
    ],
    expected: { status: "cost_limit", answer: "As far as the money goes." },
  },
  "the same call for ever": {
    agent: new Agent({ name: "circles", tools }),
    script: [
      ...Array<MockAnswer>(3).fill(calls(["look", { word: "a" }])),
      answer("I go in circles."),
    ],
    expected: { status: "stopped", toolCalls: 2 },
  },
  "rules, and steps that are prepared": {
    agent: new Agent({
      name: "ruled",
      tools,
      keepToolResults: 1,
      stopAfterTool: "read",
      prepareStep: ({ iteration }) => ({
        tools: iteration === 1 ? ["look"] : ["look", "read"],
      }),
    }),
    script: [
      calls(["read", {}], ["look", { word: "a" }]),
      calls(["look", { word: "b" }]),
      calls(["read", {}]),
    ],
    expected: { status: "stopped", reason: 'The tool "read" was called.' },
  },
  "a result that is read piece by piece, and an object": {
    agent: new Agent({
      name: "reader",
      tools,
      maxResultTokens: 500,
      outputSchema: { words: "number" },
    }),
    script: [
      calls(["tell", {}]),
      calls(["read_result", { id: "1.1", offset: 2_000 }]),
      answer("Many words."),
      { value: { words: 1_600 }, usage },
    ],
    expected: { status: "completed", object: { words: 1_600 } },
  },
};

let hosts: readonly TestHost[];
beforeAll(async () => {
  hosts = [inMemory(ANSWERS), onStore(ANSWERS), await onDurable(ANSWERS)];
});
afterAll(async () => {
  for (const host of hosts) await host[Symbol.asyncDispose]();
});

/** How a run has ended, and how many calls of the model it took. */
async function ending({ agent, script }: Case, host: TestHost) {
  let called = 0;
  const next = () => {
    const response = script[called];
    called += 1;
    if (response === undefined) throw new Error("The model is called again.");
    return response;
  };
  const result = await host
    .run(async (journal) => {
      const { result } = await withModel([next], (context) =>
        agent.run("Do your work.", context, { journal }),
      );
      return result;
    })
    .then(
      ({ runId: _, ...result }) => ({ result }),
      ({ message, ...error }) => ({ error: { ...error, message } }),
    );
  return { ...result, called };
}

describe("The same agent, on a journal in memory, in a store and on durable functions", () => {
  test.each(Object.entries(cases))(
    "has equal results: %s",
    async (_name, one) => {
      const [first, ...others] = await Promise.all(
        hosts.map((host) => ending(one, host)),
      );
      expect(first).toMatchObject({
        result: one.expected,
        called: one.script.length,
      });
      for (const other of others) expect(other).toEqual(first);
    },
  );

  test.each<[name: string, script: readonly MockResponse[]]>([
    ["at once", [failure("throttled", true)]],
    [
      "later",
      [calls(["remove", { file: "all" }]), failure("access-denied", false)],
    ],
    ["with an error of anybody's", [new TypeError("No model.")]],
  ])("has equal errors: a model that fails %s", async (_name, script) => {
    const agent = new Agent({ name: "all", tools, retries: 0 });
    const [first, ...others] = await Promise.all(
      hosts.map((host) => ending({ agent, script, expected: {} }, host)),
    );
    expect(first).toMatchObject({
      error: { step: `model ${script.length}` },
      called: script.length,
    });
    for (const other of others) expect(other).toEqual(first);
  });
});
