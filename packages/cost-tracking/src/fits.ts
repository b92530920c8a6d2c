import {
  estimateRequestTokens,
  findModel,
  type ModelRequest,
  needsOf,
  unmetNeeds,
} from "@lambdallm/core";

/** Whether the model of the request can take it. What the catalog does not know, the model is taken to be able to. */
export function fits(
  request: ModelRequest,
  region: string | undefined,
): boolean {
  const { model, maxTokens = 0 } = request;
  const info = findModel(model, { region });
  const {
    contextWindowTokens = Number.POSITIVE_INFINITY,
    maxOutputTokens = maxTokens,
  } = info ?? {};
  const tokens =
    estimateRequestTokens(request) + Math.min(maxTokens, maxOutputTokens);
  return (
    tokens <= contextWindowTokens &&
    unmetNeeds(needsOf(request), info).length === 0
  );
}
