/**
 * What users of the service met: each refusal by its text, each thing that a model or every model refuses, each answer that
 * is not as the documentation says. The sources are named in brackets: repository and number of the thread.
 */
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import {
  type ContentBlock,
  type ConverseRequest,
  type FailureReason,
  Model,
  type Tool,
} from "@lambdallm/core";
import type { LocalBedrock, Reply, ServiceErrorName } from "@lambdallm/local";
import { bodyOf, failureOf, invocation, REGION, start } from "./support.ts";

let local: LocalBedrock;
let reply: Reply;
beforeAll(async () => {
  local = await start({ respond: () => reply });
});
beforeEach(() => {
  local.reset();
  reply = "Yes";
});
afterAll(() => local.close());

const user = (...content: ContentBlock[]) => ({
  role: "user" as const,
  content,
});
const assistant = (...content: ContentBlock[]) => ({
  role: "assistant" as const,
  content,
});
const question = user({ text: "Well?" });

const send = (request: Partial<ConverseRequest> = {}, region = REGION) =>
  invocation(
    local,
    (context) => context.converse({ messages: [question], ...request }),
    { region },
  );

describe("A text of the service is read whole, and says", () => {
  const transient = { retryable: true, billed: "none" };
  const final = { retryable: false, billed: "none" };
  type Row = readonly [
    string,
    FailureReason,
    typeof transient | typeof final,
    string,
    Partial<{
      readonly error: ServiceErrorName;
      readonly status: number;
      readonly model: string;
    }>?,
  ];
  const GLM = { model: Model.GLM_4_7 };

  test.each<Row>([
    [
      "[strands 3969]",
      "context-overflow",
      final,
      "The model returned the following errors: input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000, decrease input length or `max_tokens` and try again",
    ],
    [
      "of GLM, MiniMax and Qwen",
      "context-overflow",
      final,
      "This model's maximum context length is 202752 tokens. However, you requested 210000 tokens. Please reduce the length of the messages.",
      GLM,
    ],
    [
      "of Claude",
      "context-overflow",
      final,
      "The model returned the following errors: prompt is too long: 903884 tokens > 200000 maximum",
    ],
    [
      "of the service",
      "context-overflow",
      final,
      "Input is too long for requested model.",
    ],
    [
      "that tokens per minute are used up, which is no overflow",
      "throttled",
      transient,
      "Too many tokens, please wait before trying again.",
      { error: "ThrottlingException" },
    ],
    [
      "that an answer cannot be continued",
      "capability",
      final,
      "The model returned the following errors: This model does not support assistant message prefill. The conversation must end with a user message.",
    ],
    [
      "that thinking and a forced tool exclude each other [vercel/ai 11227]",
      "capability",
      final,
      "The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use.",
    ],
    [
      "that no tool can be forced",
      "capability",
      final,
      "This model doesn't support the toolConfig.toolChoice.tool field. Remove toolConfig.toolChoice.tool and try again.",
    ],
    [
      "that there are no tools in streams",
      "capability",
      final,
      "This model doesn't support tool use in streaming mode.",
    ],
    [
      "that settings exclude each other [litellm 9524]",
      "capability",
      final,
      "The model returned the following errors: `temperature` may only be set to 1 when thinking is enabled.",
    ],
    [
      "that a budget leaves no room [aider 3720]",
      "invalid-request",
      final,
      "The model returned the following errors: `max_tokens` must be greater than `thinking.budget_tokens`.",
    ],
    [
      "that a clock is wrong, or the function was frozen [aws-sdk-js-v3 7605]",
      "unavailable",
      transient,
      "Signature expired: 20261122T100000Z is now earlier than 20261122T101000Z (20261122T101500Z - 5 min.)",
      { error: "InvalidSignatureException", status: 403 },
    ],
    [
      "that a key is wrong, which no retry cures",
      "credentials",
      final,
      "The request signature we calculated does not match the signature you provided.",
      { error: "InvalidSignatureException", status: 403 },
    ],
    [
      "that reasoning cannot be sent back [langchain-aws 401]",
      "capability",
      final,
      "The model returned the following errors: User messages cannot contain reasoning content. Please remove the reasoning content and try again.",
      { model: Model.DEEPSEEK_R1 },
    ],
    [
      "that a cache point is at the wrong place [rig 1673]",
      "invalid-request",
      final,
      "The model returned the following errors: Cache point cannot be inserted after reasoning block.",
    ],
    [
      "that results are missing [opencode 41780]",
      "invalid-request",
      final,
      "Expected toolResult blocks at messages.2.content for the following Ids: tooluse_a",
    ],
    [
      "that a text is blank [hermes 55092]",
      "invalid-request",
      final,
      "The text field in the ContentBlock object at messages.7.content.0 is blank. Add text to the text field, and try again.",
    ],
    [
      "what it says also behind a long quotation",
      "context-overflow",
      final,
      `The value '${"it's ".repeat(40)}' is refused: Input is too long for requested model.`,
    ],
  ])("%s: %s", async (_what, reason, verdict, message, more = {}) => {
    const { error = "ValidationException", status, model } = more;
    local.setFaults([{ error, message, ...(status && { status }) }]);
    const failed = await failureOf(
      send({ maxTokens: 100, ...(model && { model }) }),
    );
    expect(failed).toMatchObject({ reason, ...verdict });
    expect(local.requests).toHaveLength(1);
  });
});

