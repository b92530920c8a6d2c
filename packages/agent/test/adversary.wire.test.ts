import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import {
  type ContentBlock,
  type JsonValue,
  type LLMContext,
  Model,
  StepFailure,
} from "@lambdallm/core";
import {
  type Fault,
  type LocalBedrock,
  type Reply,
  startBedrock,
} from "@lambdallm/local";
import { MockLambdaContext } from "@lambdallm/testing";
import fc from "fast-check";
import middy from "middy7";
import { rounds } from "../../../test-support/rounds.ts";
import {
  Agent,
  type AgentOptions,
  type AgentResult,
  tool,
} from "../src/index.ts";

let local: LocalBedrock;
let replies: Reply[] = [];
/** Requests that were answered: the others were refused, or failed by a fault. */
let answered = 0;

beforeAll(async () => {
  local = await startBedrock({
    respond: () => {
      answered += 1;
      return replies.shift() ?? "Done.";
    },
  });
});

beforeEach(() => local.reset());

afterAll(() => local.close());

async function within<Result>(
  run: (context: LLMContext) => Promise<Result>,
): Promise<Result> {
  const handler = middy()
    .use(
      bedrock({
        region: "us-east-1",
        clientConfig: {
          endpoint: local.url,
          credentials: { accessKeyId: "local", secretAccessKey: "local" },
        },
      }),
    )
    .handler(async (_event, context) => ({ result: await run(context) }));
  return (await handler({}, new MockLambdaContext())).result;
}

const HAIKU = `us.${Model.CLAUDE_HAIKU_4_5}`;

let returned: unknown;
const look = tool({
  name: "look",
  description: "Looks something up.",
  input: { query: "string" },
  run: async () => returned,
});
const fail = tool({
  name: "fail",
  description: "Fails.",
  timeoutMs: 5,
  run: async () => {
    if (returned === null) return new Promise(() => {});
    throw returned;
  },
});

async function ask(
  options: Partial<AgentOptions>,
  isStreamed = false,
): Promise<AgentResult> {
  const agent = new Agent({
    name: "helper",
    model: HAIKU,
    systemPrompt: "Help.",
    tools: [look, fail],
    maxIterations: 4,
    ...options,
  } as AgentOptions<undefined>);
  return within((context) =>
    isStreamed
      ? agent.stream("Where is Ada?", context).result
      : agent.run("Where is Ada?", context),
  );
}

const call = (
  name: string,
  input: JsonValue = { query: "Ada" },
  toolUseId = "t1",
): ContentBlock => ({ toolUse: { toolUseId, name, input } });

describe.each([
  ["whole", false],
  ["streamed", true],
])("An adversary whose answers come %s", (_how, isStreamed) => {
  const forever = Array.from({ length: 9 }, () => ({
    content: [call("look")],
  }));

  test.each<[string, readonly Reply[], Partial<AgentResult>]>([
    [
      "calls a tool that there is not",
      [{ content: [call("ghost")] }, "I see."],
      { status: "completed", answer: "I see.", toolCalls: 1 },
    ],
    [
      "breaks off in the arguments of a call",
      [
        { content: [call("look", '{"query": "Ad')], stopReason: "max_tokens" },
        "I see.",
      ],
      { status: "completed", answer: "I see." },
    ],
    [
      "says end_turn beside a call",
      [{ content: [call("look")], stopReason: "end_turn" }, "I see."],
      { status: "completed", answer: "I see.", toolCalls: 1 },
    ],
    [
      "says tool_use without a call",
      [{ content: [{ text: "I see." }], stopReason: "tool_use" }],
      { status: "completed", answer: "I see.", toolCalls: 0 },
    ],
    ["repeats a call for ever", forever, { status: "stopped", toolCalls: 2 }],
    ["answers nothing", [{ content: [] }, { content: [] }], { answer: "" }],
    [
      "gives two calls one id",
      [{ content: [call("look"), call("look")] }, "I see."],
      { status: "completed", answer: "I see.", toolCalls: 2 },
    ],
  ])(
    "%s: the run ends, and no request is refused",
    async (_what, given, end) => {
      replies = [...given];
      answered = 0;
      expect(await ask({}, isStreamed)).toMatchObject(end);
      expect(local.requests).toHaveLength(answered);
    },
  );
});

