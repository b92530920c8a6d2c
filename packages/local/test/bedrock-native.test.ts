import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type BedrockRequest,
  type LocalBedrock,
  type Reply,
  startBedrock,
} from "../src/index.ts";
import { EARLY, HAIKU, LLAMA, post, TITAN } from "./helpers.ts";

let bedrock: LocalBedrock;
let seen: BedrockRequest;
let reply: Reply = "ok then";

const NOVA = "us.amazon.nova-lite-v1:0";
const OPAQUE =
  "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";

beforeAll(async () => {
  bedrock = await startBedrock({
    now: EARLY,
    respond: (request) => {
      seen = request;
      return reply;
    },
  });
});

afterAll(() => bedrock.close());

const invoke = async (
  modelId: string,
  body: unknown,
  answer: Reply = "ok then",
) => {
  reply = answer;
  return post(bedrock, modelId, "invoke", body);
};

const CLAUDE_BODY = {
  anthropic_version: "bedrock-2023-05-31",
  max_tokens: 100,
  messages: [{ role: "user", content: "Hi" }],
};

describe("InvokeModel with the body of Anthropic", () => {
  test("understands every kind of block, tools and sampling", async () => {
    await invoke(HAIKU, {
      ...CLAUDE_BODY,
      system: [{ type: "text", text: "Be kind" }],
      temperature: 0.5,
      stop_sequences: ["END"],
      tools: [
        {
          name: "find",
          description: "Finds",
          input_schema: { type: "object" },
        },
      ],
      tool_choice: { type: "tool", name: "find" },
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "Hi" },
            {
              type: "image",
              source: { type: "base64", media_type: "image/png", data: "AQI=" },
            },
            {
              type: "document",
              title: "doc",
              source: { type: "text", data: "words" },
            },
            {
              type: "document",
              source: {
                type: "base64",
                media_type: "application/pdf",
                data: "AQ==",
              },
            },
          ],
        },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "s" },
            { type: "tool_use", id: "t1", name: "find", input: { a: 1 } },
            { type: "tool_use", id: "t2", name: "find", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "t1", content: "found" },
            {
              type: "tool_result",
              tool_use_id: "t2",
              content: [{ type: "text", text: "x" }],
              is_error: true,
            },
          ],
        },
      ],
    });
    expect(seen).toMatchObject({
      operation: "InvokeModel",
      streaming: false,
      system: [{ text: "Be kind" }],
      inferenceConfig: {
        maxTokens: 100,
        temperature: 0.5,
        stopSequences: ["END"],
      },
      toolConfig: {
        tools: [
          {
            toolSpec: {
              name: "find",
              description: "Finds",
              inputSchema: { json: { type: "object" } },
            },
          },
        ],
        toolChoice: { tool: { name: "find" } },
      },
      messages: [
        {
          role: "user",
          content: [
            { text: "Hi" },
            {
              image: {
                format: "png",
                source: { bytes: new Uint8Array([1, 2]) },
              },
            },
            { document: { name: "doc", source: { text: "words" } } },
            {
              document: {
                name: "document",
                format: "pdf",
                source: { bytes: new Uint8Array([1]) },
              },
            },
          ],
        },
        {
          role: "assistant",
          content: [
            {
              reasoningContent: {
                reasoningText: { text: "hm", signature: "s" },
              },
            },
            { toolUse: { toolUseId: "t1", name: "find", input: { a: 1 } } },
            { toolUse: { toolUseId: "t2", name: "find", input: {} } },
          ],
        },
        {
          role: "user",
          content: [
            {
              toolResult: {
                toolUseId: "t1",
                status: "success",
                content: [{ text: "found" }],
              },
            },
            {
              toolResult: {
                toolUseId: "t2",
                status: "error",
                content: [{ text: "x" }],
              },
            },
          ],
        },
      ],
      body: { anthropic_version: "bedrock-2023-05-31" },
    });
  });

  test("answers in Anthropic's form, with the token counts as headers", async () => {
    const answer = await invoke(HAIKU, CLAUDE_BODY, {
      content: [
        { reasoningContent: { reasoningText: { text: "hm", signature: "s" } } },
        { text: "Hello" },
        { toolUse: { toolUseId: "t", name: "find", input: { a: 1 } } },
        { cachePoint: { type: "default" } },
      ],
      usage: { inputTokens: 5, outputTokens: 6, cacheReadInputTokens: 7 },
    });
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^msg_bdrk_[0-9a-f]{24}$/),
      type: "message",
      role: "assistant",
      model: HAIKU,
      content: [
        { type: "thinking", thinking: "hm", signature: "s" },
        { type: "text", text: "Hello" },
        { type: "tool_use", id: "t", name: "find", input: { a: 1 } },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      usage: {
        input_tokens: 5,
        output_tokens: 6,
        cache_read_input_tokens: 7,
        cache_creation_input_tokens: 0,
      },
    });
    expect(answer.headers.get("x-amzn-bedrock-input-token-count")).toBe("5");
    expect(answer.headers.get("x-amzn-bedrock-output-token-count")).toBe("6");
  });

  test("takes an output schema, automatic tools and a system prompt of plain text", async () => {
    await invoke(HAIKU, {
      ...CLAUDE_BODY,
      system: "Be brief",
      tools: [{ name: "find", input_schema: { type: "object" } }],
      tool_choice: { type: "auto" },
      output_config: {
        format: {
          type: "json_schema",
          schema: { type: "object", additionalProperties: false },
        },
      },
    });
    expect(seen.system).toEqual([{ text: "Be brief" }]);
    expect(seen.toolConfig?.toolChoice).toEqual({ auto: {} });
    expect(seen.outputConfig?.textFormat?.structure.jsonSchema.schema).toBe(
      '{"type":"object","additionalProperties":false}',
    );
    await invoke(HAIKU, {
      ...CLAUDE_BODY,
      tools: [{ name: "find", input_schema: { type: "object" } }],
    });
    expect(seen.toolConfig?.toolChoice).toBeUndefined();
    expect(seen.outputConfig).toBeUndefined();
  });

  test.each([
    [{ type: "audio" }],
    [{ type: "text" }],
    [{ type: "image" }],
    [{ type: "document" }],
    [{ type: "document", source: { type: "text" } }],
  ])("a block such as %j is refused or read as empty", async (block) => {
    const answer = await invoke(HAIKU, {
      ...CLAUDE_BODY,
      messages: [{ role: "user", content: [block] }],
    });
    expect([200, 400]).toContain(answer.status);
  });

  test("a message without content is refused", async () => {
    const answer = await invoke(HAIKU, {
      ...CLAUDE_BODY,
      messages: [{ role: "user" }],
    });
    expect(answer.status).toBe(400);
  });
});

