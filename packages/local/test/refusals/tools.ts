import { HAIKU, LLAMA } from "../helpers.ts";
import {
  FIND,
  fromModel,
  GPT_OSS,
  type Input,
  NOVA,
  OPUS_5,
  type Refusal,
  tool,
} from "./refusal.ts";

const tools = (...list: ReturnType<typeof tool>[]): Input => ({
  toolConfig: { tools: list },
});
const described = (description: string): Input =>
  tools({
    toolSpec: {
      name: "find",
      description,
      inputSchema: { json: { type: "object" } },
    },
  });
const choosing = (kind: "any" | "tool", modelId = HAIKU): Input => ({
  modelId,
  toolConfig: {
    ...FIND,
    toolChoice: kind === "any" ? { any: {} } : { tool: { name: "find" } },
  },
});
const field = (kind: string) =>
  `This model doesn't support the toolConfig.toolChoice.${kind} field. Remove toolConfig.toolChoice.${kind} and try again.`;
const NAME = "'toolConfig.tools.1.member.toolSpec.name' failed to satisfy";
const MISTRAL_LARGE = "mistral.mistral-large-2402-v1:0";

export const toolRefusals: readonly Refusal[] = [
  {
    what: "a model without tools takes none",
    refused: { ...tools(tool()), modelId: LLAMA },
    taken: tools(tool()),
    text: "This model doesn't support tool use.",
  },
  {
    what: "not every model can be made to call some tool",
    refused: choosing("any", GPT_OSS),
    taken: choosing("any"),
    text: field("any"),
  },
  {
    what: "not every one that can be made to call some tool can be made to call this one",
    refused: choosing("tool", MISTRAL_LARGE),
    taken: choosing("any", MISTRAL_LARGE),
    text: field("tool"),
    streams: false,
  },
  {
    what: "Fable 5.1 cannot be made to call one, unlike the Claude models before it",
    refused: choosing("any", "us.anthropic.claude-fable-5-1"),
    taken: choosing("any", OPUS_5),
    text: field("any"),
  },
  {
    what: "the name of a tool has letters, digits, _ and - only",
    refused: tools(tool(undefined, "find.city")),
    taken: tools(tool(undefined, "find_city-2")),
    text: `1 validation error detected: Value 'find.city' at ${NAME} constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+`,
  },
  {
    what: "the name of a tool has 64 of them at most",
    refused: tools(tool(undefined, "n".repeat(65))),
    taken: tools(tool(undefined, "n".repeat(64))),
    text: `1 validation error detected: Value '${"n".repeat(65)}' at ${NAME} constraint: Member must have length less than or equal to 64`,
  },
  {
    what: "a forced tool has a name that a tool can have",
    refused: {
      toolConfig: { ...FIND, toolChoice: { tool: { name: "find it" } } },
    },
    taken: choosing("tool"),
    text: "1 validation error detected: Value 'find it' at 'toolConfig.toolChoice.tool.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+",
  },
  ...["", " \n"].map(
    (description): Refusal => ({
      what: `a description is not ${JSON.stringify(description)}`,
      refused: described(description),
      taken: tools(tool()),
      text: "1 validation error detected: Value '' at 'toolConfig.tools.1.member.toolSpec.description' failed to satisfy constraint: Member must have length greater than or equal to 1",
    }),
  ),
  ...["anyOf", "oneOf", "allOf"].map(
    (key): Refusal => ({
      what: `the top of a schema has no ${key} on Claude`,
      refused: tools(tool({ type: "object", [key]: [{ required: ["a"] }] })),
      taken: tools(
        tool({ type: "object", properties: { a: { [key]: [{}] } } }),
      ),
      text: fromModel(
        "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
      ),
    }),
  ),
  ...["$schema", "additionalProperties", "description", "$defs"].map(
    (key): Refusal => ({
      what: `the top of a schema has no ${key} on Nova`,
      refused: {
        modelId: NOVA,
        ...tools(tool({ type: "object", properties: {}, [key]: {} })),
      },
      taken: {
        modelId: NOVA,
        ...tools(
          tool({ type: "object", properties: { [key]: {} }, required: [] }),
        ),
      },
      text: fromModel(
        `Malformed input request: #/toolConfig/tools/0/toolSpec/inputSchema/json: extraneous key [${key}] is not permitted, please reformat your input and try again.`,
      ),
    }),
  ),
];
