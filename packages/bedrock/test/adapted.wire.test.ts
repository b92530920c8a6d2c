import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import {
  type BedrockSettings,
  type ConverseRequest,
  Model,
  type Tool,
} from "@lambdallm/core";
import type { LocalBedrock } from "@lambdallm/local";
import { MockLambdaContext } from "@lambdallm/testing";
import middy from "@middy/core";
import { bedrock } from "../src/index.ts";
import { bodyOf, clientConfig, REGION, sentTo, start } from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await start();
});
beforeEach(() => local.reset());
afterAll(() => local.close());

const sent = (request: Partial<ConverseRequest>) =>
  sentTo(local, {
    messages: [{ role: "user", content: [{ text: "Well?" }] }],
    ...request,
  });

const thinking = (fields: object = {}): BedrockSettings => ({
  additionalModelRequestFields: {
    thinking: { type: "enabled", budget_tokens: 2_000 },
    ...fields,
  },
});

const tool: Tool = {
  toolSpec: {
    name: "look",
    description: "Looks",
    inputSchema: { json: { type: "object", properties: {} } },
  },
};

describe("Every request has room for an answer, and no more than the model gives", () => {
  test.each([
    ["4,096 tokens unless somebody says otherwise", {}, 4_096],
    [
      "the model's limit where that is smaller",
      { model: Model.LLAMA3_8B },
      2_048,
    ],
    ["what the call says", { maxTokens: 9_999 }, 9_999],
    ["besides what the model may think", { bedrock: thinking() }, 6_096],
  ] as const)("%s", async (_what, request, maxTokens) => {
    const { body, adaptations } = await sent(request);
    expect(body["inferenceConfig"]).toEqual({ maxTokens });
    expect(adaptations).toEqual([]);
  });

  test("more than the model gives is told", async () => {
    const { body, adaptations } = await sent({
      model: Model.CLAUDE_SONNET_4_5,
      maxTokens: 100_000,
    });
    // The limit of newer Claude is exclusive.
    expect(body["inferenceConfig"]).toEqual({ maxTokens: 63_999 });
    expect(adaptations).toEqual([
      {
        setting: "maxTokens",
        change: "changed",
        reason: "the model writes at most 63999 tokens",
      },
    ]);
  });

  test("a budget of thinking that leaves no room, or is none, is an error that names both", async () => {
    await expect(
      sent({ maxTokens: 2_000, bedrock: thinking() }),
    ).rejects.toThrow(/^maxTokens \(2000\) must be above the budget .* 2000\)/);
    const little = { thinking: { type: "enabled", budget_tokens: 100 } };
    await expect(
      sent({ bedrock: { additionalModelRequestFields: little } }),
    ).rejects.toThrow("must be at least 1024, not 100");
    expect(local.requests).toHaveLength(0);
  });
});

