import type { Usage } from "../contract/model-call.ts";
import { findModel } from "./catalog.ts";
import type { ModelPrices, TokenPrices } from "./model-info.ts";

/** A model call as far as its bill goes; a `ProviderResponse` is one. */
export interface BillableCall {
  readonly model: string;
  readonly usage: Usage;
  readonly region?: string | undefined;
  readonly serviceTier?: string | undefined;
  /** Epoch milliseconds. @default Date.now() */
  readonly now?: number | undefined;
}

export const PICO_USD_PER_USD = 1e12;

/** The sum of costs in USD, exact; undefined when one of them is. */
export function sumOfUsd(
  costs: Iterable<number | undefined>,
): number | undefined {
  let picoUsd = 0;
  for (const cost of costs) {
    if (cost === undefined) return undefined;
    picoUsd += Math.round(cost * PICO_USD_PER_USD);
  }
  return picoUsd / PICO_USD_PER_USD;
}

/** Times to live that `cacheWrite` is the price of. */
const DEFAULT_TTLS: readonly string[] = ["5m", "30m"];

/** USD; undefined when the price of any of its tokens is unknown. To add costs up, add those of `costInPicoUsd`. */
export function costOf(call: BillableCall): number | undefined {
  const cost = costInPicoUsd(call);
  return cost === undefined ? undefined : cost / PICO_USD_PER_USD;
}

/**
 * The cost in pico-USD (1e-12 USD). A price of 1 USD per million tokens is 1e6 pico-USD per token, so every price of
 * the catalog is a whole number, and so are a bill and a sum of bills: they are exact up to 2^53 - 1, about 9,007 USD.
 * A registered price is rounded to a whole pico-USD per token. Undefined when the cost is unknown: no price for a kind
 * of tokens that was used, a service tier without prices, a usage with negative or infinite counts, a larger bill.
 */
export function costInPicoUsd(call: BillableCall): number | undefined {
  const { usage, serviceTier, region, now } = call;
  const { inputTokens, outputTokens, cacheReadInputTokens } = usage;
  const cacheWrite = { byDefault: 0, forAnHour: 0, unknown: 0 };
  const counts = [
    inputTokens,
    outputTokens,
    cacheReadInputTokens,
    usage.cacheWriteInputTokens,
  ];
  let detailed = 0;
  for (const { ttl, inputTokens: tokens } of usage.cacheDetails ?? []) {
    counts.push(tokens);
    detailed += tokens;
    if (ttl === "1h") cacheWrite.forAnHour += tokens;
    else if (DEFAULT_TTLS.includes(ttl)) cacheWrite.byDefault += tokens;
    else cacheWrite.unknown += tokens;
  }
  if (!counts.every((count) => count >= 0 && count < Infinity))
    return undefined;
  const written = Math.max(usage.cacheWriteInputTokens, detailed);
  cacheWrite.byDefault += written - detailed;

  const prices = pricesFor(
    findModel(call.model, { region, now })?.prices,
    serviceTier,
    inputTokens + cacheReadInputTokens + written,
  );
  if (prices === undefined) return undefined;
  const bill: readonly (readonly [number, number | undefined])[] = [
    [inputTokens, prices.input],
    [outputTokens, prices.output],
    [cacheReadInputTokens, prices.cacheRead],
    [cacheWrite.byDefault, prices.cacheWrite],
    [cacheWrite.forAnHour, prices.cacheWrite1h],
    [cacheWrite.unknown, undefined],
  ];
  let total = 0;
  for (const [tokens, price] of bill) {
    if (tokens === 0) continue;
    if (price === undefined) return undefined;
    total += Math.round(tokens * Math.round(price * 1e6));
  }
  return Number.isSafeInteger(total) ? total : undefined;
}

function pricesFor(
  prices: ModelPrices | undefined,
  tier: string | undefined,
  contextTokens: number,
): TokenPrices | undefined {
  if (tier !== undefined && tier !== "default" && tier !== "standard") {
    const tiers = prices?.serviceTiers ?? {};
    return Object.hasOwn(tiers, tier) ? tiers[tier] : undefined;
  }
  const long = prices?.longContext;
  return long !== undefined && contextTokens > long.aboveInputTokens
    ? long
    : prices;
}
