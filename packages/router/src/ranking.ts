import { costOf, findModel } from "@lambdallm/core";
import {
  DEFAULT_MAX_TOKENS,
  largestMaxTokens,
  misfitsOf,
  usageOf,
} from "@lambdallm/core/feature";
import type { RoutedCall } from "./facts.ts";
import type { RouterSettings } from "./settings.ts";
import { type QualityTier, tierOf } from "./tiers.ts";

/** How one model stands for one call. */
export interface RankedModel {
  readonly model: string;
  readonly fits: boolean;
  /** Why it does not fit; empty when it does. */
  readonly misfits: readonly string[];
  readonly tier: QualityTier;
  /** Estimated for this call; undefined when the price is unknown. */
  readonly costUsd: number | undefined;
  /** Whether the catalog knows of native structured output. */
  readonly nativeOutput: boolean;
  /** Of the strategy "balanced": the share of the budget that is left times the tier, minus the cost's logarithm to base 3. */
  readonly score: number;
}

export interface RankingPlace {
  readonly region: string | undefined;
  readonly now: number;
}

/** Used where neither the call nor the options say how long answers are. */
const DEFAULT_OUTPUT_TOKENS = 500;

/** How many times as much a model may cost that is one tier better, while the whole budget is left. */
const PRICE_OF_A_TIER = 3;

/** The models in the order of preference, those that fit first. */
export function rank(
  call: RoutedCall,
  place: RankingPlace,
  settings: RouterSettings,
): readonly RankedModel[] {
  const { models, strategy, qualityThreshold } = settings;
  const ranked = models.map((model): RankedModel => {
    const estimate = estimateModel(model, call, place, settings);
    if (estimate.tier >= qualityThreshold) return estimate;
    const misfit = `its quality tier ${estimate.tier} is below ${qualityThreshold}`;
    return { ...estimate, fits: false, misfits: [...estimate.misfits, misfit] };
  });
  const keys = [fitsFirst, ...KEYS[strategy]];
  if (call.facts.hasSchema) keys.push(nativeFirst);
  keys.push(betterFirst);
  // Array.prototype.sort is stable: what is equal in everything stays in the order of the option.
  return ranked.sort((left, right) => {
    for (const key of keys) {
      const one = key(left);
      const other = key(right);
      if (one !== other) return one < other ? -1 : 1;
    }
    return 0;
  });
}

/** What is known of one model for this call; the quality threshold is left to the caller. */
export function estimateModel(
  model: string,
  call: RoutedCall,
  { region, now }: RankingPlace,
  settings: RouterSettings,
): RankedModel {
  const info = findModel(model, { region, now });
  const { expectedOutputTokens, requireNativeOutput } = settings;
  const { maxTokens, inputTokens, budgetShareLeft, hasSchema, request } =
    call.facts;
  const outputTokens = Math.min(
    expectedOutputTokens ?? maxTokens ?? DEFAULT_OUTPUT_TOKENS,
    maxTokens ?? DEFAULT_MAX_TOKENS,
    largestMaxTokens(info),
  );
  const nativeOutput = info?.nativeStructuredOutput === true;
  const misfits = [
    ...misfitsOf(call.prompt, model, {
      region,
      now,
      textTokens: call.textTokens,
      // A default gives way to a long prompt; what the call asks for does not.
      outputTokens:
        request.maxTokens ?? expectedOutputTokens ?? DEFAULT_OUTPUT_TOKENS,
    }),
    ...(hasSchema && requireNativeOutput && !nativeOutput
      ? ["it is not known to have native structured output"]
      : []),
  ];
  const tier = tierOf(model, info, settings.quality);
  const costUsd = costOf({
    model,
    region,
    now,
    usage: usageOf(inputTokens, outputTokens),
  });
  return {
    model,
    fits: misfits.length === 0,
    misfits,
    tier,
    costUsd,
    nativeOutput,
    score: scoreOf(tier, costUsd, budgetShareLeft),
  };
}

function scoreOf(
  tier: QualityTier,
  costUsd: number | undefined,
  budgetShareLeft = 1,
): number {
  const share = Math.min(1, Math.max(0, budgetShareLeft));
  const score =
    share * tier -
    Math.log(costUsd ?? Number.POSITIVE_INFINITY) / Math.log(PRICE_OF_A_TIER);
  // Three times the price for one tier more is a tie, whatever the logarithm's last digit says.
  return Math.round(score * 1e6) / 1e6;
}

/** A smaller key comes first. */
type SortKey = (model: RankedModel) => number;

const fitsFirst: SortKey = ({ fits }) => (fits ? 0 : 1);
const cheaperFirst: SortKey = ({ costUsd }) =>
  costUsd ?? Number.POSITIVE_INFINITY;
const betterFirst: SortKey = ({ tier }) => -tier;
const nativeFirst: SortKey = ({ nativeOutput }) => (nativeOutput ? 0 : 1);

const KEYS: Readonly<Record<RouterSettings["strategy"], readonly SortKey[]>> = {
  cheapest: [cheaperFirst],
  quality: [betterFirst, cheaperFirst],
  balanced: [({ score }) => -score, cheaperFirst],
};