describe("Settings that a model does not take are left out, and the event says which and why", () => {
  const noSampling = "the model takes no sampling settings";
  const whileThinking = "the model does not take it while it thinks";
  test.each<
    readonly [string, Partial<ConverseRequest>, object, readonly object[]]
  >([
    [
      "GPT-5.6 takes neither sampling settings nor stop sequences",
      {
        model: Model.GPT_5_6_SOL,
        temperature: 0.2,
        topP: 0.9,
        stopSequences: ["END"],
      },
      {},
      [
        { setting: "temperature", reason: noSampling },
        { setting: "topP", reason: noSampling },
        {
          setting: "stopSequences",
          reason: "the model takes no stop sequences",
        },
      ],
    ],
    [
      "gpt-oss takes no stop sequences",
      { model: Model.GPT_OSS_20B, temperature: 0.2, stopSequences: ["END"] },
      { temperature: 0.2 },
      [{ setting: "stopSequences" }],
    ],
    [
      "Claude takes no blank stop sequence",
      { stopSequences: [" ", "END"] },
      { stopSequences: ["END"] },
      [{ setting: "stopSequences[0]" }],
    ],
    [
      "none of them may be left",
      { stopSequences: ["\n"] },
      {},
      [{ setting: "stopSequences[0]" }],
    ],
    [
      "a temperature while the model thinks",
      { temperature: 0.2, topP: 0.5, bedrock: thinking() },
      {},
      [
        {
          setting: "temperature",
          reason: "while it thinks, the model takes 1 only",
        },
        { setting: "topP" },
      ],
    ],
    [
      "but not those that thinking leaves",
      { topP: 0.97, bedrock: thinking() },
      { topP: 0.97 },
      [],
    ],
    [
      "adaptive thinking is thinking, too",
      {
        temperature: 0.5,
        bedrock: {
          additionalModelRequestFields: { thinking: { type: "adaptive" } },
        },
      },
      {},
      [{ setting: "temperature" }],
    ],
    [
      "thinking that is turned off is none",
      {
        temperature: 0.5,
        bedrock: {
          additionalModelRequestFields: { thinking: { type: "disabled" } },
        },
      },
      { temperature: 0.5 },
      [],
    ],
    [
      "both sampling settings where one is taken",
      { temperature: 0.5, topP: 0.9 },
      { temperature: 0.5 },
      [
        {
          setting: "topP",
          reason: "the model takes it or temperature, not both",
        },
      ],
    ],
    [
      "top_k while the model thinks",
      { bedrock: thinking({ top_k: 5 }) },
      {},
      [
        {
          setting: "bedrock.additionalModelRequestFields.top_k",
          reason: whileThinking,
        },
      ],
    ],
  ])("%s", async (_what, request, inferenceConfig, expected) => {
    const { body, adaptations } = await sent({ maxTokens: 5_000, ...request });
    expect(body["inferenceConfig"]).toEqual({
      maxTokens: 5_000,
      ...inferenceConfig,
    });
    expect(adaptations).toEqual(
      expected.map((adaptation) => ({
        change: "left-out",
        reason: expect.stringMatching(/./),
        ...adaptation,
      })),
    );
  });

  test("top_k where there is no sampling, and the fields that are left with it", async () => {
    const { body, adaptations } = await sent({
      model: Model.CLAUDE_OPUS_5,
      bedrock: { additionalModelRequestFields: { top_k: 5, other: true } },
    });
    expect(body["additionalModelRequestFields"]).toEqual({ other: true });
    expect(adaptations).toMatchObject([
      { change: "left-out", reason: noSampling },
    ]);
    const alone = await sent({
      model: Model.CLAUDE_OPUS_5,
      bedrock: { additionalModelRequestFields: { top_k: 5 } },
    });
    expect(alone.body).not.toHaveProperty("additionalModelRequestFields");
    const taken = await sent({
      bedrock: { additionalModelRequestFields: { top_k: 5 } },
    });
    expect(taken.body["additionalModelRequestFields"]).toEqual({ top_k: 5 });
  });

  test.each(["temperature", "topP"] as const)(
    "a %s that no model of the service takes is an error",
    async (name) => {
      const failed = sent({ [name]: name === "topP" ? 2 : 1.5 });
      await expect(failed).rejects.toThrow(name);
      expect(local.requests).toHaveLength(0);
    },
  );

  test("a managed prompt brings its own settings", async () => {
    const { adaptations } = await sent({
      model: "arn:aws:bedrock:us-east-1:123456789012:prompt/ABC:1",
      system: "ignored",
      maxTokens: 10,
      bedrock: { additionalModelRequestFields: { top_k: 1 } },
    });
    expect(adaptations).toEqual(
      ["system", "maxTokens", "bedrock.additionalModelRequestFields"].map(
        (setting) => ({
          setting,
          change: "left-out",
          reason: "a managed prompt brings its own",
        }),
      ),
    );
  });
});

