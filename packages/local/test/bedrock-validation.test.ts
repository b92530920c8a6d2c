import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { listModels } from "@lambdallm/core";
import { routeOf } from "../src/bedrock/route.ts";
import { validateModel } from "../src/bedrock/validate.ts";
import { type LocalBedrock, startBedrock } from "../src/index.ts";
import { EARLY, HAIKU, LLAMA, post, TITAN } from "./helpers.ts";

let bedrock: LocalBedrock;

beforeAll(async () => {
  bedrock = await startBedrock({ respond: () => "ok", now: EARLY });
});

afterAll(() => bedrock.close());

const user = (...content: unknown[]) => ({ role: "user", content });
const assistant = (...content: unknown[]) => ({ role: "assistant", content });
const HI = [user({ text: "Hi" })];
const tool = (more: object = {}) => ({
  toolSpec: {
    name: "find",
    inputSchema: { json: { type: "object" } },
    ...more,
  },
});
const toolConfig = { tools: [tool()] };
const call = { toolUse: { toolUseId: "t1", name: "find", input: {} } };
const result = { toolResult: { toolUseId: "t1", content: [{ text: "x" }] } };
const format = (schema: unknown) => ({
  outputConfig: {
    textFormat: {
      type: "json_schema",
      structure: {
        jsonSchema: {
          schema: typeof schema === "string" ? schema : JSON.stringify(schema),
        },
      },
    },
  },
});
const CLOSED = { type: "object", additionalProperties: false };
const OPUS = "us.anthropic.claude-opus-4-8";
const SONNET_4 = "us.anthropic.claude-sonnet-4-20250514-v1:0";
const LLAMA_31 = "us.meta.llama3-1-8b-instruct-v1:0";
const MISTRAL_LARGE = "mistral.mistral-large-2402-v1:0";
const NOVEL = "acme.model-x";