describe("What a model does not take is not sent", () => {
  const thinking = { type: "enabled", budget_tokens: 2_000 };
  const tools: Tool[] = [
    {
      toolSpec: {
        name: "look",
        description: "Looks",
        inputSchema: {
          json: {
            $schema: "https://json-schema.org/draft/2020-12/schema",
            type: "object",
            properties: { at: { type: "string" } },
            additionalProperties: false,
          },
        },
      },
    },
  ];
  const union: Tool[] = [
    {
      toolSpec: {
        name: "look",
        inputSchema: {
          json: { anyOf: [{ type: "object" }, { type: "string" }] },
        },
      },
    },
  ];
  const sampling = { temperature: 0.3, topP: 0.5, stopSequences: ["END"] };

  test.each<
    readonly [string, Partial<ConverseRequest>, Record<string, unknown>]
  >([
    [
      "GPT-5.6: sampling settings, stop sequences [vercel/ai 21374]",
      { model: Model.GPT_5_6_LUNA, ...sampling },
      { inferenceConfig: { maxTokens: 4_096 } },
    ],
    [
      "gpt-oss: stop sequences",
      { model: Model.GPT_OSS_120B, ...sampling },
      {
        inferenceConfig: { maxTokens: 4_096, temperature: 0.3, topP: 0.5 },
      },
    ],
    [
      "Claude that thinks: sampling settings, a forced tool",
      {
        ...sampling,
        tools,
        toolChoice: { any: {} },
        bedrock: {
          additionalModelRequestFields: {
            reasoning_config: thinking,
            top_k: 3,
          },
        },
      },
      {
        inferenceConfig: { maxTokens: 6_096, stopSequences: ["END"] },
        toolConfig: { toolChoice: { auto: {} } },
        additionalModelRequestFields: { reasoning_config: thinking },
      },
    ],
    [
      "newer Claude: its own limit as maxTokens [llumiverse 562]",
      { maxTokens: 64_000 },
      { inferenceConfig: { maxTokens: 63_999 } },
    ],
    [
      "DeepSeek-R1: its reasoning",
      {
        model: Model.DEEPSEEK_R1,
        messages: [
          question,
          assistant(
            { reasoningContent: { reasoningText: { text: "Hm" } } },
            { text: "Yes" },
          ),
          question,
        ],
      },
      { messages: [question, assistant({ text: "Yes" }), question] },
    ],
    [
      "Nova: more than three keys at the top of a tool's schema [pydantic-ai 1623]",
      { model: Model.NOVA_PRO, tools },
      {
        toolConfig: {
          tools: [
            {
              toolSpec: {
                inputSchema: {
                  json: {
                    type: "object",
                    properties: { at: { type: "string" } },
                  },
                },
              },
            },
          ],
        },
      },
    ],
    [
      "Claude: a union at the top of a tool's schema",
      { tools: union },
      {
        toolConfig: {
          tools: [{ toolSpec: { inputSchema: { json: { type: "object" } } } }],
        },
      },
    ],
  ])("%s", async (_what, request, expected) => {
    await send(request);
    const body = bodyOf(local);
    expect(body).toMatchObject(expected);
    for (const name of ["inferenceConfig", "additionalModelRequestFields"])
      if (expected[name] !== undefined)
        expect(body[name]).toEqual(expected[name]);
    expect(JSON.stringify(body)).not.toContain("$schema");
  });

  test("Claude 4.6 and later: an answer to go on with", async () => {
    const failed = await failureOf(
      send({
        model: Model.CLAUDE_OPUS_4_6,
        messages: [question, assistant({ text: "It" })],
      }),
    );
    expect(failed).toMatchObject({ reason: "capability", billed: "none" });
    expect(local.requests).toHaveLength(0);
  });

  test.each([
    "ca-central-1",
    "ca-west-1",
    "sa-east-1",
    "mx-central-1",
    "il-central-1",
    "me-central-1",
    "af-south-1",
  ])(
    "models that need a profile are reached by the global one from %s",
    async (region) => {
      await send({}, region);
      expect(local.requests[0]?.modelId).toBe(
        `global.${Model.CLAUDE_HAIKU_4_5}`,
      );
    },
  );
});