describe("InvokeModel with the body of", () => {
  test("Amazon Nova, in both of its spellings", async () => {
    const messages = [{ role: "user", content: [{ text: "Hi" }] }];
    const answer = await invoke(NOVA, {
      messages,
      inferenceConfig: { max_new_tokens: 1, top_p: 0.5 },
    });
    expect(seen.inferenceConfig).toEqual({ maxTokens: 1, topP: 0.5 });
    expect(answer.body).toEqual({
      output: { message: { role: "assistant", content: [{ text: "ok" }] } },
      stopReason: "max_tokens",
      usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
    });
    await invoke(NOVA, {
      messages,
      inferenceConfig: { maxTokens: 9, topP: 0.1 },
      system: [{ text: "s" }],
    });
    expect(seen).toMatchObject({
      inferenceConfig: { maxTokens: 9, topP: 0.1 },
      system: [{ text: "s" }],
    });
  });

  test.each([
    ["end_turn", "FINISH"],
    ["max_tokens", "LENGTH"],
    ["stop_sequence", "STOP_CRITERIA_MET"],
    ["content_filtered", "CONTENT_FILTERED"],
  ])("Amazon Titan, where %s is %s", async (stopReason, completionReason) => {
    const answer = await invoke(
      TITAN,
      {
        inputText: "Hello",
        textGenerationConfig: {
          maxTokenCount: 50,
          temperature: 0,
          topP: 1,
          stopSequences: ["|"],
        },
      },
      { content: [{ text: "Hi!" }], stopReason },
    );
    expect(seen.inferenceConfig).toEqual({
      maxTokens: 50,
      temperature: 0,
      topP: 1,
      stopSequences: ["|"],
    });
    expect(answer.body).toEqual({
      inputTextTokenCount: 2,
      results: [{ tokenCount: 1, outputText: "Hi!", completionReason }],
    });
  });

  test("Meta Llama, without the tokens of its template", async () => {
    const prompt =
      "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>assistant<|end_header_id|>";
    const answer = await invoke(LLAMA, {
      prompt,
      max_gen_len: 1,
      temperature: 0.1,
      top_p: 0.2,
    });
    expect(seen.messages).toEqual([
      { role: "user", content: [{ text: "Hello" }] },
    ]);
    expect(answer.body).toEqual({
      generation: "ok",
      prompt_token_count: 2,
      generation_token_count: 1,
      stop_reason: "length",
    });
    expect((await invoke(LLAMA, { prompt: "x" })).body.stop_reason).toBe(
      "stop",
    );
  });

  test.each([
    ["Anthropic", CLAUDE_BODY, "content"],
    ["Titan", { inputText: "x" }, "results"],
    ["Llama", { prompt: "x" }, "generation"],
    [
      "Nova",
      { messages: [{ role: "user", content: [{ text: "x" }] }] },
      "output",
    ],
  ])(
    "%s, told by the body when the id does not tell",
    async (_family, body, key) => {
      expect((await invoke(OPAQUE, body)).body).toHaveProperty(key);
    },
  );

  test("nobody known is refused, and missing members count as empty", async () => {
    expect((await invoke(OPAQUE, { text: "x" })).body.message).toContain(
      "Malformed input request",
    );
    expect((await invoke(TITAN, {})).status).toBe(200);
    expect((await invoke(LLAMA, {})).status).toBe(200);
    expect((await invoke(HAIKU, {})).status).toBe(400);
  });
});

