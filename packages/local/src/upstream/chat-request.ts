import type { ContentBlock, Message, ToolChoice } from "@lambdallm/core";
import { allText } from "../bedrock/answer.ts";
import type { BedrockRequest } from "../bedrock/types.ts";
import { toWire } from "../bedrock/wire-json.ts";
import { defined, member, objectAt, parseJson, stringAt } from "../json.ts";

/** A request as an API like OpenAI's takes it. */
export function chatRequest(
  request: BedrockRequest,
  model: string | undefined,
  streaming: boolean,
): object {
  const { inferenceConfig, toolConfig } = request;
  const system = allText(request.system as readonly ContentBlock[]).trim();
  const tools = (toolConfig?.tools ?? []).flatMap(toolOf);
  return defined({
    model: model ?? request.modelId,
    messages: [
      ...(system === "" ? [] : [{ role: "system", content: system }]),
      ...request.messages.flatMap(messagesOf),
    ],
    max_tokens: inferenceConfig.maxTokens,
    temperature: inferenceConfig.temperature,
    top_p: inferenceConfig.topP,
    stop: inferenceConfig.stopSequences,
    tools: tools.length === 0 ? undefined : tools,
    tool_choice:
      tools.length === 0 ? undefined : choiceOf(toolConfig?.toolChoice),
    response_format: formatOf(request),
    stream: streaming ? true : undefined,
    stream_options: streaming ? { include_usage: true } : undefined,
  });
}

/** Results of tools are messages of their own there, and come before what the user says beside them. */
function messagesOf({ role, content }: Message): object[] {
  const results = content.flatMap((block) =>
    "toolResult" in block
      ? [
          {
            role: "tool",
            tool_call_id: block.toolResult.toolUseId,
            content: allText(
              block.toolResult.content as readonly ContentBlock[],
            ),
          },
        ]
      : [],
  );
  const parts = content.flatMap(partOf);
  const calls = content.flatMap(callOf);
  if (parts.length === 0 && calls.length === 0) return results;
  const isPlain = parts.every((part) => part.type === "text");
  return [
    ...results,
    defined({
      role,
      content: isPlain
        ? parts.map((part) => stringAt(part, "text")).join("\n")
        : parts,
      tool_calls: calls.length === 0 ? undefined : calls,
    }),
  ];
}

function partOf(
  block: ContentBlock,
): { readonly type: string; readonly [key: string]: unknown }[] {
  if ("image" in block) {
    const bytes = stringAt(toWire(block.image.source), "bytes") ?? "";
    return [
      {
        type: "image_url",
        image_url: { url: `data:image/${block.image.format};base64,${bytes}` },
      },
    ];
  }
  // Thinking of one model is of no use to another.
  if (
    ["toolUse", "toolResult", "reasoningContent"].some((kind) => kind in block)
  )
    return [];
  const text = allText([block]);
  return text === "" ? [] : [{ type: "text", text }];
}

function callOf(block: ContentBlock): object[] {
  if (!("toolUse" in block)) return [];
  const { toolUseId, name, input } = block.toolUse;
  return [
    {
      id: toolUseId,
      type: "function",
      function: { name, arguments: JSON.stringify(input) },
    },
  ];
}

function toolOf(tool: unknown): object[] {
  const spec = objectAt(tool, "toolSpec");
  if (spec === undefined) return [];
  return [
    {
      type: "function",
      function: defined({
        name: member(spec, "name"),
        description: member(spec, "description"),
        parameters: member(member(spec, "inputSchema"), "json"),
        strict: member(spec, "strict"),
      }),
    },
  ];
}

function choiceOf(choice: ToolChoice | undefined): unknown {
  if (choice === undefined || "auto" in choice) return "auto";
  return "any" in choice
    ? "required"
    : { type: "function", function: { name: choice.tool.name } };
}

function formatOf({ outputConfig }: BedrockRequest): object | undefined {
  const format = outputConfig?.textFormat?.structure.jsonSchema;
  if (format === undefined) return undefined;
  return {
    type: "json_schema",
    json_schema: {
      name: format.name ?? "answer",
      schema: parseJson(format.schema),
      strict: true,
    },
  };
}
