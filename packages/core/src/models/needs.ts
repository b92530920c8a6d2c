import type { ModelRequest } from "../contract/model-call.ts";

/** What a request asks of its model. */
export interface RequestNeeds {
  /** Tools are offered, or the conversation has tool calls in it. */
  readonly tools: boolean;
  readonly streaming: boolean;
  readonly images: boolean;
  /** Documents of any format. */
  readonly documents: boolean;
  readonly pdf: boolean;
  readonly video: boolean;
  readonly audio: boolean;
  /** The conversation ends with a message of the assistant, which the model is to continue. */
  readonly prefill: boolean;
}

/** Reads a request's needs off its tools and messages, tool results and guarded content included. */
export function needsOf({
  messages,
  tools = [],
  onDelta,
}: Pick<ModelRequest, "messages" | "tools" | "onDelta">): RequestNeeds {
  const kinds = new Set<string>();
  // What is malformed is the service's to refuse.
  const add = (block: unknown, isInner = false): void => {
    if (typeof block !== "object" || block === null) return;
    for (const [kind, value] of Object.entries(block)) {
      if (value === undefined || value === null) continue;
      kinds.add(kind);
      if (kind === "document" && value.format === "pdf") kinds.add("pdf");
      if (isInner) continue;
      if (kind === "toolResult" && Array.isArray(value.content))
        for (const part of value.content) add(part, true);
      if (kind === "guardContent") add(value, true);
    }
  };
  for (const { content } of messages) for (const block of content) add(block);
  return {
    tools: tools.length > 0 || kinds.has("toolUse") || kinds.has("toolResult"),
    streaming: onDelta !== undefined,
    images: kinds.has("image"),
    documents: kinds.has("document"),
    pdf: kinds.has("pdf"),
    video: kinds.has("video"),
    audio: kinds.has("audio"),
    prefill:
      messages.findLast(({ content }) => content.some(isSaid))?.role ===
      "assistant",
  };
}

/** Blank text and cache points are not sent where a message has nothing else. */
function isSaid(block: unknown): boolean {
  if (typeof block !== "object" || block === null) return false;
  const text: unknown = Reflect.get(block, "text");
  return typeof text === "string"
    ? text.trim() !== ""
    : !("cachePoint" in block);
}
