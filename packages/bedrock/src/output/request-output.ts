import type {
  JsonValue,
  ModelRequest,
  OutputMode,
  Tool,
} from "@lambdallm/core";
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

/** The same request in the words of one mode: with `outputConfig`, with one more tool, or with the schema in the prompt. */
export function withOutput(
  request: OutputRequest,
  mode: OutputMode,
): ModelRequest {
  const { output, ...plain } = request;
  switch (mode) {
    case "native":
      return {
        ...plain,
        bedrock: { ...plain.bedrock, outputConfig: nativeConfig(request) },
      };
    case "tool":
    case "auto-tool":
      return { ...plain, ...toolFields(request, mode) };
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
          schema: nativeSchema(output.schema) as string,
          name: outputName(request),
        },
      },
    },
  };
}

function toolFields(request: OutputRequest, mode: OutputMode) {
  const { output, tools = [] } = request;
  const name = outputName(request);
  const tool: Tool = {
    toolSpec: {
      name,
      description:
        "Gives the final answer. Call it exactly once, with the whole answer.",
      inputSchema: { json: wrap(output.schema) as JsonValue },
    },
  };
  // With tools of the caller's own, the model may need them first.
  const forced = tools.length > 0 ? { any: {} } : { tool: { name } };
  return {
    tools: [...tools, tool],
    toolChoice: mode === "tool" ? forced : { auto: {} },
  };
}
