import type { ToolResultContent } from "@lambdallm/core";

/** What a part of a result says; undefined for a file. */
export function resultText(part: ToolResultContent): string | undefined {
  if ("text" in part) return part.text;
  if ("json" in part) return JSON.stringify(part.json);
  if (!("searchResult" in part)) return undefined;
  const { title, source, content } = part.searchResult;
  return [title, source, ...content.map(({ text }) => text)].join("\n");
}