describe("Tools are put as the model takes them", () => {
  const choiceOf = (body: Record<string, unknown>) =>
    Reflect.get(Object(body["toolConfig"]), "toolChoice");

  test.each([
    [Model.CLAUDE_HAIKU_4_5, { tool: { name: "look" } }],
    [Model.NOVA_LITE, { any: {} }],
    [Model.CLAUDE_HAIKU_4_5, { auto: {} }],
    [Model.MISTRAL_LARGE_2407, { any: {} }],
  ] as const)("%s is forced as asked", async (model, toolChoice) => {
    const { body, adaptations } = await sent({
      model,
      tools: [tool],
      toolChoice,
    });
    expect(choiceOf(body)).toEqual(toolChoice);
    expect(adaptations).toEqual([]);
  });

  const other: Tool = {
    toolSpec: { name: "other", inputSchema: { json: { type: "object" } } },
  };
  test.each([
    [
      "one tool that must be called, where any can be asked for",
      Model.MISTRAL_LARGE_2407,
      [tool],
      { any: {} },
    ],
    ["one of two", Model.MISTRAL_LARGE_2407, [tool, other], { auto: {} }],
    ["where nothing can be forced", Model.LLAMA3_3_70B, [tool], { auto: {} }],
  ] as const)("%s", async (_what, model, tools, expected) => {
    const { body, adaptations } = await sent({
      model,
      tools,
      toolChoice: { tool: { name: "look" } },
    });
    expect(choiceOf(body)).toEqual(expected);
    expect(adaptations).toEqual([
      {
        setting: "toolChoice",
        change: "changed",
        reason: "the model cannot be made to call this tool",
      },
    ]);
  });

  test("a model that thinks cannot be made to call a tool", async () => {
    const { body, adaptations } = await sent({
      tools: [tool],
      toolChoice: { any: {} },
      bedrock: thinking(),
    });
    expect(choiceOf(body)).toEqual({ auto: {} });
    expect(adaptations).toMatchObject([{ setting: "toolChoice" }]);
  });

  test("a choice of a tool that is not there is an error", async () => {
    await expect(
      sent({ tools: [tool], toolChoice: { tool: { name: "lost" } } }),
    ).rejects.toThrow("`toolChoice.tool.name` is none of the `tools`");
  });

  test.each([
    [
      { toolSpec: { name: "a b", inputSchema: { json: {} } } },
      "tools[0].toolSpec.name",
    ],
    [
      { toolSpec: { name: "x".repeat(65), inputSchema: { json: {} } } },
      "tools[0].toolSpec.name",
    ],
    [
      { toolSpec: { name: "a", inputSchema: { json: "text" } } },
      "tools[0].toolSpec.inputSchema.json",
    ],
    [{ toolSpec: { name: "a" } }, "tools[0].toolSpec.inputSchema.json"],
    [{ toolSpec: undefined }, "tools[0].toolSpec.name"],
  ])("%j is refused with its place", async (wrong, place) => {
    // Callers without types can give anything.
    await expect(sent({ tools: [wrong as unknown as Tool] })).rejects.toThrow(
      `${place} must be`,
    );
  });

  test("a blank description is left out, and strict where the model has none", async () => {
    const { body, adaptations } = await sent({
      model: Model.CLAUDE_SONNET_5,
      tools: [
        {
          toolSpec: {
            name: "look",
            description: " ",
            strict: true,
            inputSchema: { json: { type: "object" } },
          },
        },
      ],
    });
    expect(body["toolConfig"]).toEqual({
      tools: [
        {
          toolSpec: {
            name: "look",
            inputSchema: { json: { type: "object" } },
          },
        },
      ],
    });
    expect(adaptations).toEqual([
      {
        setting: "tools[0].toolSpec.strict",
        change: "left-out",
        reason: "the model has no strict tools",
      },
    ]);
  });

  const schemaFor = async (model: string, json: object) => {
    const { body, adaptations } = await sent({
      model,
      tools: [{ toolSpec: { name: "look", inputSchema: { json } } }],
    });
    const [{ toolSpec }] = Reflect.get(Object(body["toolConfig"]), "tools");
    return { schema: toolSpec.inputSchema.json, adaptations };
  };
  const city = { city: { type: "string" } };

  test("$schema is never sent, and the type of an object is added", async () => {
    const { schema, adaptations } = await schemaFor(Model.CLAUDE_HAIKU_4_5, {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      properties: city,
    });
    expect(schema).toEqual({ type: "object", properties: city });
    expect(adaptations).toEqual([]);
  });

  test("Nova takes type, properties and required at the top: what is defined there is said where it is used", async () => {
    const { schema, adaptations } = await schemaFor(Model.NOVA_LITE, {
      type: "object",
      description: "A place",
      additionalProperties: false,
      required: ["city"],
      properties: {
        city: { $ref: "#/$defs/name~1s", description: "Its name" },
        list: { type: "array", items: [{ $ref: "#/definitions/tree" }] },
        gone: { $ref: "other.json" },
        lost: { $ref: "#/$defs/lost/deep" },
      },
      $defs: { "name/s": { type: "string" } },
      definitions: {
        tree: {
          type: "object",
          properties: { left: { $ref: "#/definitions/tree" } },
        },
      },
    });
    expect(schema).toEqual({
      type: "object",
      required: ["city"],
      properties: {
        city: { type: "string", description: "Its name" },
        list: {
          type: "array",
          items: [{ type: "object", properties: { left: {} } }],
        },
        gone: {},
        lost: {},
      },
    });
    expect(adaptations).toMatchObject([
      { setting: "tools[0].toolSpec.inputSchema", change: "changed" },
    ]);
  });
});

