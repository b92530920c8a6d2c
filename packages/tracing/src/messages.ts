import {
  type ContentBlock,
  type Message,
  type S3Location,
  type SystemBlock,
  type Tool,
  type ToolResultContent,
  textOf,
} from "@lambdallm/core";

/** A part of a message, as the conventions have them: `type` says which fields it has. */
export interface MessagePart {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface ChatMessage {
  readonly role: string;
  readonly parts: readonly MessagePart[];
}

export interface OutputMessage extends ChatMessage {
  readonly finish_reason: string;
}

export interface ToolDefinition {
  readonly type: "function";
  readonly name: string;
  readonly description?: string | undefined;
  readonly parameters?: unknown;
}

/** What tools have answered has a role of its own. */
export function chatMessages(messages: readonly Message[]): ChatMessage[] {
  const all: { role: string; parts: MessagePart[] }[] = [];
  for (const { role: own, content } of messages) {
    let last: (typeof all)[number] | undefined;
    for (const block of content) {
      const role = "toolResult" in block ? "tool" : own;
      if (last?.role !== role) {
        last = { role, parts: [] };
        all.push(last);
      }
      last.parts.push(...partsOf(block));
    }
  }
  return all.filter(({ parts }) => parts.length > 0);
}

export function outputMessage(
  { role, content }: Message,
  finishReason: string,
): OutputMessage {
  const parts = content.flatMap(partsOf);
  return { role, parts, finish_reason: finishReason };
}

export const instructionParts = (
  system: readonly SystemBlock[],
): MessagePart[] => system.flatMap(partsOf);

export function toolDefinitions(tools: readonly Tool[]): ToolDefinition[] {
  return tools.flatMap((tool) => {
    if (!("toolSpec" in tool)) return [];
    const { name, description, inputSchema } = tool.toolSpec;
    const parameters = inputSchema.json;
    return { type: "function", name, description, parameters };
  });
}

const text = (content: string): MessagePart => ({ type: "text", content });

/** A block has one member, whose name says what it is; the service has more of them than this version knows. */
function partsOf(block: ContentBlock | SystemBlock): MessagePart[] {
  if ("text" in block) return [text(block.text)];
  if ("toolUse" in block) {
    const { toolUseId: id, name, input } = block.toolUse;
    return [{ type: "tool_call", id, name, arguments: input }];
  }
  if ("toolResult" in block) {
    const { toolUseId: id, content } = block.toolResult;
    return [{ type: "tool_call_response", id, response: responseOf(content) }];
  }
  if ("reasoningContent" in block && "reasoningText" in block.reasoningContent)
    return [
      { type: "reasoning", content: block.reasoningContent.reasoningText.text },
    ];
  if ("citationsContent" in block) return [text(textOf([block]))];
  if ("guardContent" in block && "text" in block.guardContent)
    return [text(block.guardContent.text.text)];
  return "cachePoint" in block ? [] : [mediaPart(block)];
}

const MODALITIES: Readonly<Record<string, string>> = {
  image: "image",
  video: "video",
  audio: "audio",
  document: "document",
};

interface Media {
  readonly format?: string;
  readonly source?: Partial<Record<"bytes", Uint8Array>> &
    Partial<Record<"text", string>> &
    Partial<Record<"s3Location", S3Location>>;
}

/** Bytes are told by their number: a picture in an attribute is larger than what an exporter sends. */
function mediaPart(block: object): MessagePart {
  // It has exactly one member: requests are checked for that.
  const [[kind, value]] = Object.entries(block) as [[string, unknown]];
  const modality = MODALITIES[kind];
  const { format, source = {} }: Media = Object(value);
  const { bytes, s3Location } = source;
  const common = {
    modality,
    ...(format !== undefined && {
      mime_type: `${modality === "document" ? "application" : modality}/${format}`,
    }),
  };
  if (bytes !== undefined)
    return { type: "blob", ...common, content: "", byte_length: bytes.length };
  if (s3Location !== undefined)
    return { type: "uri", ...common, uri: s3Location.uri };
  return source.text === undefined
    ? { type: "generic", block: kind }
    : text(source.text);
}

function responseOf(content: readonly ToolResultContent[]): unknown {
  const parts = content.map((part) => {
    if ("text" in part) return part.text;
    return "json" in part ? part.json : mediaPart(part);
  });
  return parts.length === 1 ? parts[0] : parts;
}

export { responseOf as toolResponse };
