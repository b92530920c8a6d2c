import type {
  JsonValue,
  ModelInfo,
  OutputMode,
  Tool,
  ToolChoice,
} from "@lambdallm/core";
import type { ModelRequest } from "@lambdallm/core/feature";
import { nativeSchema } from "./native-schema.ts";
import { wrap } from "./wrapping.ts";

export type OutputRequest = ModelRequest & {
  readonly output: NonNullable<ModelRequest["output"]>;
};

export const hasOutput = (request: ModelRequest): request is OutputRequest =>
  request.output !== undefined;

/** Name of the tool, or of the schema, that carries the answer. */
export function outputName({ output, tools = [] }: OutputRequest): string {
  const name = output.name ?? "answer";
  const taken = tools.some(
    (tool) => "toolSpec" in tool && tool.toolSpec.name === name,
  );
  return taken ? `${name}_` : name;
}

/** How the model is made to call the tool with the answer. With tools of the caller's own, it may need them first. */
export function forcedChoice(
  request: OutputRequest,
  info: ModelInfo | undefined,
): ToolChoice {
  const { tools = [] } = request;
  return tools.length > 0 || info?.toolChoiceTool === false
    ? { any: {} }
    : { tool: { name: outputName(request) } };
}

/** The same request in the words of one mode: with `outputConfig`, with one more tool, or with the schema in the prompt. */
export function withOutput(
  request: OutputRequest,
  mode: OutputMode,
  info: ModelInfo | undefined,
): ModelRequest {
  const { output, ...plain } = request;
  switch (mode) {
    case "native":
      return {
        ...plain,
        bedrock: { ...plain.bedrock, outputConfig: nativeConfig(request) },
      };
    case "tool":
      return {
        ...plain,
        tools: toolsOf(request),
        toolChoice: forcedChoice(request, info),
      };
    case "auto-tool":
      return {
        ...plain,
        tools: toolsOf(request),
        toolChoice: { auto: {} },
      };
    default:
      return {
        ...plain,
        system: [
          ...(plain.system ?? []),
          {
            text: `Answer with JSON and nothing else: no explanation, no code fence. The JSON must conform to this JSON Schema:\n${JSON.stringify(output.schema)}`,
          },
        ],
      };
  }
}

function nativeConfig(request: OutputRequest) {
  const { bedrock, output } = request;
  return {
    ...bedrock?.outputConfig,
    textFormat: {
      type: "json_schema",
      structure: {
        jsonSchema: {
          // This mode is on the ladder only for a schema that has one.
          schema: nativeSchema(output.schema)?.text as string,
          name: outputName(request),
        },
      },
    },
  };
}

function toolsOf(request: OutputRequest): readonly Tool[] {
  const { output, tools = [] } = request;
  const tool: Tool = {
    toolSpec: {
      name: outputName(request),
      description:
        "Gives the final answer. Call it exactly once, with the whole answer.",
      // A JSON Schema is JSON.
      inputSchema: { json: wrap(output.schema) as JsonValue },
    },
  };
  return [...tools, tool];
}