describe("A tool's schema", () => {
  const schemaFor = async (json: object, model: string = Model.NOVA_LITE) => {
    const { body } = await sent({
      model,
      tools: [{ toolSpec: { name: "look", inputSchema: { json } } }],
    });
    const [{ toolSpec }] = Reflect.get(Object(body["toolConfig"]), "tools");
    return toolSpec.inputSchema.json;
  };

  test.each([Model.NOVA_LITE, Model.CLAUDE_HAIKU_4_5])(
    "that contains itself is refused with its place, for %s",
    async (model) => {
      const json: Record<string, unknown> = { type: "object" };
      json["properties"] = { in: json };
      await expect(schemaFor(json, model)).rejects.toThrow(
        "tools[0].toolSpec.inputSchema.json is nested too deeply, or contains itself",
      );
      expect(local.requests).toHaveLength(0);
    },
  );

  test("is written out where it refers to what it defines, and nowhere else", async () => {
    const data = { $ref: "#/$defs/name" };
    expect(
      await schemaFor({
        properties: {
          a: { type: "object", default: data, enum: [data] },
          $ref: { $ref: "#/$defs/100%" },
        },
        $defs: { name: { type: "string" }, "100%": { type: "integer" } },
      }),
    ).toEqual({
      type: "object",
      properties: {
        a: { type: "object", default: data, enum: [data] },
        $ref: { type: "integer" },
      },
    });
  });

  test("whose definitions refer to each other without end has one", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `d${index}`);
    const reference = (name: string) => ({ $ref: `#/$defs/${name}` });
    const all = {
      type: "object",
      properties: Object.fromEntries(
        names.map((name) => [name, reference(name)]),
      ),
    };
    const schema = await schemaFor({
      ...all,
      $defs: Object.fromEntries(names.map((name) => [name, all])),
    });
    // Written out, it would have twelve to the power of twelve parts.
    expect(JSON.stringify(schema).length).toBeLessThan(500_000);
    expect(schema).toMatchObject({
      properties: { d0: { properties: { d1: { type: "object" } } } },
    });
  });
});

