import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import { bedrock, refusedOutputModes } from "@lambdallm/bedrock";
import {
  type ConverseRequest,
  type Delta,
  type JsonSchema,
  type LLMContext,
  Model,
  type OutputSchema,
} from "@lambdallm/core";
import type { BedrockRequest, LocalBedrock, Reply } from "@lambdallm/local";
import { bodyOf, failureOf, invocation, start } from "./support.ts";

let local: LocalBedrock;
let respond: (request: BedrockRequest) => Reply;
beforeAll(async () => {
  local = await start({ respond: (request) => respond(request) });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

/** Answers in the way that the request asks for. */
const answering =
  (value: unknown) =>
  ({ toolConfig, outputConfig }: BedrockRequest): Reply => {
    const tool = toolConfig?.tools.at(-1);
    if (!outputConfig && tool !== undefined && "toolSpec" in tool)
      return {
        content: [
          {
            toolUse: {
              toolUseId: "1",
              name: tool.toolSpec.name,
              input: value as never,
            },
          },
        ],
      };
    return { content: [{ text: JSON.stringify(value) }] };
  };

/** Every call gets a Region of its own, because a verdict holds for the model in its Region. */
let regions = 0;
const inRegion = <Result>(
  run: (context: LLMContext) => Promise<Result>,
  model: string,
) => {
  regions += 1;
  return invocation(local, run, {
    region: `us-test-${regions}`,
    inferenceProfile: "none",
    model,
  });
};

const nativeModel = `global.${Model.CLAUDE_HAIKU_4_5}`;
const toolModel = `global.${Model.CLAUDE_OPUS_5}`;
const promptModel = Model.LLAMA3_8B;

const askFor = (schema: OutputSchema, model: string, more: object = {}) =>
  inRegion(
    (context) => context.invokeStructured("Go", schema, {}, { ...more }),
    model,
  );

/** The schema as it was sent. */
function sentSchema(): unknown {
  const { outputConfig, toolConfig } = bodyOf(local) as {
    outputConfig?: {
      textFormat: { structure: { jsonSchema: { schema: string } } };
    };
    toolConfig?: { tools: { toolSpec: { inputSchema: { json: unknown } } }[] };
  };
  if (outputConfig)
    return JSON.parse(outputConfig.textFormat.structure.jsonSchema.schema);
  return toolConfig?.tools.at(-1)?.toolSpec.inputSchema.json;
}

const integer = { type: "integer" } as const;
/** Typed as any JSON Schema: what it describes does not matter here. */
const object = (properties: object, more: object = {}) =>
  ({ type: "object", properties, ...more }) as JsonSchema;

describe("The native mode is sent what its subset accepts", () => {
  test("as JSON text, with a name, beside the caller's own output settings", async () => {
    respond = answering({ n: 1 });
    await askFor({ n: "int" }, nativeModel, {
      bedrock: { outputConfig: { effort: "low" } },
    });
    expect(bodyOf(local)["outputConfig"]).toMatchObject({
      effort: "low",
      textFormat: {
        type: "json_schema",
        structure: { jsonSchema: { name: "answer" } },
      },
    });
    expect(sentSchema()).toEqual(
      object({ n: integer }, { required: ["n"], additionalProperties: false }),
    );
  });

  test("bounds become words in the description, and still bind the answer", async () => {
    const schema = object(
      {
        n: { ...integer, minimum: 1, description: "A number", $comment: "x" },
        s: { type: "string", maxLength: 3 },
      },
      { $schema: "https://json-schema.org/draft/2020-12/schema" },
    );
    respond = answering({ n: 0 });
    const error = await failureOf(askFor(schema, nativeModel));
    expect(error).toMatchObject({
      name: "StructuredOutputError",
      issues: [expect.stringContaining("n")],
    });
    expect(sentSchema()).toEqual(
      object(
        {
          n: { ...integer, description: "A number (minimum: 1)" },
          s: { type: "string", description: "(maxLength: 3)" },
        },
        { additionalProperties: false },
      ),
    );
  });

  test("lists of types and choices become anyOf; formats, enums, definitions and small minima stay", async () => {
    const schema = object(
      {
        maybe: { type: ["string", "null"], description: "d" },
        either: { oneOf: [{ type: "string" }, integer] },
        both: { allOf: [{ type: "string" }] },
        day: { type: "string", format: "date" },
        odd: { type: "string", format: "odd" },
        list: {
          type: "array",
          items: { $ref: "#/$defs/color" },
          minItems: 1,
          maxItems: 3,
        },
        two: { type: "array", items: integer, minItems: 2 },
        nullable: { type: ["integer", "null"] },
      },
      { $defs: { color: { enum: ["red", "blue"] } } },
    );
    respond = answering({});
    await askFor(schema, nativeModel);
    expect(sentSchema()).toEqual(
      object(
        {
          maybe: {
            anyOf: [{ type: "string" }, { type: "null" }],
            description: "d",
          },
          either: { anyOf: [{ type: "string" }, integer] },
          both: { allOf: [{ type: "string" }] },
          day: { type: "string", format: "date" },
          odd: { type: "string", description: '(format: "odd")' },
          list: {
            type: "array",
            items: { $ref: "#/$defs/color" },
            minItems: 1,
            description: "(maxItems: 3)",
          },
          two: { type: "array", items: integer, description: "(minItems: 2)" },
          nullable: { anyOf: [integer, { type: "null" }] },
        },
        {
          $defs: { color: { enum: ["red", "blue"] } },
          additionalProperties: false,
        },
      ),
    );
  });

  test("the same schema is the same text, because the service caches by it", async () => {
    respond = answering({ n: 1 });
    const schema = { n: "int" } as const;
    const texts = await inRegion(async (context) => {
      await context.invokeStructured("One", schema);
      await context.invokeStructured("Two", schema);
      return local.requests.map(({ body }) =>
        JSON.stringify((body as { outputConfig: object }).outputConfig),
      );
    }, nativeModel);
    expect(texts[0]).toBe(texts[1]);
  });

  test.each<[string, JsonSchema]>([
    [
      "recursion",
      object(
        { next: { $ref: "#/$defs/node" } },
        { $defs: { node: object({ next: { $ref: "#/$defs/node" } }) } },
      ),
    ],
    ["a reference to the whole", object({ next: { $ref: "#" } })],
    [
      "a reference that leads nowhere deeper",
      object({
        n: { anyOf: [{ $ref: "#/properties/m" }] },
        m: { anyOf: [{ $ref: "#/properties/n" }, integer] },
      }),
    ],
    [
      "free keys",
      object({ map: { type: "object", additionalProperties: integer } }),
    ],
    [
      "an object without listed properties",
      object({ anything: { type: "object" } }),
    ],
    ["an object with no properties at all", object({})],
    ["a list of anything", object({ list: { type: "array" } })],
    ["a schema that is just true", object({ anything: true })],
    ["conditions", object({ n: { not: integer } })],
  ])("%s goes to the next mode at once", async (_, schema) => {
    respond = answering({});
    await askFor(schema, nativeModel).catch(() => undefined);
    expect(local.requests[0]?.body).not.toHaveProperty("outputConfig");
    expect(local.requests[0]?.body).toHaveProperty("toolConfig");
  });

  test("a schema that is refused for itself says nothing of the next one", async () => {
    respond = answering({ n: 1 });
    local.setFaults([
      {
        error: "ValidationException",
        message: "The compiled grammar is too large.",
      },
    ]);
    await inRegion(async (context) => {
      await context.invokeStructured("One", { n: "int" });
      await context.invokeStructured("Two", { n: "int" });
    }, nativeModel);
    expect(
      local.requests.map(({ body }) =>
        Object.hasOwn(body as object, "outputConfig"),
      ),
    ).toEqual([true, false, true]);
  });
});

describe("A value that is no object", () => {
  const schema = {
    type: "array",
    items: { $ref: "#/$defs/n" },
    $defs: { n: integer },
  } as const;

  test.each([nativeModel, toolModel])(
    "is asked for as a field of one, by %s",
    async (model) => {
      respond = answering({ value: [1, 2] });
      expect(await askFor(schema, model)).toEqual([1, 2]);
      expect(sentSchema()).toMatchObject({
        type: "object",
        properties: {
          value: {
            type: "array",
            items: { $ref: "#/properties/value/$defs/n" },
          },
        },
        required: ["value"],
      });
    },
  );

  test("is taken as it is from a model that did not wrap it, and from a prompt", async () => {
    respond = answering([3]);
    expect(await askFor(schema, nativeModel)).toEqual([3]);
    expect(await askFor(schema, promptModel)).toEqual([3]);
    respond = answering({ other: 1 });
    expect(await failureOf(askFor(schema, nativeModel))).toMatchObject({
      name: "StructuredOutputError",
    });
  });

  test("streams without its wrapping", async () => {
    respond = () => ({
      content: [{ text: '{"value":[1,2,3]}' }],
      chunks: ['{"va', 'lue":', "[1", ",2", ",3]", "}"],
    });
    const states = await inRegion(async (context) => {
      const states: unknown[] = [];
      for await (const state of context.streamStructured("Go", schema))
        states.push(state);
      return states;
    }, nativeModel);
    expect(states.at(-1)).toEqual([1, 2, 3]);
  });
});

describe("Modes give way to what the request says", () => {
  test("thinking excludes a forced choice", async () => {
    respond = answering({ n: 1 });
    const thinking = (type: string) => ({
      bedrock: { additionalModelRequestFields: { thinking: { type } } },
    });
    await askFor({ n: "int" }, toolModel, thinking("adaptive"));
    expect(bodyOf(local)).toMatchObject({
      toolConfig: { toolChoice: { auto: {} } },
    });
    await askFor({ n: "int" }, toolModel, thinking("disabled"));
    expect(bodyOf(local)).toMatchObject({
      toolConfig: { toolChoice: { tool: { name: "answer" } } },
    });
    await askFor({ n: "int" }, toolModel, {
      bedrock: { additionalModelRequestFields: { thinking: null } },
    });
    expect(bodyOf(local)).toMatchObject({
      toolConfig: { toolChoice: { tool: {} } },
    });
    await askFor({ n: "int" }, toolModel, {
      bedrock: { additionalModelRequestFields: "odd" },
    });
    expect(bodyOf(local)).toMatchObject({
      toolConfig: { toolChoice: { tool: {} } },
    });
  });

  const weather = {
    toolSpec: { name: "weather", inputSchema: { json: { type: "object" } } },
  };
  const converse = (more: Partial<ConverseRequest>) =>
    inRegion(
      (context) =>
        context.converse({
          messages: [{ role: "user", content: [{ text: "Rain?" }] }],
          output: { schema: object({ n: integer }) },
          ...more,
        }),
      toolModel,
    );

  test("with tools of the caller's own the model chooses among all of them", async () => {
    respond = () => ({
      content: [{ toolUse: { toolUseId: "1", name: "weather", input: {} } }],
    });
    const response = await converse({ tools: [weather] });
    expect(bodyOf(local)).toMatchObject({
      toolConfig: { tools: [weather, {}], toolChoice: { any: {} } },
    });
    expect(response).toMatchObject({ stopReason: "tool_use" });
    expect(response.output).toBeUndefined();
  });

  test("and its answer is told from theirs, whatever their names", async () => {
    respond = ({ toolConfig }) => {
      const last = toolConfig?.tools.at(-1) as typeof weather;
      return {
        content: [
          {
            toolUse: {
              toolUseId: "1",
              name: last.toolSpec.name,
              input: { n: 1 },
            },
          },
        ],
      };
    };
    const named = { toolSpec: { ...weather.toolSpec, name: "answer" } };
    const { output } = await converse({
      tools: [{ cachePoint: { type: "default" } }, named],
    });
    expect(output).toEqual({ mode: "tool", value: { n: 1 } });
    expect(JSON.stringify(bodyOf(local))).toContain('"answer_"');
  });

  test("a model that answers an offered tool in words is read all the same", async () => {
    respond = () => ({ content: [{ text: 'Sure: {"n": 5}' }] });
    const response = await converse({});
    expect(response.output).toMatchObject({ value: { n: 5 } });
    respond = () => ({ content: [{ text: "Sorry." }] });
    expect((await converse({})).output).toEqual({
      mode: "tool",
      text: "Sorry.",
    });
  });

  test("other refusals are not a matter of the mode", async () => {
    local.setFaults([
      {
        error: "ValidationException",
        message: "This model doesn't support system messages.",
      },
    ]);
    expect(await failureOf(askFor({ n: "int" }, toolModel))).toMatchObject({
      reason: "capability",
    });
    local.setFaults([{ error: "ThrottlingException" }]);
    expect(await failureOf(askFor({ n: "int" }, toolModel))).toMatchObject({
      reason: "throttled",
    });
    local.setFaults([{ error: "ValidationException", message: "schema" }]);
    expect(await failureOf(askFor({ n: "int" }, promptModel))).toMatchObject({
      reason: "invalid-request",
    });
  });

  test("an observer's error is not a refusal", async () => {
    respond = answering({ n: 1 });
    const mine = new Error("schema");
    await expect(
      converse({
        onDelta: () => {
          throw mine;
        },
      }),
    ).rejects.toBe(mine);
    expect(local.requests).toHaveLength(1);
  });
});

describe("A request for a shape through converse", () => {
  const ask = (
    schema: object,
    model: string,
    more: Partial<ConverseRequest> = {},
  ) =>
    inRegion(
      (context) =>
        context.converse({
          messages: [{ role: "user", content: [{ text: "Go" }] }],
          output: { schema },
          ...more,
        }),
      model,
    );

  test.each(["#/$defs/none", "#/properties/n/$ref/x"])(
    "takes a schema whose reference %s leads nowhere to the next mode",
    async ($ref) => {
      respond = answering({ n: 1 });
      await ask(object({ n: { $ref } }), nativeModel);
      expect(bodyOf(local)).toHaveProperty("toolConfig");
    },
  );

  test("says when a tool is none", async () => {
    const error = await failureOf(
      ask(object({ n: integer }), toolModel, {
        tools: [{ name: "f" } as never],
      }),
    );
    expect(error.message).toContain("tools[0] must be { toolSpec:");
  });

  test("moves the references of a choice at the top", async () => {
    respond = answering({ value: 5 });
    const schema = {
      anyOf: [{ type: "string" }, { $ref: "#/$defs/n" }],
      $defs: { n: integer },
    };
    expect((await ask(schema, toolModel)).output).toMatchObject({ value: 5 });
    expect(sentSchema()).toMatchObject({
      properties: {
        value: {
          anyOf: [{ type: "string" }, { $ref: "#/properties/value/$defs/n" }],
        },
      },
    });
  });

  test("keeps the text of arguments that broke off", async () => {
    respond = () => ({
      content: [],
      rawEvents: [
        {
          type: "contentBlockStart",
          payload: {
            contentBlockIndex: 0,
            start: { toolUse: { toolUseId: "1", name: "answer" } },
          },
        },
        {
          type: "contentBlockDelta",
          payload: {
            contentBlockIndex: 0,
            delta: { toolUse: { input: '{"n":' } },
          },
        },
        { type: "messageStop", payload: { stopReason: "tool_use" } },
      ],
    });
    const { output } = await ask(object({ n: integer }), toolModel, {
      onDelta: () => {},
    });
    expect(output).toEqual({ mode: "tool", text: '{"n":' });
  });
});

describe("Room for an answer", () => {
  const cut: Reply = {
    content: [{ text: "{" }],
    stopReason: "max_tokens",
    usage: { inputTokens: 1, outputTokens: 30 },
  };
  const rooms = async (model: string, maxTokens?: number) => {
    respond = () => cut;
    await failureOf(
      askFor({ n: "int" }, model, maxTokens ? { maxTokens } : {}),
    );
    return local.requests.map(
      ({ body }) =>
        (body as { inferenceConfig?: { maxTokens: number } }).inferenceConfig
          ?.maxTokens,
    );
  };

  test("grows from the default when no limit was set, as far as the model has it", async () => {
    expect(await rooms("my.model")).toEqual([4_096, 16_384]);
    local.reset();
    expect(await rooms(promptModel)).toEqual([2_048]);
  });

  test("grows to what the model has, and not beyond", async () => {
    expect(await rooms(promptModel, 1_000)).toEqual([1_000, 2_048]);
    local.reset();
    expect(await rooms(promptModel, 2_048)).toEqual([2_048]);
  });

  test("grows fourfold for a model that nobody knows", async () => {
    expect(await rooms("my.model", 10)).toEqual([10, 40]);
  });
});

describe("The verdicts", () => {
  test("can be exported, and preset in another process", async () => {
    respond = answering({ n: 1 });
    bedrock({
      refusedOutputModes: { "eu-preset-1/my.model": ["tool", "auto-tool"] },
    });
    await invocation(
      local,
      (context) => context.invokeStructured("Go", { n: "int" }),
      {
        region: "eu-preset-1",
        model: "my.model",
      },
    );
    expect(local.requests).toHaveLength(1);
    expect(bodyOf(local)).not.toHaveProperty("toolConfig");
    expect(refusedOutputModes()).toMatchObject({
      "eu-preset-1/my.model": ["tool", "auto-tool"],
    });
  });

  test("that are none are refused", () => {
    expect(() =>
      bedrock({ refusedOutputModes: { "a/b": ["magic" as never] } }),
    ).toThrow('"refusedOutputModes"');
  });
});

describe("Streams of an object", () => {
  const schema = { title: "string", tags: ["string"] } as const;
  const text = '{"title":"Deep sea","tags":["blue","cold"]}';

  test.each([nativeModel, toolModel, promptModel])(
    "%s: the value grows, and is validated at its end",
    async (model) => {
      respond = ({ toolConfig, outputConfig }) => {
        const tool = toolConfig?.tools[0];
        if (!outputConfig && tool && "toolSpec" in tool)
          return {
            content: [
              {
                toolUse: {
                  toolUseId: "1",
                  name: tool.toolSpec.name,
                  input: JSON.parse(text),
                },
              },
            ],
          };
        return { content: [{ text }], chunks: text.match(/.{1,4}/g) ?? [] };
      };
      const { states, object } = await inRegion(async (context) => {
        const stream = context.streamStructured("Describe {what}", schema, {
          what: "the sea",
        });
        const states: { readonly title?: string }[] = [];
        await stream.started;
        for await (const state of stream) states.push(state);
        return { states, object: await stream.object };
      }, model);
      expect(object).toEqual(JSON.parse(text));
      expect(states.at(-1)).toEqual(object);
      for (const { title = "" } of states) expect("Deep sea").toContain(title);
    },
  );

  test("an answer that does not validate ends the iteration, without repair", async () => {
    respond = answering({ title: "Sea" });
    await inRegion(async (context) => {
      const stream = context.streamStructured("Go", schema);
      const reading = (async () => {
        for await (const _ of stream);
      })();
      await expect(reading).rejects.toMatchObject({
        name: "StructuredOutputError",
        attempts: 1,
      });
      await expect(stream.object).rejects.toMatchObject({
        name: "StructuredOutputError",
      });
    }, nativeModel);
    expect(local.requests).toHaveLength(1);
  });

  test("a cut answer ends it as well, and so does an invalid schema", async () => {
    respond = () => ({
      content: [{ text: '{"title":' }],
      stopReason: "max_tokens",
    });
    await inRegion(async (context) => {
      await expect(
        context.streamStructured("Go", schema).object,
      ).rejects.toThrow("cut before it was complete");
      await expect(
        context.streamStructured("Go", { type: "odd" } as never).started,
      ).rejects.toMatchObject({
        name: "ConfigurationError",
      });
    }, nativeModel);
  });

  test("leaving the loop closes the request", async () => {
    respond = () => ({
      content: [{ text }],
      chunks: text.match(/.{1,4}/g) ?? [],
    });
    local.setFaults([{ tokenDelayMs: 20 }]);
    await inRegion(async (context) => {
      for await (const _ of context.streamStructured("Go", schema)) break;
    }, nativeModel);
    await expect(local.requests[0]?.closed).resolves.toMatchObject({
      byClient: true,
    });
  });

  test("prose before the JSON shows nothing yet", async () => {
    respond = () => ({
      content: [{ text: `Here: ${text}` }],
      chunks: ["Here", ": ", text],
    });
    const states = await inRegion(async (context) => {
      const states: unknown[] = [];
      for await (const state of context.streamStructured("Go", schema))
        states.push(state);
      return states;
    }, promptModel);
    expect(states.at(-1)).toEqual(JSON.parse(text));
  });

  test("other kinds of pieces are still told apart", async () => {
    respond = () => ({
      content: [
        { reasoningContent: { reasoningText: { text: "Hm" } } },
        { text: '{"n":1}' },
      ],
    });
    const seen: Delta["kind"][] = [];
    await inRegion(
      (context) =>
        context.converse({
          messages: [{ role: "user", content: [{ text: "Go" }] }],
          output: { schema: object({ n: integer }) },
          onDelta: ({ kind }) => {
            seen.push(kind);
          },
        }),
      nativeModel,
    );
    expect(new Set(seen)).toEqual(new Set(["reasoning", "output"]));
  });
});

describe("Answers that are no value", () => {
  test("an empty answer and prose are said to be that, and sent back in words", async () => {
    const answers = ["", "I cannot."];
    respond = () => ({ content: [{ text: answers.shift() ?? '{"n":1}' }] });
    expect(await askFor({ n: "int" }, promptModel, { maxRepairs: 2 })).toEqual({
      n: 1,
    });
    const { messages } = bodyOf(local) as unknown as {
      messages: { content: { text: string }[] }[];
    };
    expect(messages.map(({ content }) => content[0]?.text)).toEqual([
      "Go",
      "(no answer)",
      expect.stringContaining("the answer is empty"),
      "I cannot.",
      expect.stringContaining("the answer is not JSON"),
    ]);
  });

  test("maxRepairs 0 gives up at once; a wrong one is refused by name", async () => {
    respond = answering({});
    expect(
      await failureOf(askFor({ n: "int" }, nativeModel, { maxRepairs: 0 })),
    ).toMatchObject({ attempts: 1 });
    expect(
      await failureOf(askFor({ n: "int" }, nativeModel, { maxRepairs: -1 })),
    ).toMatchObject({
      message: expect.stringContaining('"maxRepairs" must be a whole number'),
    });
  });

  test("hostile keys of an answer do nothing", async () => {
    respond = () => ({
      content: [
        {
          text: '{"n":1,"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
        },
      ],
    });
    await askFor({ type: "object", properties: { n: integer } }, promptModel);
    expect({}).not.toHaveProperty("polluted");
  });

  test("a cut tool call is a truncation", async () => {
    respond = () => ({
      content: [
        {
          toolUse: {
            toolUseId: "1",
            name: "answer",
            input: { n: 1 },
          },
        },
      ],
      stopReason: "max_tokens",
    });
    expect(await failureOf(askFor({ n: "int" }, toolModel))).toMatchObject({
      name: "StructuredOutputError",
      attempts: 2,
    });
  });
});