describe("refused with a ValidationException:", () => {
  test.each<[string, string, object, string]>([
    ["no messages", HAIKU, {}, "The messages field is empty"],
    [
      "a tool that is none",
      HAIKU,
      { messages: HI, toolConfig: { tools: [{}] } },
      "The Tool object at toolConfig.tools.0 must set one of",
    ],
    [
      "an image of a kind that does not exist",
      HAIKU,
      { messages: [user({ image: { format: "jpg", source: { bytes: "" } } })] },
      "Value 'jpg' at 'messages.0.content.0.image.format'",
    ],
    [
      "a conversation that begins with the assistant",
      HAIKU,
      { messages: [assistant({ text: "x" })] },
      "must start with a user message",
    ],
    [
      "an unknown role",
      HAIKU,
      { messages: [{ role: "robot", content: [{ text: "x" }] }] },
      "Value 'robot' at 'messages.0.role'",
    ],
    [
      "a message without content",
      HAIKU,
      { messages: [user()] },
      "content field in the Message object at messages.0 is empty",
    ],
    [
      "an empty block",
      HAIKU,
      { messages: [user({})] },
      "messages.0.content.0 must set one of the following keys",
    ],
    [
      "a block of two kinds",
      HAIKU,
      { messages: [user({ text: "x", image: {} })] },
      "must set one of",
    ],
    [
      "a block that is none",
      HAIKU,
      { messages: [user("x")] },
      "must set one of",
    ],
    [
      "blank text on Claude",
      HAIKU,
      { messages: [user({ text: " \n" })] },
      "messages.0.content.0 is blank",
    ],
    [
      "tool blocks without toolConfig",
      HAIKU,
      { messages: [...HI, assistant(call), user(result)] },
      "toolConfig field must be defined",
    ],
    [
      "a call without its result",
      HAIKU,
      { messages: [...HI, assistant(call), user({ text: "x" })], toolConfig },
      "Expected toolResult blocks at messages.2.content for the following Ids: t1",
    ],
    [
      "a JSON result that is null, which the SDK would drop",
      HAIKU,
      {
        messages: [
          ...HI,
          assistant(call),
          user({ toolResult: { toolUseId: "t1", content: [{ json: null }] } }),
        ],
        toolConfig,
      },
      "messages.2.content.0.toolResult.content.0.json is invalid",
    ],
    [
      "a call of a tool without a name",
      HAIKU,
      {
        messages: [
          ...HI,
          assistant({ toolUse: { toolUseId: "t1", input: {} } }),
          user(result),
        ],
        toolConfig,
      },
      "Value '' at 'messages.2.member.content.1.member.toolUse.name'",
    ],
    [
      "a call without an id",
      HAIKU,
      {
        messages: [
          ...HI,
          assistant({ toolUse: { name: "find", input: {} } }),
          ...HI,
        ],
        toolConfig,
      },
      "Value '' at 'messages.2.member.content.1.member.toolUse.toolUseId'",
    ],
    [
      "a document without a name",
      HAIKU,
      { messages: [user({ text: "x" }, { document: {} })] },
      "Value '' at 'messages.1.member.content.2.member.document.name'",
    ],
    [
      "a result without its call",
      HAIKU,
      { messages: [user(result)], toolConfig },
      "exceeds the number of toolUse blocks",
    ],
    [
      "a document without text",
      HAIKU,
      { messages: [user({ document: { name: "d", source: { text: "x" } } })] },
      "A text block must be included when using documents",
    ],
    [
      "a system prompt on Titan",
      TITAN,
      { messages: HI, system: [{ text: "x" }] },
      "doesn't support system messages",
    ],
    [
      "tools on Llama 3",
      LLAMA,
      { messages: HI, toolConfig },
      "doesn't support tool use.",
    ],
    [
      "no tools in toolConfig",
      HAIKU,
      { messages: HI, toolConfig: { tools: [] } },
      "must have at least one tool",
    ],
    [
      "a tool's bad name",
      HAIKU,
      { messages: HI, toolConfig: { tools: [tool({ name: "a b" })] } },
      "Value 'a b'",
    ],
    [
      "a tool without a name",
      HAIKU,
      {
        messages: HI,
        toolConfig: {
          tools: [{ toolSpec: { inputSchema: { json: { type: "object" } } } }],
        },
      },
      "Value ''",
    ],
    [
      "a tool's schema that is no object",
      HAIKU,
      {
        messages: HI,
        toolConfig: {
          tools: [tool({ inputSchema: { json: { type: "string" } } })],
        },
      },
      "must be one of the following: object",
    ],
    [
      "strict tools on a Claude without them",
      SONNET_4,
      { messages: HI, toolConfig: { tools: [tool({ strict: false })] } },
      "tools.0.custom.strict: Extra inputs are not permitted",
    ],
    [
      "a forced tool on Llama 3.1",
      LLAMA_31,
      {
        messages: HI,
        toolConfig: { ...toolConfig, toolChoice: { tool: { name: "find" } } },
      },
      "toolConfig.toolChoice.tool field",
    ],
    [
      "any tool on Llama 3.1",
      LLAMA_31,
      { messages: HI, toolConfig: { ...toolConfig, toolChoice: { any: {} } } },
      "toolConfig.toolChoice.any field",
    ],
    [
      "one tool on Mistral Large",
      MISTRAL_LARGE,
      {
        messages: HI,
        toolConfig: { ...toolConfig, toolChoice: { tool: { name: "find" } } },
      },
      "toolConfig.toolChoice.tool field",
    ],
    [
      "a forced tool that is not there",
      HAIKU,
      {
        messages: HI,
        toolConfig: { ...toolConfig, toolChoice: { tool: { name: "gone" } } },
      },
      "tool name gone does not match",
    ],
    [
      "a forced tool while thinking",
      HAIKU,
      {
        messages: HI,
        toolConfig: { ...toolConfig, toolChoice: { any: {} } },
        additionalModelRequestFields: { thinking: { type: "enabled" } },
      },
      "Thinking may not be enabled when tool_choice forces tool use",
    ],
    [
      "temperature on a model without it",
      OPUS,
      { messages: HI, inferenceConfig: { temperature: 0 } },
      "`temperature` is deprecated for this model",
    ],
    [
      "topP on a model without it",
      OPUS,
      { messages: HI, inferenceConfig: { topP: 0.5 } },
      "`top_p` is deprecated",
    ],
    [
      "temperature and topP on Claude 4.5",
      HAIKU,
      { messages: HI, inferenceConfig: { temperature: 0, topP: 1 } },
      "cannot both be specified",
    ],
    [
      "a temperature above 1",
      HAIKU,
      { messages: HI, inferenceConfig: { temperature: 2 } },
      "at 'inferenceConfig.temperature'",
    ],
    [
      "a negative topP",
      HAIKU,
      { messages: HI, inferenceConfig: { topP: -1 } },
      "at 'inferenceConfig.topP'",
    ],
    [
      "maxTokens of 0",
      HAIKU,
      { messages: HI, inferenceConfig: { maxTokens: 0 } },
      "greater than or equal to 1",
    ],
    [
      "maxTokens above the limit",
      LLAMA,
      { messages: HI, inferenceConfig: { maxTokens: 100_000 } },
      "exceeds the model limit of",
    ],
    [
      "a prompt that is too long",
      LLAMA,
      { messages: [user({ text: "word ".repeat(10_000) })] },
      "Input is too long for requested model.",
    ],
    [
      "a system prompt that is too long",
      LLAMA,
      {
        messages: HI,
        system: [{ text: "word ".repeat(10_000) }, { cachePoint: {} }],
      },
      "Input is too long|caching",
    ],
    [
      "an image on a model without vision",
      LLAMA,
      {
        messages: [
          user({ image: { format: "png", source: { bytes: "AA==" } } }),
        ],
      },
      "doesn't support the image",
    ],
    [
      "a schema on a model without",
      SONNET_4,
      { messages: HI, ...format(CLOSED) },
      "output_config.format: Extra inputs are not permitted",
    ],
    [
      "a schema that is no JSON",
      NOVEL,
      { messages: HI, ...format("{") },
      "not a valid JSON object",
    ],
    [
      "a schema that is missing",
      NOVEL,
      { messages: HI, outputConfig: { textFormat: {} } },
      "not a valid JSON object",
    ],
    [
      "a schema with an open object",
      HAIKU,
      { messages: HI, ...format({ type: "object" }) },
      "'additionalProperties' must be explicitly set to false",
    ],
    [
      "a schema with an open object inside",
      HAIKU,
      {
        messages: HI,
        ...format({
          ...CLOSED,
          properties: { a: { anyOf: [{ properties: {} }] } },
        }),
      },
      "additionalProperties",
    ],
    [
      "a schema with a minimum",
      HAIKU,
      {
        messages: HI,
        ...format({
          ...CLOSED,
          properties: { a: { type: "integer", minimum: 1 } },
        }),
      },
      "For 'integer' type, property 'minimum' is not supported",
    ],
    [
      "a schema with a length and no type",
      HAIKU,
      {
        messages: HI,
        ...format({ ...CLOSED, $defs: { a: { maxLength: 1 } } }),
      },
      "For 'any' type, property 'maxLength'",
    ],
    [
      "a schema with two items at least",
      HAIKU,
      {
        messages: HI,
        ...format({ type: "array", items: { type: "string" }, minItems: 2 }),
      },
      "'minItems' values other than 0 or 1",
    ],
    [
      "a schema that refers to another file",
      HAIKU,
      {
        messages: HI,
        ...format({ ...CLOSED, properties: { a: { $ref: "other.json" } } }),
      },
      "'\\$ref' must point into the schema",
    ],
  ])("%s", async (_what, modelId, body, message) => {
    const answer = await post(bedrock, modelId, "converse", body);
    expect(answer.body.message).toMatch(new RegExp(message));
    expect(answer.headers.get("x-amzn-errortype")).toMatch(
      /^(ValidationException|AccessDeniedException)$/,
    );
    expect(answer.headers.get("x-amzn-requestid")).not.toBeNull();
  });

  test("tools while streaming, where the model has them only in one piece", async () => {
    const body = { messages: HI, toolConfig };
    const streamed = await post(bedrock, LLAMA_31, "converse-stream", body);
    expect(streamed.body.message).toBe(
      "This model doesn't support tool use in streaming mode.",
    );
    expect((await post(bedrock, LLAMA_31, "converse", body)).status).toBe(200);
  });

  test.each(["nonsense", "a..b", "acme.model x", "arn:aws:s3:::bucket", "%zz"])(
    "the model id %s",
    async (modelId) => {
      const answer = await post(bedrock, modelId, "converse", { messages: HI });
      expect(answer.status).toBe(400);
      expect(answer.body.message).toBe(
        "The provided model identifier is invalid.",
      );
    },
  );
});

