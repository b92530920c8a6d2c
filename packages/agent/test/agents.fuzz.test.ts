import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  type ContentBlock,
  type JsonValue,
  Model,
  StepFailure,
} from "@lambdallm/core";
import { type LocalBedrock, type Reply, ServiceError } from "@lambdallm/local";
import fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";
import {
  Agent,
  type AgentOptions,
  type AgentTool,
  tool,
} from "../src/index.ts";
import { overHttp, startLocal } from "./wire-support.ts";

/** What the model answers, one after the other; then it says nothing more than the last one. */
let script: readonly (Reply | ServiceError)[] = [];
let answered = 0;
let local: LocalBedrock;
beforeAll(async () => {
  local = await startLocal({
    respond: () => {
      const reply = script[Math.min(answered++, script.length - 1)];
      if (reply instanceof ServiceError) throw reply;
      return reply ?? "";
    },
  });
});
afterAll(() => local.close());

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { value };
  return value;
};
const circular: Record<string, unknown> = {};
circular["self"] = [circular];
const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const document = {
  document: { name: "a.b  ü", format: "txt", source: { bytes: png } },
};

/** Whatever a tool may do. */
const DEEDS: readonly (() => unknown)[] = [
  () => "Some text.",
  () => "",
  () => " \n",
  () => "\ud83d",
  () => undefined,
  () => null,
  () => 0,
  () => Number.NaN,
  () => 10n,
  () => Symbol("s"),
  () => () => 1,
  () => [],
  () => [1, "two", null],
  () => ({}),
  () => ({ a: undefined, b: [undefined] }),
  () => new Map([[1, 2]]),
  () => new Date(0),
  () => new Date(Number.NaN),
  () => circular,
  () => deep(50),
  () => deep(5_000),
  () => "x".repeat(5_000_000),
  () => png,
  () => new Uint8Array(),
  () => [png, "beside", document],
  () => Array(8).fill(document),
  () => ({ document: { name: "" } }),
  () => ({ content: [{ text: "" }], status: "error" }),
  () => new Error("returned"),
  () => {
    throw new Error("");
  },
  () => {
    throw undefined;
  },
  () => Promise.reject(new TypeError("rejected")),
  () => new Promise(() => {}),
  () =>
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error("No keys.");
        },
      },
    ),
];

const NAMES = ["first", "second", "third"];

const toolsOf = (deeds: readonly number[]): readonly AgentTool[] =>
  deeds.map((deed, index) =>
    tool({
      name: String(NAMES[index]),
      description: "Does something.",
      input: {
        type: "object",
        properties: { a: { type: "integer" } },
      },
      timeoutMs: 5,
      run: async () => DEEDS[deed]?.(),
    }),
  );

const input = fc.oneof(
  fc.constantFrom<JsonValue>(
    {},
    { a: 1 },
    { a: 2 },
    { a: "wrong" },
    { query: "Why?" },
  ),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>,
);
const call: fc.Arbitrary<ContentBlock> = fc
  .record({
    toolUseId: fc.constantFrom("t1", "t2", "t3", "tool.use:4", "ü"),
    name: fc.constantFrom(
      ...NAMES,
      "inner",
      "invented",
      "json<|x|>",
      "read_result",
    ),
    input,
  })
  .map((toolUse) => ({ toolUse }));
const said: fc.Arbitrary<ContentBlock> = fc.oneof(
  fc.constantFrom("I look.", "", " ").map((text) => ({ text })),
  fc.constant({
    reasoningContent: { reasoningText: { text: "Hm.", signature: "c2ln" } },
  }),
);
const stopReason = fc.constantFrom(
  "end_turn",
  "tool_use",
  "max_tokens",
  "stop_sequence",
  "malformed_tool_use",
  "never_heard_of",
);
const reply: fc.Arbitrary<Reply> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom("An answer.", "") },
  {
    weight: 4,
    arbitrary: fc.record({
      content: fc
        .tuple(
          fc.array(said, { maxLength: 2 }),
          fc.array(call, { maxLength: 4 }),
          fc.array(said, { maxLength: 1 }),
        )
        .map((parts) => parts.flat()),
      stopReason,
    }),
  },
);
const fault = fc
  .constantFrom("ThrottlingException", "InternalServerException")
  .map((name) => new ServiceError(name));

const maybe = <T>(value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined });
const options: fc.Arbitrary<Omit<AgentOptions, "name" | "tools">> = fc.record({
  model: fc.constantFrom(
    Model.CLAUDE_HAIKU_4_5,
    Model.NOVA_LITE,
    Model.LLAMA3_3_70B,
    Model.TITAN_TEXT_EXPRESS,
    "deepseek.r1-v1:0",
  ),
  systemPrompt: maybe(fc.constantFrom("You help.", "")),
  maxIterations: fc.integer({ min: 1, max: 5 }),
  maxToolCalls: maybe(fc.integer({ min: 0, max: 6 })),
  maxCostUsd: maybe(fc.constantFrom(0, 0.0005, 0.01, 1)),
  concurrency: maybe(fc.integer({ min: 1, max: 3 })),
  keepToolResults: maybe(fc.integer({ min: 0, max: 2 })),
  maxResultTokens: maybe(fc.constantFrom(10, 1_000)),
  cache: maybe(fc.boolean()),
  stopAfterTool: maybe(fc.constant("first")),
});

/** Why a run may fail: the service's fault, and nothing that was sent. */
const FAULTS = ["throttled", "model-failed", "unavailable"];

test("whatever models and tools do, the loop ends within its limits and sends nothing that the service refuses", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          { weight: 12, arbitrary: reply },
          { weight: 1, arbitrary: fault },
        ),
        {
          minLength: 1,
          maxLength: 8,
        },
      ),
      fc.array(fc.nat(DEEDS.length - 1), { minLength: 1, maxLength: 3 }),
      options,
      fc.boolean(),
      fc.boolean(),
      async (replies, deeds, given, streams, nested) => {
        script = replies;
        answered = 0;
        local.reset();
        const inner = new Agent({
          name: "inner",
          tools: toolsOf(deeds),
          ...given,
        });
        const asked = inner.asTool({ description: "Asks." });
        const agent = new Agent({
          name: "outer",
          tools: nested ? [...toolsOf(deeds), asked] : toolsOf(deeds),
          ...given,
        });
        const outcome = await overHttp(local, (context) =>
          streams
            ? agent.stream("Question?", context).result
            : agent.run("Question?", context),
        ).catch((error: unknown) => error);
        if (StepFailure.isInstance(outcome)) {
          expect(FAULTS).toContain(Object(outcome.data).reason);
          return;
        }
        expect(outcome).not.toBeInstanceOf(Error);
        const { iterations, toolCalls } = outcome as Awaited<
          ReturnType<typeof agent.run>
        >;
        const { maxIterations = 10, maxToolCalls = 100 } = given;
        expect(iterations).toBeLessThanOrEqual(maxIterations);
        expect(toolCalls).toBeLessThanOrEqual(maxToolCalls);
      },
    ),
    { numRuns: rounds(150, 1_500) },
  );
}, 1_200_000);