describe("CountTokens", () => {
  const count = (modelId: string, input: unknown) =>
    post(bedrock, modelId, "count-tokens", { input });
  const CLAUDE = "anthropic.claude-haiku-4-5-20251001-v1:0";

  test("counts system, tools, documents, results and reasoning", async () => {
    const small = await count(CLAUDE, {
      converse: { messages: [{ role: "user", content: [{ text: "Hi" }] }] },
    });
    const large = await count(CLAUDE, {
      converse: {
        system: [{ text: "Be kind" }, { cachePoint: { type: "default" } }],
        toolConfig: { tools: [{ toolSpec: { name: "find" } }] },
        messages: [
          {
            role: "user",
            content: [
              { text: "Hi" },
              { document: { name: "a", source: { text: "some words" } } },
              {
                document: {
                  name: "b",
                  format: "txt",
                  source: {
                    bytes: Buffer.from("more words").toString("base64"),
                  },
                },
              },
              {
                document: {
                  name: "c",
                  format: "pdf",
                  source: { bytes: "AQID" },
                },
              },
              { document: { name: "c", source: { bytes: "AQID" } } },
              {
                document: {
                  name: "d",
                  source: { content: [{ text: "other words" }] },
                },
              },
              { document: { name: "e" } },
              { searchResult: { content: [{ text: "found words" }] } },
              { guardContent: { text: { text: "guarded words" } } },
              { image: { source: { s3Location: { uri: "s3://b/k" } } } },
            ],
          },
          {
            role: "assistant",
            content: [
              {
                reasoningContent: {
                  reasoningText: { text: "thinking about it" },
                },
              },
              {
                toolUse: {
                  toolUseId: "t",
                  name: "find",
                  input: { what: "keys" },
                },
              },
              { toolUse: {} },
            ],
          },
          {
            role: "user",
            content: [
              {
                toolResult: {
                  toolUseId: "t",
                  content: [{ json: { at: "home" } }],
                },
              },
              "odd",
            ],
          },
        ],
      },
    });
    expect(small.body).toEqual({ inputTokens: 1 });
    expect(large.body.inputTokens).toBeGreaterThan(40);
  });

  test("counts native bodies", async () => {
    const body = Buffer.from(JSON.stringify(CLAUDE_BODY)).toString("base64");
    expect((await count(CLAUDE, { invokeModel: { body } })).body).toEqual({
      inputTokens: 1,
    });
  });

  test.each([HAIKU, "global.anthropic.claude-haiku-4-5-20251001-v1:0", OPAQUE])(
    "refuses the profile %s",
    async (modelId) => {
      const answer = await count(modelId, { converse: {} });
      expect(answer.status).toBe(400);
      expect(answer.headers.get("x-amzn-errortype")).toBe(
        "ValidationException",
      );
    },
  );

  test("refuses what is neither", async () => {
    expect((await count(CLAUDE, {})).status).toBe(400);
    expect(
      (await count(CLAUDE, { invokeModel: { body: "e30-" } })).status,
    ).toBe(400);
  });
});