describe("refused otherwise:", () => {
  test("a cache point on a model that does not cache, wherever it is", async () => {
    const cachePoint = { type: "default" };
    for (const body of [
      { messages: [user({ text: "x" }, { cachePoint })] },
      { messages: HI, system: [{ text: "x" }, { cachePoint }] },
    ]) {
      const answer = await post(bedrock, LLAMA_31, "converse", body);
      expect(answer.status).toBe(403);
      expect(answer.body.message).toContain("prompt caching");
    }
  });

  test("a model past its end of life, but not in the Regions where it lives on", async () => {
    const late = await startBedrock({
      respond: () => "ok",
      now: () => Date.parse("2026-11-01"),
    });
    const ask = (region: string) =>
      post(
        late,
        "anthropic.claude-3-haiku-20240307-v1:0",
        "converse",
        { messages: HI },
        {
          authorization: `AWS4-HMAC-SHA256 Credential=AKID/20261101/${region}/bedrock/aws4_request, SignedHeaders=x`,
        },
      );
    const gone = await ask("us-east-1");
    expect(gone.status).toBe(404);
    expect(gone.headers.get("x-amzn-errortype")).toBe(
      "ResourceNotFoundException",
    );
    expect(gone.body.message).toMatch(
      /^This model version has reached the end of its life\./,
    );
    expect((await ask("sa-east-1")).status).toBe(200);
    const unsigned = await post(
      late,
      "anthropic.claude-3-haiku-20240307-v1:0",
      "converse",
      { messages: HI },
    );
    expect(unsigned.status).toBe(404);
    await late.close();
  });

  test("a body that is no JSON object", async () => {
    for (const body of ["{", "[]", ""]) {
      const answer = await post(bedrock, HAIKU, "converse", body);
      expect([answer.status, answer.headers.get("x-amzn-errortype")]).toEqual([
        400,
        "SerializationException",
      ]);
    }
  });

  test("paths and methods that do not exist", async () => {
    expect(
      (await post(bedrock, HAIKU, "dance", {})).headers.get("x-amzn-errortype"),
    ).toBe("UnknownOperationException");
    expect((await fetch(`${bedrock.url}/model/${HAIKU}/converse`)).status).toBe(
      404,
    );
    expect((await fetch(bedrock.url)).status).toBe(404);
    expect(bedrock.requests.at(-1)).toMatchObject({
      operation: undefined,
      modelId: undefined,
      body: undefined,
    });
  });

  test("a body larger than 25 MB", async () => {
    const answer = await post(
      bedrock,
      HAIKU,
      "converse",
      "x".repeat(25 * 1024 * 1024 + 1),
    );
    expect(answer.status).toBe(413);
    expect(bedrock.requests.at(-1)?.body).toBeUndefined();
  });
});

