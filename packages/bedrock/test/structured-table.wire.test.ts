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
  estimateTokens,
  findModel,
  Model,
  StructuredOutputError,
} from "@lambdallm/core";
import type {
  BedrockRequest,
  Fault,
  LocalBedrock,
  Reply,
} from "@lambdallm/local";
import { bodyOf, invocation, start } from "./support.ts";

const schema = { title: "string", tags: ["string"] } as const;
const good = { title: "Sea", tags: ["blue", "deep"] };
const bad = { title: "Sea" };

/** The eight models of the reference, and the current families. */
const models = {
  CLAUDE_3_HAIKU: Model.CLAUDE_3_HAIKU,
  CLAUDE_3_SONNET: Model.CLAUDE_3_SONNET,
  CLAUDE_3_5_SONNET: Model.CLAUDE_3_5_SONNET,
  CLAUDE_3_OPUS: Model.CLAUDE_3_OPUS,
  TITAN_TEXT_EXPRESS: Model.TITAN_TEXT_EXPRESS,
  TITAN_TEXT_LITE: Model.TITAN_TEXT_LITE,
  LLAMA3_8B: Model.LLAMA3_8B,
  LLAMA3_70B: Model.LLAMA3_70B,
  CLAUDE_HAIKU_4_5: `global.${Model.CLAUDE_HAIKU_4_5}`,
  CLAUDE_OPUS_5: `global.${Model.CLAUDE_OPUS_5}`,
  NOVA_LITE: Model.NOVA_LITE,
  LLAMA3_3_70B: Model.LLAMA3_3_70B,
  MISTRAL_LARGE_3: "mistral.mistral-large-3-675b-instruct",
  GPT_OSS_120B: Model.GPT_OSS_120B,
} as const;

type Mode = "native" | "tool" | "auto-tool" | "prompt";

/** How a request asks for the shape. */
function modeOf({ body }: { readonly body: unknown }): Mode {
  const { outputConfig, toolConfig } = body as {
    outputConfig?: object;
    toolConfig?: { toolChoice: object };
  };
  if (outputConfig) return "native";
  if (toolConfig) return "auto" in toolConfig.toolChoice ? "auto-tool" : "tool";
  expect(JSON.stringify(body)).toContain("must conform to this JSON Schema");
  return "prompt";
}

/** An answer in the way that the request asks for. */
function answering(value: unknown, wrap = (json: string) => json) {
  return ({ toolConfig }: BedrockRequest): Reply => {
    const [tool] = toolConfig?.tools ?? [];
    if (tool !== undefined && "toolSpec" in tool)
      return {
        content: [
          {
            toolUse: {
              toolUseId: "1",
              name: tool.toolSpec.name,
              input: value as object as never,
            },
          },
        ],
      };
    return { content: [{ text: wrap(JSON.stringify(value)) }] };
  };
}

const REFUSALS: Readonly<Record<Exclude<Mode, "prompt">, string>> = {
  native: "output_config.format: Extra inputs are not permitted",
  tool: "This model doesn't support the toolConfig.toolChoice.tool field. Remove it and try again.",
  "auto-tool": "This model doesn't support tool use.",
};

