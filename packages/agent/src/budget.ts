import { ConfigurationError, costOf, findModel } from "@lambdallm/core";
import {
  estimateRequestTokens,
  type ModelRequest,
  maxTokensOf,
  modelName,
  thinkingOf,
  usageOf,
} from "@lambdallm/core/feature";

/** The input is estimated, and a part of it may be written to a cache, which costs a quarter more. */
const INPUT_MARGIN = 1.25;

const MANY_TOKENS = 1_000_000;

/** Fewer tokens than that are no answer that anybody can use. */
const LEAST_TOKENS = 512;
const LEAST_LAST_TOKENS = 128;

/**
 * The request with as many `maxTokens` as the money is enough for; undefined when that is less than an answer needs.
 *
 * @param isLast Else a last answer has to be paid after this one, if it may call tools.
 * @throws {ConfigurationError} The price of the model is not known.
 */
export function affordable(
  request: ModelRequest,
  leftUsd: number,
  isLast: boolean,
): ModelRequest | undefined {
  const inputTokens = Math.ceil(estimateRequestTokens(request) * INPUT_MARGIN);
  const inputUsd = costOf(callOf(request, inputTokens, 0));
  const manyUsd = costOf(callOf(request, 0, MANY_TOKENS));
  if (inputUsd === undefined || manyUsd === undefined)
    throw new ConfigurationError(
      `maxCostUsd needs the price of the model ${modelName(request.model)}, which is not known: give it to registerModel().`,
    );
  const tokenUsd = manyUsd / MANY_TOKENS;
  const keptUsd =
    isLast || request.tools === undefined
      ? 0
      : inputUsd + LEAST_TOKENS * tokenUsd;
  const tokens = Math.floor((leftUsd - inputUsd - keptUsd) / tokenUsd);
  if (tokens >= maxTokensOf(request, findModel(request.model))) return request;
  const least =
    (isLast ? LEAST_LAST_TOKENS : LEAST_TOKENS) +
    (thinkingOf(request)?.budgetTokens ?? 0);
  return tokens >= least ? { ...request, maxTokens: tokens } : undefined;
}

function callOf(
  { model, bedrock }: ModelRequest,
  inputTokens: number,
  outputTokens: number,
) {
  return {
    model,
    serviceTier: bedrock?.serviceTier?.type,
    usage: usageOf(inputTokens, outputTokens),
  };
}
