import type { ContentBlock } from "@lambdallm/core";
import { isTooDeep, wrongInBlock } from "@lambdallm/core/feature";
import type { Report } from "./repair-problem.ts";
import { MAX_DEPTH } from "./snapshot.ts";

/** A content block, and the position of the message that it comes from. */
export interface Part {
  readonly block: ContentBlock;
  readonly index: number;
}

export interface Draft {
  readonly role: "user" | "assistant";
  readonly parts: readonly Part[];
}

/** What can be used of a stored message on its own; at most one draft. */
export function cleanMessage(
  stored: unknown,
  index: number,
  report: Report,
): Draft[] {
  const { role, content, incomplete }: Record<string, unknown> = Object(stored);
  if ((role !== "user" && role !== "assistant") || !Array.isArray(content)) {
    report(index, "broken-message");
    return [];
  }
  const parts: Part[] = [];
  for (const block of content) {
    // Of an answer that broke off only its text is of use: reasoning has no signature, a tool call no end.
    if (incomplete === true && role === "assistant" && !isText(block)) continue;
    if (!isBlock(block) || !canBeIn(block, role)) {
      report(index, problemOf(block));
      continue;
    }
    if (!isBlank(block) && !("cachePoint" in block))
      parts.push({ block, index });
  }
  const hasText = parts.some(({ block }) => "text" in block);
  const usable = parts.filter(({ block }) => hasText || !("document" in block));
  if (usable.length < parts.length) report(index, "document-without-text");
  return [{ role, parts: usable }];
}

/** Whether a message is worth sending: reasoning alone is not. */
export function hasSubstance(parts: readonly Part[]): boolean {
  return parts.some(({ block }) => !("reasoningContent" in block));
}

function isText(block: unknown): boolean {
  return typeof Reflect.get(Object(block), "text") === "string";
}

/** An object with one key. Kinds that are not known here are the service's business. */
function isBlock(block: unknown): block is ContentBlock {
  if (!isObject(block)) return false;
  const [entry, ...others] = Object.entries(block);
  if (entry === undefined || others.length > 0) return false;
  const [kind, value] = entry;
  // Other names are none of a service's, and are not always escaped on the way to it.
  if (!/^[a-z]\w*$/i.test(kind) || isTooDeep(value, MAX_DEPTH)) return false;
  // One block that no model takes would refuse the whole conversation, for ever.
  if (wrongInBlock(block, true) !== undefined) return false;
  // A string is JSON that broke off.
  return kind !== "toolUse" || isObject(Reflect.get(Object(value), "input"));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function canBeIn(block: ContentBlock, role: Draft["role"]): boolean {
  if ("toolUse" in block) return role === "assistant";
  if ("toolResult" in block)
    return role === "user" || block.toolResult.type !== undefined;
  return true;
}

function problemOf(block: unknown) {
  return isBlock(block) && "toolResult" in block
    ? "tool-result-without-use"
    : "broken-block";
}

function isBlank(block: ContentBlock): boolean {
  return "text" in block && block.text.trim() === "";
}