let local: LocalBedrock;
let respond: (request: BedrockRequest) => Reply;
beforeAll(async () => {
  // All of the models answer at this time, the old ones included; the ladder's own tests are about refusals.
  local = await start({ respond: (request) => respond(request), now: () => 0 });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

/** Every test gets a Region of its own, because a verdict holds for the model in its Region. */
let regions = 0;
const ask = (model: string, more: object = {}) => {
  regions += 1;
  return invocation(
    local,
    (context) =>
      context.invokeStructured(
        "Describe the sea.",
        schema,
        {},
        { model, ...more },
      ),
    { region: `eu-test-${regions}`, inferenceProfile: "none" },
  );
};

/** Refuses the modes, as often as they are tried. */
const refusing = (...modes: Exclude<Mode, "prompt">[]) =>
  local.setFaults((request): Fault | undefined => {
    const mode = modeOf(request);
    const message =
      mode !== "prompt" && modes.includes(mode) ? REFUSALS[mode] : undefined;
    return message === undefined
      ? undefined
      : { error: "ValidationException", message };
  });

const modesAsked = () => local.requests.map(modeOf);

describe.each(Object.entries(models))("%s", (_, model) => {
  const info = findModel(model);
  const canBeForced =
    info?.toolChoiceTool !== false || info.toolChoiceAny !== false;
  const rungs: Mode[] = [
    ...(info?.nativeStructuredOutput ? (["native"] as const) : []),
    ...(info?.tools && canBeForced ? (["tool"] as const) : []),
    ...(info?.tools ? (["auto-tool"] as const) : []),
    "prompt",
  ];

  /** The modes that are asked for, one after the other, when the service refuses these. */
  const path = (...refused: Mode[]): Mode[] => {
    const works = rungs.findIndex((mode) => !refused.includes(mode));
    return rungs.slice(0, works + 1);
  };

  test("starts at the best mode the catalog knows, and returns the value", async () => {
    respond = answering(good);
    expect(await ask(model)).toEqual(good);
    expect(modesAsked()).toEqual(path());
  });

  test("steps down when the service refuses the native mode", async () => {
    respond = answering(good);
    refusing("native");
    expect(await ask(model)).toEqual(good);
    expect(modesAsked()).toEqual(path("native"));
  });

  test("steps down when the service refuses a forced choice", async () => {
    respond = answering(good);
    refusing("native", "tool");
    expect(await ask(model)).toEqual(good);
    expect(modesAsked()).toEqual(path("native", "tool"));
  });

  test("ends with the schema in the prompt when the service refuses tools", async () => {
    respond = answering(good);
    refusing("native", "tool", "auto-tool");
    expect(await ask(model)).toEqual(good);
    expect(modesAsked()).toEqual(rungs);
  });

  test("reads answers in fences and between prose", async () => {
    respond = answering(
      good,
      (json) => `Here you are:\n\`\`\`json\n${json}\n\`\`\`\nAnything else?`,
    );
    expect(await ask(model)).toEqual(good);
  });

  test("sends a wrong answer back once, with what is wrong", async () => {
    respond = (request) =>
      answering(request.messages.length > 1 ? good : bad)(request);
    expect(await ask(model)).toEqual(good);
    const { messages } = bodyOf(local) as unknown as {
      messages: { content: { text: string }[] }[];
    };
    expect(messages).toHaveLength(3);
    expect(messages[1]?.content[0]?.text).toBe(JSON.stringify(bad));
    expect(messages[2]?.content[0]?.text).toContain("tags");
  });

  test("gives up on the second wrong answer, and says why without showing it", async () => {
    respond = answering(bad);
    const error = await ask(model).catch((thrown) => thrown);
    expect(StructuredOutputError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({
      attempts: 2,
      statusCode: 502,
      issues: [expect.stringContaining("tags")],
      text: JSON.stringify(bad),
    });
    // Of both answers, and of whatever a way to them adds.
    expect(error.usage.outputTokens).toBeGreaterThanOrEqual(
      2 * estimateTokens(JSON.stringify(bad)),
    );
    expect(JSON.stringify(error)).not.toContain("Sea");
  });

  test("asks for a cut answer again with more room, and never parses it", async () => {
    const cut: Reply = {
      content: [{ text: '{"title":"S","tags":[]}' }],
      stopReason: "max_tokens",
    };
    respond = (request) =>
      (request.inferenceConfig.maxTokens ?? 0) > 100
        ? answering(good)(request)
        : cut;
    expect(await ask(model, { maxTokens: 50 })).toEqual(good);
    const { inferenceConfig } = bodyOf(local) as unknown as {
      inferenceConfig: { maxTokens: number };
    };
    expect(inferenceConfig.maxTokens).toBe(200);
    respond = () => cut;
    await expect(ask(model, { maxTokens: 50 })).rejects.toThrow(
      "cut before it was complete",
    );
  });

  test("remembers the verdict for the model in its Region", async () => {
    respond = answering(good);
    refusing("native", "tool", "auto-tool");
    await invocation(
      local,
      async (context) => {
        await context.invokeStructured("One.", schema, {}, { model });
        local.reset();
        await context.invokeStructured("Two.", schema, {}, { model });
      },
      { region: "eu-memory-1", inferenceProfile: "none" },
    );
    expect(modesAsked()).toEqual(["prompt"]);
    const refused = refusedOutputModes()[`eu-memory-1/${model}`] ?? [];
    expect([...refused, "prompt"]).toEqual(expect.arrayContaining(rungs));
  });
});