describe("Blocks are sent as every model takes them", () => {
  const call = (input: unknown, name = "look") =>
    ({ toolUse: { toolUseId: "t", name, input } }) as ContentBlock;
  const result = (...content: object[]) =>
    ({ toolResult: { toolUseId: "t", content } }) as ContentBlock;
  const document = (name: string) => ({
    document: { name, format: "txt", source: { text: "A" } },
  });

  test.each<
    readonly [string, readonly ContentBlock[], readonly ContentBlock[], object]
  >([
    [
      "arguments that were cut [vercel/ai 19023]",
      [call('{"a": ')],
      [result({ text: "x" })],
      { toolUse: { input: { invalid: '{"a": ' } } },
    ],
    [
      "a name with a channel [vercel/ai 9967]",
      [call({}, "look<|channel|>commentary")],
      [result({ text: "x" })],
      { toolUse: { name: "look" } },
    ],
    [
      "a result that is a list [aichat 1542]",
      [call({})],
      [result({ json: [1, 2] })],
      { toolResult: { content: [{ text: "[1,2]" }] } },
    ],
    [
      "an empty result",
      [call({})],
      [result()],
      { toolResult: { content: [{ text: "(no output)" }] } },
    ],
    [
      "a blank one [hermes 55092]",
      [call({})],
      [result({ text: "\n" })],
      { toolResult: { content: [{ text: "(no output)" }] } },
    ],
    [
      "a document with a dot and an accent in its name [vercel/ai 20365]",
      [call({})],
      [result({ text: "x" }), { text: "See" }, document("Résumé.pdf")],
      { document: { name: "Resume-pdf" } },
    ],
    [
      "a thought without a text [LibreChat 12722]",
      [
        {
          reasoningContent: {
            reasoningText: { signature: "s" } as unknown as { text: string },
          },
        },
        call({}),
      ],
      [result({ text: "x" })],
      { reasoningContent: { reasoningText: { text: "", signature: "s" } } },
    ],
  ])("%s", async (_what, answer, next, expected) => {
    await send({ messages: [question, assistant(...answer), user(...next)] });
    const sent = bodyOf(local)["messages"] as { content: object[] }[];
    expect(sent.flatMap(({ content }) => content)).toContainEqual(
      expect.objectContaining(
        Object.fromEntries(
          Object.entries(expected).map(([key, value]) => [
            key,
            expect.objectContaining(value),
          ]),
        ),
      ),
    );
  });

  test("a message with a cache point only, messages of one role in a row", async () => {
    await send({
      messages: [
        question,
        user({ cachePoint: { type: "default" } }),
        user({ text: "And?" }),
      ],
    });
    expect(bodyOf(local)["messages"]).toEqual([
      user({ text: "Well?" }, { text: "And?" }),
    ]);
  });
});

describe("Answers that are not as the documentation says", () => {
  const usage = { inputTokens: 5, outputTokens: 0, totalTokens: 5 };

  test("a guardrail first: no message [chatlas 429]", async () => {
    local.setFaults([
      {
        status: 200,
        body: JSON.stringify({
          output: {},
          stopReason: "guardrail_intervened",
          usage,
        }),
      },
    ]);
    expect(await send()).toMatchObject({
      message: { role: "assistant", content: [] },
      stopReason: "guardrail_intervened",
      usage: { inputTokens: 5 },
      attempts: 1,
    });
  });

  test.each([
    ["end_turn beside a call [strands 767]", "end_turn", true, "tool_use"],
    ["tool_use without one [strands-env 252]", "tool_use", false, "end_turn"],
  ] as const)("%s", async (_what, stopReason, calls, expected) => {
    reply = {
      content: calls
        ? [{ toolUse: { toolUseId: "t", name: "look", input: {} } }]
        : [{ text: "Yes" }],
      stopReason,
    };
    expect((await send()).stopReason).toBe(expected);
    expect((await send({ onDelta: () => {} })).stopReason).toBe(expected);
  });

  test("a stream without usage: it is estimated, and said to be", async () => {
    reply = {
      content: [],
      rawEvents: [
        { type: "messageStart", payload: { role: "assistant" } },
        {
          type: "contentBlockDelta",
          payload: { contentBlockIndex: 0, delta: { text: "Yes, it is." } },
        },
        { type: "contentBlockStop", payload: { contentBlockIndex: 0 } },
        { type: "messageStop", payload: { stopReason: "end_turn" } },
      ],
    };
    const { usage: estimated, costUsd } = await send({ onDelta: () => {} });
    expect(estimated).toMatchObject({ estimated: true, outputTokens: 3 });
    expect(costUsd).toBeLessThan(0.001);

    const source = { bytes: new Uint8Array([1]) };
    const images = Array<ContentBlock>(20).fill({
      image: { format: "png", source },
    });
    const shown = Array.from({ length: 40 }, () => [
      { role: "user" as const, content: images },
      { role: "assistant" as const, content: [{ text: "Seen" }] },
    ]).flat();
    const { usage } = await send({
      messages: [...shown, question],
      onDelta: () => {},
    });
    // The model's context window: no model reads more.
    expect(usage).toMatchObject({ estimated: true, inputTokens: 200_000 });
  });

  test("half an emoji at the end of a piece [elizaOS 30904]", async () => {
    reply = { content: [{ text: "a😀b" }], chunks: ["a\ud83d", "\ude00b"] };
    const pieces = await invocation(local, async (context) => {
      const list: string[] = [];
      for await (const piece of context.stream("Well?")) list.push(piece);
      return list;
    });
    expect(pieces).toEqual(["a", "😀b"]);
  });
});
