import { findModel } from "@lambdallm/core";
import {
  type ModelRequest,
  needsOf,
  unmetNeeds,
} from "@lambdallm/core/feature";

/** Why a model cannot answer this request, by what the catalog says; undefined when nothing speaks against it. */
export function obstacleTo(
  request: ModelRequest,
  model: string,
  overflowedTokens: number,
): string | undefined {
  const info = findModel(model);
  const { contextWindowTokens = Number.POSITIVE_INFINITY } = info ?? {};
  if (contextWindowTokens <= overflowedTokens)
    return `its context of ${contextWindowTokens} tokens is no larger than the one that was too small`;
  return unmetNeeds(needsOf(request), info).at(0);
}
