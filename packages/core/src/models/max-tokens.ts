import type { ModelRequest } from "../contract/model-call.ts";
import type { ModelInfo } from "./model-info.ts";
import { thinkingOf } from "./thinking.ts";

/**
 * Room for an answer when nobody says how much. The service reserves `maxTokens` of the quota while a call runs, and the
 * model's maximum for a call without one: 31 parallel calls then use up a quota that serves 1,333.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/quotas-token-burndown.html
 */
export const DEFAULT_MAX_TOKENS = 4_096;

/** The largest `maxTokens` that a model takes; `Infinity` where nobody knows. */
export function largestMaxTokens(info: ModelInfo | undefined): number {
  const { maxOutputTokens = Number.POSITIVE_INFINITY, maxOutputExclusive } =
    info ?? {};
  return maxOutputExclusive ? maxOutputTokens - 1 : maxOutputTokens;
}

/**
 * The `maxTokens` that a request is sent with: its own, else its default beside what the model may think, and at most what
 * the model takes.
 */
export function maxTokensOf(
  request: Pick<ModelRequest, "maxTokens" | "defaults" | "bedrock">,
  info: ModelInfo | undefined,
): number {
  const {
    maxTokens = (request.defaults?.maxTokens ?? DEFAULT_MAX_TOKENS) +
      (thinkingOf(request)?.budgetTokens ?? 0),
  } = request;
  return Math.min(maxTokens, largestMaxTokens(info));
}