const word = fc.constantFrom(
  "look",
  "fail",
  "ghost",
  "a b",
  "",
  "look<|channel|>x",
  "é",
);
const block: fc.Arbitrary<ContentBlock> = fc.oneof(
  fc.record({ text: fc.constantFrom("Hm.", "", " ", "🙂", "\ud83d") }),
  {
    weight: 3,
    arbitrary: fc.record({
      toolUse: fc.record({
        toolUseId: fc.constantFrom("a", "b", "a.b", "é", "a".repeat(90)),
        name: word,
        input: fc.oneof(
          fc.constantFrom<JsonValue>(
            { query: "Ada" },
            {},
            '{"query',
            "",
            [1],
            null,
            7,
          ),
          fc.constantFrom<JsonValue>({ query: "Ada", id: 1e20, pi: Math.PI }),
          fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>,
        ),
      }),
    }),
  },
  fc.constantFrom<ContentBlock>(
    { reasoningContent: { reasoningText: { text: "Hm.", signature: "s" } } },
    { reasoningContent: { reasoningText: { text: "" } } },
    { reasoningContent: { redactedContent: new Uint8Array([1]) } },
  ),
);
const reply: fc.Arbitrary<Reply> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "Done.",
      "",
      "Thought: x\nAction: look\nAction Input: {",
    ),
  },
  {
    weight: 4,
    arbitrary: fc.record(
      {
        content: fc.array(block, { maxLength: 4 }),
        stopReason: fc.constantFrom(
          "end_turn",
          "tool_use",
          "max_tokens",
          "stop_sequence",
          "guardrail_intervened",
          "malformed_tool_use",
          "something_new",
        ),
      },
      { requiredKeys: ["content"] },
    ),
  },
);
const fault = fc.oneof(
  { weight: 9, arbitrary: fc.constant(undefined) },
  fc.constantFrom<Fault>(
    { error: "ThrottlingException" },
    { error: "InternalServerException" },
    { cut: "body" },
  ),
);
const options = fc.record(
  {
    maxIterations: fc.integer({ min: 1, max: 5 }),
    maxToolCalls: fc.nat(4),
    maxCostUsd: fc.constantFrom(1, 1, 1, 0.01, 0),
    cache: fc.constantFrom<AgentOptions["cache"]>(false, true, { ttl: "1h" }),
    stopAfterTool: fc.constant("look"),
    outputSchema: fc.constantFrom(
      ...Array.from({ length: 4 }, () => undefined),
      { city: "string" } as const,
    ),
  },
  { requiredKeys: [] },
);
const model = fc.constantFrom(
  HAIKU,
  `us.${Model.CLAUDE_SONNET_5}`,
  `us.${Model.NOVA_LITE}`,
  `us.${Model.LLAMA3_3_70B}`,
  Model.GPT_OSS_120B,
);

test("Whatever a model answers and tools return, a run ends within its limits, and no request is refused", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        model,
        options,
        replies: fc.array(reply, { maxLength: 7 }),
        faults: fc.array(fault, { maxLength: 7 }),
        returned: fc.anything({
          withBigInt: true,
          withDate: true,
          withTypedArray: true,
        }),
        isStreamed: fc.boolean(),
      }),
      async (given) => {
        local.reset();
        local.setFaults(given.faults);
        const faults = given.faults.map((one) => one !== undefined);
        replies = [...given.replies];
        returned = given.returned;
        answered = 0;
        const { maxIterations = 4, maxToolCalls = 99 } = given.options;
        try {
          const result = await ask(
            { model: given.model, ...given.options },
            given.isStreamed,
          );
          expect(result.iterations).toBeLessThanOrEqual(maxIterations);
          expect(result.toolCalls).toBeLessThanOrEqual(maxToolCalls);
        } catch (error) {
          if (!StepFailure.isInstance(error)) throw error;
        }
        // A fault of the body comes when the answer is there.
        const failed = local.requests.filter(
          (_request, index) =>
            faults[index] && given.faults[index]?.cut === undefined,
        );
        expect(local.requests).toHaveLength(answered + failed.length);
      },
    ),
    { numRuns: rounds(150, 2_000) },
  );
});
