import {
  type ModelRequest,
  misfitsOf,
  type Region,
  withModel,
  worstCaseOf,
} from "@lambdallm/core/feature";
import { nanoOfPico } from "./money.ts";
import type { Settings } from "./settings.ts";

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
  const { maxTokens = 0 } = request;
  const [region] = regions;
  const offers: Offer[] = [];
  for (const model of downgradeTo) {
    const changed = withModel(request, model);
    const worst = worstCaseOf(changed, regions, assumedPrice);
    if (worst.missing !== undefined) continue;
    const changedNanoUsd = nanoOfPico(worst.picoUsd);
    if (
      changedNanoUsd < nanoUsd &&
      // The default of maxTokens gives way to a long prompt.
      misfitsOf(changed, model, { region, outputTokens: maxTokens }).length ===
        0
    )
      offers.push({ request: changed, nanoUsd: changedNanoUsd });
  }
  return offers.sort((a, b) => b.nanoUsd - a.nanoUsd);
}