describe("accepted:", () => {
  test.each<[string, string, object]>([
    [
      "everything on a model that nobody knows",
      NOVEL,
      {
        messages: [user({ text: " " }, { image: {} }, { cachePoint: {} })],
        system: [{ text: "x" }],
        toolConfig: { ...toolConfig, toolChoice: { tool: { name: "find" } } },
        inferenceConfig: { maxTokens: 1e9, temperature: 1, topP: 1 },
        ...format({ type: "object", minimum: 1 }),
      },
    ],
    [
      "calls with their results",
      HAIKU,
      {
        messages: [...HI, assistant(call), user(result, { text: "x" })],
        toolConfig,
      },
    ],
    [
      "the tools of the service and cache points between tools",
      HAIKU,
      {
        messages: HI,
        toolConfig: {
          tools: [
            { systemTool: { name: "nova_grounding" } },
            { cachePoint: { type: "default" } },
            tool(),
          ],
        },
      },
    ],
    [
      "a call that the model's own server ran",
      HAIKU,
      {
        messages: [
          ...HI,
          assistant({ toolUse: { ...call.toolUse, type: "server_tool_use" } }),
          user({ text: "x" }),
        ],
        toolConfig,
      },
    ],
    [
      "any tool on Mistral Large",
      MISTRAL_LARGE,
      { messages: HI, toolConfig: { ...toolConfig, toolChoice: { any: {} } } },
    ],
    [
      "strict tools on a Claude with them",
      HAIKU,
      {
        messages: HI,
        toolConfig: {
          tools: [tool({ strict: true })],
          toolChoice: { auto: {} },
        },
      },
    ],
    [
      "a schema within the subset",
      HAIKU,
      {
        messages: HI,
        ...format({
          ...CLOSED,
          properties: {
            a: { $ref: "#/$defs/b" },
            c: { type: "array", items: { type: "string" }, minItems: 1 },
            d: { enum: [1] },
          },
          $defs: { b: { type: "string" } },
        }),
      },
    ],
    [
      "a guarded system prompt",
      HAIKU,
      { messages: HI, system: [{ guardContent: { text: { text: "x" } } }] },
    ],
    [
      "an effort without a format",
      HAIKU,
      { messages: HI, outputConfig: { effort: "low" } },
    ],
    [
      "a prompt of prompt management without messages",
      "arn:aws:bedrock:us-east-1:123456789012:prompt/ABC:1",
      {},
    ],
    [
      "a context variant",
      "anthropic.claude-3-5-sonnet-20240620-v1:0:200k",
      { messages: HI },
    ],
    [
      "hostile keys",
      HAIKU,
      JSON.parse(
        '{"messages":[{"role":"user","content":[{"text":"x"}],"__proto__":{"role":"x"}}],"__proto__":{"system":1},"constructor":1}',
      ),
    ],
  ])("%s", async (_what, modelId, body) => {
    const answer = await post(bedrock, modelId, "converse", body);
    expect(answer.body).toMatchObject({ stopReason: "end_turn" });
    expect(({} as Record<string, unknown>)["system"]).toBeUndefined();
  });

  test("the ids of all models of the catalog, with and without a profile's prefix", () => {
    for (const { id, profiles = [] } of listModels())
      for (const prefix of ["", ...profiles.map((profile) => `${profile}.`)])
        expect(() =>
          validateModel(prefix + id, undefined, {
            region: undefined,
            now: 0,
            operation: "Converse",
          }),
        ).not.toThrow();
  });

  test("a query behind the path, and a path that is no percent-encoding", () => {
    expect(routeOf("POST", "/model/a.b/invoke?x=1")).toEqual({
      operation: "InvokeModel",
      modelId: "a.b",
    });
    expect(routeOf("POST", "/model/%zz/invoke")).toEqual({
      operation: "InvokeModel",
      modelId: "%zz",
    });
    expect(routeOf("POST", "")).toBeUndefined();
  });
});
