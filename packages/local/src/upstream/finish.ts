import type { ReplyUsage } from "../bedrock/types.ts";
import { member, numberAt } from "../json.ts";

const REASONS: ReadonlyMap<string, string> = new Map([
  ["stop", "end_turn"],
  ["length", "max_tokens"],
  ["tool_calls", "tool_use"],
  ["function_call", "tool_use"],
  ["content_filter", "content_filtered"],
]);

/** A `finish_reason` in Bedrock's words. Some servers say "stop" after a tool call. */
export function stopReasonOf(
  finish: string | undefined,
  hasTools: boolean,
): string {
  const reason = REASONS.get(finish ?? "stop") ?? "end_turn";
  return hasTools && reason === "end_turn" ? "tool_use" : reason;
}

/** Bedrock's input tokens leave out those read from a cache. */
export function usageOf(
  usage: unknown,
): (ReplyUsage & { readonly totalTokens: number }) | undefined {
  const prompt = numberAt(usage, "prompt_tokens");
  const outputTokens = numberAt(usage, "completion_tokens");
  if (prompt === undefined || outputTokens === undefined) return undefined;
  const cached =
    numberAt(member(usage, "prompt_tokens_details"), "cached_tokens") ?? 0;
  return {
    inputTokens: prompt - cached,
    outputTokens,
    totalTokens: prompt + outputTokens,
    ...(cached > 0 && { cacheReadInputTokens: cached }),
  };
}
