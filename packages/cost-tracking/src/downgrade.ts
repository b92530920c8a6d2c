import { findModel } from "@lambdallm/core";
import {
  estimateTextTokens,
  largestMaxTokens,
  type ModelRequest,
  needsOf,
  unmetNeeds,
  withModel,
} from "@lambdallm/core/feature";
import type { Settings } from "./settings.ts";
import { type Region, worstCaseOf } from "./worst-case.ts";

/** A request, and the most that it can cost. */
export interface Offer {
  readonly request: ModelRequest;
  readonly nanoUsd: number;
}

/** The same request for the models that it may be downgraded to, as far as they are cheaper and can take it; the dearest first. */
export function cheaperOffers(
  { request, nanoUsd }: Offer,
  { downgradeTo, assumedPrice }: Settings,
  regions: readonly Region[],
): Offer[] {
  const offers: Offer[] = [];
  for (const model of downgradeTo) {
    const changed = withModel(request, model);
    const worst = worstCaseOf(changed, regions, assumedPrice);
    if (
      worst.missing === undefined &&
      worst.nanoUsd < nanoUsd &&
      fits(changed, regions[0])
    )
      offers.push({ request: changed, nanoUsd: worst.nanoUsd });
  }
  return offers.sort((a, b) => b.nanoUsd - a.nanoUsd);
}

/** Whether the model of the request can take it. What the catalog does not know, the model is taken to be able to. */
function fits(request: ModelRequest, region: Region): boolean {
  const { model, maxTokens = 0 } = request;
  const info = findModel(model, { region });
  const {
    contextWindowTokens = Number.POSITIVE_INFINITY,
    endOfLife,
    stillActiveIn = [],
  } = info ?? {};
  const isRetired =
    endOfLife !== undefined &&
    Date.now() >= Date.parse(endOfLife) &&
    !stillActiveIn.includes(arnRegion(model) ?? region ?? "");
  // What files come to is a guess, which excludes nobody; and the default of maxTokens gives way to a long prompt.
  const tokens =
    estimateTextTokens(request) + Math.min(maxTokens, largestMaxTokens(info));
  return (
    !isRetired &&
    tokens <= contextWindowTokens &&
    unmetNeeds(needsOf(request), info).length === 0
  );
}

function arnRegion(model: string): Region {
  return /^arn:[^:]*:[^:]*:([^:]+):/.exec(model)?.[1];
}
