import { ConfigurationError, costOf, findModel } from "@lambdallm/core";
import {
  estimateRequestTokens,
  type ModelRequest,
  maxTokensOf,
  modelName,
  thinkingOf,
} from "@lambdallm/core/feature";

/** The input is estimated, and a part of it may be written to a cache, which costs a quarter more. */
const INPUT_MARGIN = 1.25;

const MANY_TOKENS = 1_000_000;

/**
 * The request with as many `maxTokens` as the money is enough for; undefined when that is less than `leastTokens`, or than
 * what the request asks for where that is less.
 *
 * @throws {ConfigurationError} The price of the model is not known.
 */
export function affordable(
  request: ModelRequest,
  leftUsd: number,
  leastTokens: number,
): ModelRequest | undefined {
  if (leftUsd === Number.POSITIVE_INFINITY) return request;
  const inputTokens = Math.ceil(estimateRequestTokens(request) * INPUT_MARGIN);
  const inputUsd = costOf(callOf(request, inputTokens, 0));
  const manyUsd = costOf(callOf(request, 0, MANY_TOKENS));
  if (inputUsd === undefined || manyUsd === undefined)
    throw new ConfigurationError(
      `maxCostUsd needs the price of the model ${modelName(request.model)}, which is not known: give it to registerModel().`,
    );
  const wanted = maxTokensOf(request, findModel(request.model));
  const paid = ((leftUsd - inputUsd) / manyUsd) * MANY_TOKENS;
  if (paid >= wanted) return request;
  const least = leastTokens + (thinkingOf(request)?.budgetTokens ?? 0);
  const maxTokens = Math.floor(paid);
  return maxTokens >= least ? { ...request, maxTokens } : undefined;
}

function callOf(
  { model, bedrock }: ModelRequest,
  inputTokens: number,
  outputTokens: number,
) {
  return {
    model,
    serviceTier: bedrock?.serviceTier?.type,
    usage: {
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      cacheReadInputTokens: 0,
      cacheWriteInputTokens: 0,
    },
  };
}