describe("A union at the top of a tool's schema becomes a field, and the caller sees nothing of it", () => {
  const json = {
    anyOf: [
      { type: "object", properties: { city: { type: "string" } } },
      { type: "object", properties: { zip: { type: "string" } } },
    ],
  };
  const tools: Tool[] = [
    { toolSpec: { name: "place", inputSchema: { json } } },
  ];
  const asked = { role: "user", content: [{ text: "Where?" }] } as const;

  async function answered(input: unknown, onDelta?: (text: string) => void) {
    await using own = await start({
      respond: () => ({
        content: [
          {
            toolUse: { toolUseId: "t1", name: "place", input: input as string },
          },
        ],
      }),
    });
    const handler = middy()
      .use(bedrock({ region: REGION, clientConfig: clientConfig(own) }))
      .handler(async (_event, context) => {
        const response = await context.converse({
          messages: [asked],
          tools,
          ...(onDelta && {
            onDelta: (delta) => {
              if (delta.kind === "tool") onDelta(delta.input);
            },
          }),
        });
        return { response };
      });
    const { response } = await handler({}, new MockLambdaContext());
    return { response, body: bodyOf(own) };
  }

  test("it is sent as the field `value`", async () => {
    const { body } = await answered({ value: { city: "Rome" } });
    expect(body["toolConfig"]).toMatchObject({
      tools: [
        {
          toolSpec: {
            inputSchema: {
              json: { type: "object", properties: { value: json } },
            },
          },
        },
      ],
    });
  });

  test.each([
    ["an object", { value: { city: "Rome {x}" } }, { city: "Rome {x}" }],
    ["what the model has not wrapped", { city: "Rome" }, { city: "Rome" }],
    ["nested braces", { value: { a: { b: {} } } }, { a: { b: {} } }],
  ])(
    "the arguments of a call come without it: %s",
    async (_what, input, expected) => {
      const { response } = await answered(input);
      expect(response.message.content).toEqual([
        { toolUse: { toolUseId: "t1", name: "place", input: expected } },
      ]);
      let shown = "";
      const streamed = await answered(input, (text) => {
        shown += text;
      });
      expect(streamed.response.message).toEqual(response.message);
      expect(JSON.parse(shown)).toEqual(expected);
    },
  );

  test("in a history they are sent as the model has written them", async () => {
    const { body } = await sent({
      tools,
      messages: [
        asked,
        {
          role: "assistant",
          content: [
            {
              toolUse: { toolUseId: "t1", name: "place", input: { zip: "1" } },
            },
          ],
        },
        {
          role: "user",
          content: [
            { toolResult: { toolUseId: "t1", content: [{ text: "x" }] } },
          ],
        },
      ],
    });
    expect(body["messages"]).toMatchObject([
      {},
      { content: [{ toolUse: { input: { value: { zip: "1" } } } }] },
      {},
    ]);
  });
});

describe("What a model cannot do and no words can say is an error that names the place, and costs nothing", () => {
  const image = {
    image: { format: "png", source: { bytes: new Uint8Array([1]) } },
  };
  test.each<readonly [string, Partial<ConverseRequest>, string]>([
    [
      "an image",
      {
        model: Model.NOVA_MICRO,
        messages: [{ role: "user", content: [{ text: "See?" }, image] }],
      },
      "reads no images: messages[0].content[1]",
    ],
    [
      "an image to be guarded",
      {
        model: Model.NOVA_MICRO,
        messages: [
          {
            role: "user",
            content: [{ text: "See?" }, { guardContent: image }],
          },
        ],
      },
      "reads no images: messages[0].content[1]",
    ],
    ["tools", { model: Model.LLAMA3_8B, tools: [tool] }, "has no tools: tools"],
    [
      "tools in a stream",
      { model: Model.LLAMA3_3_70B, tools: [tool], onDelta: () => {} },
      "has no tools in streams: tools",
    ],
    [
      "the tool calls of a history",
      {
        model: Model.LLAMA3_8B,
        messages: [
          { role: "user", content: [{ text: "Well?" }] },
          {
            role: "assistant",
            content: [{ toolUse: { toolUseId: "t", name: "n", input: {} } }],
          },
          {
            role: "user",
            content: [{ toolResult: { toolUseId: "t", content: [image] } }],
          },
        ],
      },
      "reads no images: messages[2].content[0]",
    ],
    [
      "an answer to go on with",
      {
        model: Model.CLAUDE_SONNET_4_6,
        messages: [
          { role: "user", content: [{ text: "Well?" }] },
          { role: "assistant", content: [{ text: "It is" }] },
        ],
      },
      "takes no answer to continue, and the conversation ends with one of the assistant: messages[1]",
    ],
    [
      "changes of the tools",
      {
        messages: [
          { role: "user", content: [{ text: "Well?" }] },
          {
            role: "system",
            content: [{ toolRemoval: { tool: { name: "look" } } }],
          },
        ],
      },
      "takes no changes of its tools: messages[1].content[0]",
    ],
    [
      "changes of tools in front of a conversation",
      {
        model: Model.CLAUDE_OPUS_5,
        messages: [
          {
            role: "system",
            content: [{ toolRemoval: { tool: { name: "look" } } }],
          },
          { role: "user", content: [{ text: "Well?" }] },
        ],
      },
      "takes no changes of its tools: messages[0].content[0]",
    ],
  ])("%s", async (_what, request, message) => {
    const failed = sent(request);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toMatchObject({
      reason: "capability",
      billed: "none",
    });
    expect(local.requests).toHaveLength(0);
  });
});
