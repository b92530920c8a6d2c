import { isManagedPrompt } from "../contract/managed-prompt.ts";
import type { ModelRequest, ProviderResponse } from "../contract/model-call.ts";
import { findModel } from "../models/catalog.ts";
import { largestMaxTokens, maxTokensOf } from "../models/max-tokens.ts";
import { answerState } from "./stop-reasons.ts";

/**
 * The default of `maxTokens`, when an answer was cut by it. A managed prompt has its own, and is sent none; and where it was the
 * model's limit, nobody can choose more.
 */
export function cutByDefault(
  request: ModelRequest,
  response: ProviderResponse,
): number | undefined {
  if (
    answerState(response) !== "cut" ||
    request.maxTokens !== undefined ||
    isManagedPrompt(request.model)
  )
    return undefined;
  const { model, region } = response;
  const info = findModel(model, { region });
  const maxTokens = maxTokensOf(request, info);
  return maxTokens < largestMaxTokens(info) ? maxTokens : undefined;
}

export function hintOf(maxTokens: number): string {
  return `The answer was cut after ${maxTokens} tokens, the default of maxTokens: give the call or the provider's middleware a maxTokens of its own.`;
}
