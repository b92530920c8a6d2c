import { estimateTokens } from "@lambdallm/core";
import type { InferenceConfig, ReplyObject } from "./types.ts";

/** The words of a text, each with the white space around it: together they are the text. */
export function wordsOf(text: string): string[] {
  return [...text.matchAll(/\s*\S+\s*$|\s*\S+|\s+/gu)].map(([word]) => word);
}

/** A text as a model with these settings would have written it. */
export function cutAnswer(
  text: string,
  { maxTokens, stopSequences = [] }: InferenceConfig,
): ReplyObject {
  let end = text.length;
  let stopReason = "end_turn";
  for (const sequence of stopSequences) {
    const found = sequence === "" ? -1 : text.indexOf(sequence);
    if (found !== -1 && found < end) {
      end = found;
      stopReason = "stop_sequence";
    }
  }
  const kept = text.slice(0, end);
  if (maxTokens !== undefined && estimateTokens(kept) > maxTokens)
    return {
      content: [{ text: firstTokens(kept, maxTokens) }],
      stopReason: "max_tokens",
    };
  return { content: [{ text: kept }], stopReason };
}

function firstTokens(text: string, maxTokens: number): string {
  let kept = "";
  for (const word of wordsOf(text)) {
    if (estimateTokens(kept + word) > maxTokens) break;
    kept += word;
  }
  // Not even one word fits: a model's tokens are smaller than words.
  return kept === "" ? text.slice(0, Math.max(1, maxTokens)) : kept;
}
