import { estimateTokens } from "@lambdallm/core";
import { arrayAt, defined, member, objectAt, stringAt } from "../json.ts";
import { cutAnswer } from "./cut.ts";
import type { PromptUsage } from "./prompt-cache.ts";
import type {
  BedrockRequest,
  Reply,
  ReplyObject,
  ReplyUsage,
} from "./types.ts";

/** An answer with everything decided that the client will see. */
export interface Answer extends ReplyObject {
  readonly stopReason: string;
  readonly usage: ReplyUsage & { readonly totalTokens: number };
}

/** Completes what a responder returned; a usage of its own wins over what was counted. */
export function answerOf(
  reply: Reply,
  request: BedrockRequest,
  prompt: PromptUsage,
): Answer {
  const object: ReplyObject =
    typeof reply === "string"
      ? cutAnswer(reply, request.inferenceConfig)
      : reply;
  const usage = object.usage ?? {
    ...prompt,
    outputTokens: estimateTokens(allText(object.content)),
  };
  return {
    ...object,
    stopReason:
      object.stopReason ??
      (object.content.some((block) => "toolUse" in block)
        ? "tool_use"
        : "end_turn"),
    usage: {
      ...usage,
      totalTokens:
        usage.totalTokens ??
        usage.inputTokens +
          usage.outputTokens +
          (usage.cacheReadInputTokens ?? 0) +
          (usage.cacheWriteInputTokens ?? 0),
    },
  };
}

/** The members that the service repeats from the request. */
export function echoOf(body: unknown): object {
  return defined({
    serviceTier: objectAt(body, "serviceTier"),
    performanceConfig: objectAt(body, "performanceConfig"),
  });
}

/** Everything in content blocks that a model would read as text. */
export function allText(content: readonly unknown[]): string {
  return content.map(textOfBlock).join("\n");
}

function textOfBlock(block: unknown): string {
  const text = stringAt(block, "text");
  if (text !== undefined) return text;
  const toolUse = objectAt(block, "toolUse");
  if (toolUse !== undefined)
    return `${stringAt(toolUse, "name") ?? ""} ${JSON.stringify(member(toolUse, "input") ?? {})}`;
  const json = member(block, "json");
  if (json !== undefined) return JSON.stringify(json);
  const reasoning = stringAt(
    member(member(block, "reasoningContent"), "reasoningText"),
    "text",
  );
  if (reasoning !== undefined) return reasoning;
  const document = objectAt(block, "document");
  if (document !== undefined) return textOfDocument(document);
  for (const kind of ["toolResult", "citationsContent", "searchResult"]) {
    const inner = objectAt(block, kind);
    if (inner !== undefined)
      return arrayAt(inner, "content").map(textOfBlock).join("\n");
  }
  return stringAt(member(member(block, "guardContent"), "text"), "text") ?? "";
}

/** Formats whose bytes are readable as they are. */
const TEXT_FORMATS = new Set(["txt", "md", "csv", "html"]);

function textOfDocument(document: object): string {
  const source = objectAt(document, "source");
  const text = stringAt(source, "text");
  if (text !== undefined) return text;
  const bytes = member(source, "bytes");
  if (
    bytes instanceof Uint8Array &&
    TEXT_FORMATS.has(stringAt(document, "format") ?? "")
  )
    return Buffer.from(bytes).toString("utf8");
  return arrayAt(source, "content").map(textOfBlock).join("\n");
}
