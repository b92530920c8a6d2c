import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import { refusedOutputModes } from "@lambdallm/bedrock";
import {
  type ConverseRequest,
  type JsonSchema,
  type LLMContext,
  Model,
  type OutputSchema,
  registerModel,
} from "@lambdallm/core";
import type { BedrockRequest, LocalBedrock, Reply } from "@lambdallm/local";
import { type Fault, failureOf, invocation, start } from "./support.ts";

const NATIVE = `global.${Model.CLAUDE_HAIKU_4_5}`;
const TOOLS = `global.${Model.CLAUDE_OPUS_5}`;

/** Answers each schema with the only value that all schemas of these tests take, in the way that the request asks for. */
function respond({ toolConfig, outputConfig }: BedrockRequest): Reply {
  const value = { title: "Sea" };
  const tool = toolConfig?.tools.at(-1);
  if (outputConfig || tool === undefined || !("toolSpec" in tool))
    return { content: [{ text: JSON.stringify(value) }] };
  const { name } = tool.toolSpec;
  return { content: [{ toolUse: { toolUseId: "1", name, input: value } }] };
}

let local: LocalBedrock;
beforeAll(async () => {
  local = await start({ respond });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

/** How each request asked for the shape. */
function modesAsked(): string[] {
  return local.requests.map(({ body }) => {
    const { outputConfig, toolConfig } = body as {
      outputConfig?: object;
      toolConfig?: { toolChoice: object };
    };
    if (outputConfig) return "native";
    return toolConfig ? Object.keys(toolConfig.toolChoice).join() : "prompt";
  });
}

const says = (message: string): Fault => ({
  error: "ValidationException",
  message,
});

/** A verdict holds for a model in its Region. */
let regions = 0;
const inRegion = <Result>(
  run: (context: LLMContext) => Promise<Result>,
  model: string,
) => {
  regions += 1;
  const region = `ap-test-${regions}`;
  return {
    key: `${region}/${model}`,
    result: invocation(local, run, { region, inferenceProfile: "none", model }),
  };
};

const title = { title: "string" } as const;
const level = {
  type: "object",
  properties: {
    title: { type: "string" },
    level: { type: ["string", "null"], enum: ["low", "high", null] },
  },
  required: ["title"],
} as const;

describe("What is refused for one schema", () => {
  const REFUSED =
    "The model returned the following errors: output_config.format.schema: Invalid schema: Enum value 'low' does not match declared type '['string', 'null']'";

  test("takes no native output from the others", async () => {
    local.setFaults([null, says(REFUSED)]);
    const { key, result } = inRegion(async (context) => {
      await context.invokeStructured("One", title);
      await context.invokeStructured("Two", level);
      await context.invokeStructured("Three", title);
    }, NATIVE);
    await result;
    expect(modesAsked()).toEqual(["native", "native", "tool", "native"]);
    expect(refusedOutputModes()).not.toHaveProperty([key]);
  });

  test("is not asked again for the same schema", async () => {
    local.setFaults([says(REFUSED)]);
    await inRegion(async (context) => {
      await context.invokeStructured("One", level);
      await context.invokeStructured("Two", level);
    }, NATIVE).result;
    expect(modesAsked()).toEqual(["native", "tool", "tool"]);
  });

  test.each([
    "Schemas contains too many optional parameters (25), which would make grammar compilation inefficient. Reduce the number of optional parameters in your tool schemas (limit: 24).",
    "Schemas contains too many parameters with union types (19 parameters with type arrays or anyOf). This causes exponential compilation cost.",
    "For 'object' type, properties 'a', 'b' are not supported",
    "Schema type 'oneOf' is not supported",
  ])("is one schema's matter: %s", async (text) => {
    local.setFaults([says(text)]);
    const { key, result } = inRegion(async (context) => {
      await context.invokeStructured("One", level);
      await context.invokeStructured("Two", level);
      await context.invokeStructured("Three", title);
    }, NATIVE);
    await result;
    expect(modesAsked()).toEqual(["native", "tool", "tool", "native"]);
    expect(refusedOutputModes()).not.toHaveProperty([key]);
  });

  test("is asked again for another model, and in a stream", async () => {
    local.setFaults([says(REFUSED)]);
    await inRegion(async (context) => {
      await context.invokeStructured("One", level);
      await context.streamStructured("Two", level).object;
    }, NATIVE).result;
    await inRegion(
      (context) => context.invokeStructured("Three", level),
      NATIVE,
    ).result;
    expect(modesAsked()).toEqual(["native", "tool", "native", "native"]);
  });

  test.each([
    "The model returned the following errors: tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft 2020-12",
    "The model returned the following errors: tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
    "The json schema definition at toolConfig.tools.0.toolSpec.inputSchema is invalid. Fix the following errors and try again: $.properties: null found, object expected",
  ])("as a tool is not tried as a tool in another way: %s", async (text) => {
    local.setFaults([says(text)]);
    const { key, result } = inRegion(async (context) => {
      await context.invokeStructured("One", level);
      await context.invokeStructured("Two", level);
      await context.invokeStructured("Three", title);
    }, TOOLS);
    await result;
    expect(modesAsked()).toEqual(["tool", "prompt", "prompt", "tool"]);
    expect(refusedOutputModes()).not.toHaveProperty([key]);
  });

  test("of a tool of the caller's own is no matter of the answer's", async () => {
    const weather = {
      toolSpec: { name: "weather", inputSchema: { json: { type: "object" } } },
    };
    local.setFaults([
      says("tools.0.custom.input_schema: JSON schema is invalid."),
    ]);
    const { result } = inRegion(
      (context) =>
        context.converse({
          messages: [{ role: "user", content: [{ text: "Rain?" }] }],
          output: { schema: level },
          tools: [weather],
        }),
      TOOLS,
    );
    expect(await failureOf(result)).toMatchObject({
      reason: "invalid-request",
    });
    expect(modesAsked()).toEqual(["any"]);
  });
});

describe("What is refused for one request", () => {
  test("takes the forced tool from no other", async () => {
    local.setFaults([
      says(
        "The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use.",
      ),
    ]);
    const { key, result } = inRegion(async (context) => {
      await context.invokeStructured("One", title);
      await context.invokeStructured("Two", title);
    }, TOOLS);
    await result;
    expect(modesAsked()).toEqual(["tool", "auto", "tool"]);
    expect(refusedOutputModes()).not.toHaveProperty([key]);
  });

  test("is not asked for by a request that thinks, however it says so", async () => {
    for (const fields of [
      { thinking: { type: "enabled", budget_tokens: 1_024 } },
      { thinking: { type: "adaptive" } },
      { reasoning_config: { type: "enabled", budget_tokens: 1_024 } },
    ])
      await inRegion(
        (context) =>
          context.invokeStructured(
            "Go",
            title,
            {},
            { bedrock: { additionalModelRequestFields: fields } },
          ),
        TOOLS,
      ).result;
    expect(modesAsked()).toEqual(["auto", "auto", "auto"]);
  });
});

describe("What a model refuses", () => {
  test.each([
    [
      "This model doesn't support tool use, whatever the Region and the profile, and that's all.",
      ["tool", "prompt", "prompt"],
    ],
    ["This model doesn\u2019t support tool use.", ["tool", "prompt", "prompt"]],
    [
      "This model doesn't support the toolConfig field.",
      ["tool", "prompt", "prompt"],
    ],
    [
      'The model returned the following errors: tool_choice: type "tool" and "any" are not supported for this model.',
      ["tool", "auto", "auto"],
    ],
  ])("is remembered: %s", async (text, modes) => {
    local.setFaults([says(text)]);
    const { key, result } = inRegion(async (context) => {
      await context.invokeStructured("One", title);
      await context.invokeStructured("Two", level);
    }, TOOLS);
    await result;
    expect(modesAsked()).toEqual(modes);
    expect(refusedOutputModes()).toHaveProperty([key]);
  });

  test.each([
    "The model returned the following errors: output_config.format: Extra inputs are not permitted",
    "Malformed input request: #: extraneous key [outputConfig] is not permitted, please reformat your input and try again.",
    "This model doesn't support the outputConfig.textFormat field. Remove outputConfig.textFormat and try again.",
    "This model does not support structured output.",
  ])("is remembered: %s", async (text) => {
    local.setFaults([says(text)]);
    const { key, result } = inRegion(async (context) => {
      await context.invokeStructured("One", title);
      await context.invokeStructured("Two", level);
    }, NATIVE);
    await result;
    expect(modesAsked()).toEqual(["native", "tool", "tool"]);
    expect(refusedOutputModes()).toMatchObject({ [key]: ["native"] });
  });

  const choices: readonly [
    choices: { toolChoiceTool?: boolean; toolChoiceAny?: boolean },
    alone: string,
    withTools: string,
  ][] = [
    [{}, "tool", "any"],
    [{ toolChoiceTool: true, toolChoiceAny: true }, "tool", "any"],
    [{ toolChoiceTool: false, toolChoiceAny: true }, "any", "any"],
    [{ toolChoiceTool: false }, "any", "any"],
    [{ toolChoiceAny: false }, "tool", "auto"],
    [{ toolChoiceTool: false, toolChoiceAny: false }, "auto", "auto"],
  ];
  test.each(choices)(
    "by the catalog is not asked for: %j",
    async (known, alone, withTools) => {
      const model = `my.model-${choices.findIndex(([row]) => row === known)}`;
      registerModel(model, { tools: true, ...known });
      const firstAsked = async (more: Partial<ConverseRequest>) => {
        local.reset();
        await inRegion(
          (context) =>
            context.converse({
              messages: [{ role: "user", content: [{ text: "Go" }] }],
              output: { schema: level },
              ...more,
            }),
          model,
        ).result;
        return modesAsked()[0];
      };
      const tool = {
        toolSpec: { name: "f", inputSchema: { json: { type: "object" } } },
      };
      expect(await firstAsked({})).toBe(alone);
      expect(await firstAsked({ tools: [tool] })).toBe(withTools);
    },
  );
});

describe("A text that names a field and does not refuse it", () => {
  const ask = (schema: OutputSchema, model: string) =>
    failureOf(
      inRegion((context) => context.invokeStructured("Go", schema), model)
        .result,
    );

  test.each([
    [
      NATIVE,
      '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
    ],
    [NATIVE, "messages.1.output_config: Extra inputs are not permitted"],
    [NATIVE, "output_config.effort: Extra inputs are not permitted"],
    [NATIVE, "This model doesn't support the outputConfig.effort field."],
    [NATIVE, "The document schema at messages.0.content.1 is empty."],
    [
      NATIVE,
      "The text 'output_config.format: Extra inputs are not permitted' is not allowed.",
    ],
    [NATIVE, "This model doesn't support tool use."],
    [
      TOOLS,
      "The toolChoice tool name toolChoice does not match any of the tools in toolConfig.tools.",
    ],
    [
      TOOLS,
      'The tool name "tool_choice: type is not supported for this model" is invalid.',
    ],
    [TOOLS, "tools.0.custom.strict: Extra inputs are not permitted"],
    [TOOLS, "This model doesn't support system messages."],
    [TOOLS, "The schema of the request is not known."],
  ])("for %s is an error: %s", async (model, text) => {
    local.setFaults([says(text)]);
    await ask(title, model);
    expect(local.requests).toHaveLength(1);
  });
});

describe("An answer by a tool", () => {
  const ask = (model: string, more: Partial<ConverseRequest> = {}) =>
    inRegion(
      (context) =>
        context.converse({
          messages: [{ role: "user", content: [{ text: "Go" }] }],
          output: { schema: level as JsonSchema },
          ...more,
        }),
      model,
    ).result;
  const call = (name: string, more: object = {}) => ({
    toolUse: { toolUseId: name, name, input: { title: "Sea" }, ...more },
  });
  const weather = {
    toolSpec: { name: "weather", inputSchema: { json: { type: "object" } } },
  };

  test("leaves no call for the caller to answer", async () => {
    for (const more of [{}, { onDelta: () => {} }])
      expect(await ask(TOOLS, more)).toMatchObject({
        stopReason: "end_turn",
        output: { mode: "tool", value: { title: "Sea" } },
      });
  });

  test("beside a call of the caller's own leaves that one", async () => {
    local.setFaults([]);
    const both = await start({
      respond: () => ({ content: [call("answer"), call("weather")] }),
    });
    const one = await start({
      respond: () => ({ content: [call("weather")] }),
    });
    for (const server of [both, one]) {
      const { stopReason } = await invocation(
        server,
        (context) =>
          context.converse({
            model: TOOLS,
            messages: [{ role: "user", content: [{ text: "Go" }] }],
            output: { schema: level },
            tools: [weather],
          }),
        { inferenceProfile: "none" },
      );
      expect(stopReason).toBe("tool_use");
      await server.close();
    }
  });

  test("keeps the reason why it was cut", async () => {
    const cut = await start({
      respond: () => ({ content: [call("answer")], stopReason: "max_tokens" }),
    });
    const { stopReason } = await invocation(
      cut,
      (context) =>
        context.converse({
          model: TOOLS,
          messages: [{ role: "user", content: [{ text: "Go" }] }],
          output: { schema: level },
        }),
      { inferenceProfile: "none" },
    );
    expect(stopReason).toBe("max_tokens");
    await cut.close();
  });
});
