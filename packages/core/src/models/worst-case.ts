import { ConfigurationError } from "../contract/errors.ts";
import { isManagedPrompt } from "../contract/managed-prompt.ts";
import type { ModelRequest } from "../contract/model-call.ts";
import { findModel } from "./catalog.ts";
import { inputTokenBound } from "./input-bound.ts";
import { largestMaxTokens, maxTokensOf } from "./max-tokens.ts";
import type { ModelInfo, TokenPrices } from "./model-info.ts";

/** USD per one million tokens, for models that the catalog has no price of. */
export interface AssumedPrice {
  readonly input: number;
  readonly output: number;
}

/** What is not known, and would have to be. */
export type Missing = "price" | "tier" | "context" | "output";

/** The most that one attempt can cost, or what has to be known to say so. */
export type WorstCase =
  /** A whole number of pico-USD. */
  | { readonly picoUsd: number; readonly missing?: undefined }
  | { readonly missing: Missing };

/** Undefined: not known. */
export type Region = string | undefined;

const ZERO: TokenPrices = { input: 0, output: 0 };

/** 1 USD per million tokens is 1e6 pico-USD per token. */
const PICO_PER_PRICE = 1e6;

/**
 * The upper bound of an attempt's cost: every input token at the dearest price that may apply to it, and as many output
 * tokens as the model may write.
 *
 * @param regions Where the model may be called.
 */
export function worstCaseOf(
  request: ModelRequest,
  regions: readonly Region[],
  assumed?: AssumedPrice | undefined,
): WorstCase {
  const ways = waysTo(request.model, regions);
  // It brings a text and settings of its own.
  const isManaged = isManagedPrompt(request.model);
  const inputTokens = Math.min(
    isManaged ? Number.POSITIVE_INFINITY : inputTokenBound(request),
    Math.max(...ways.map((info) => contextWindowOf(request, info))),
  );
  const outputTokens = Math.max(
    ...ways.map((info) =>
      isManaged ? largestMaxTokens(info) : maxTokensOf(request, info),
    ),
  );
  const prices = pricesOf(request, ways, inputTokens, assumed);
  if (typeof prices === "string") return { missing: prices };
  if (inputTokens === Number.POSITIVE_INFINITY) return { missing: "context" };
  if (outputTokens === Number.POSITIVE_INFINITY) return { missing: "output" };
  const picoUsd =
    inputTokens * dearestInput(prices, hasHourCache(request)) +
    outputTokens * dearest(prices.map(({ output }) => output));
  return { picoUsd };
}

/** With this beta of Anthropic's, prompts may be longer than the catalog's figure for the model. */
const LONG_CONTEXT_BETA = "context-1m";
const LONG_CONTEXT_TOKENS = 1_000_000;

function contextWindowOf({ bedrock }: ModelRequest, info: Way): number {
  const tokens = info?.contextWindowTokens ?? Number.POSITIVE_INFINITY;
  const fields: unknown = bedrock?.additionalModelRequestFields;
  const betas: unknown = Reflect.get(Object(fields), "anthropic_beta");
  const isLong = String(betas).includes(LONG_CONTEXT_BETA);
  return isLong ? Math.max(tokens, LONG_CONTEXT_TOKENS) : tokens;
}

/** Every price that may apply, or what is missing. */
function pricesOf(
  request: ModelRequest,
  ways: readonly Way[],
  inputTokens: number,
  assumed: AssumedPrice | undefined,
): readonly TokenPrices[] | Missing {
  const tier = request.bedrock?.serviceTier?.type ?? "default";
  const prices: TokenPrices[] = [];
  for (const way of ways) {
    if (way?.prices === undefined) continue;
    prices.push(way.prices);
    const { longContext, serviceTiers = {} } = way.prices;
    if (longContext && inputTokens > longContext.aboveInputTokens)
      prices.push(longContext);
    if (tier === "default" || tier === "standard") continue;
    // The service may fall back to its default tier, so that price stays in.
    const ofTier = Object.hasOwn(serviceTiers, tier)
      ? serviceTiers[tier]
      : undefined;
    if (ofTier === undefined && assumed === undefined) return "tier";
    prices.push(ofTier ?? ZERO, assumed ?? ZERO);
  }
  if (prices.length > 0) return prices;
  return assumed === undefined ? "price" : [assumed];
}

/** What is known of a model by one of the ids that it may be called by, in one of the Regions. */
type Way = ModelInfo | undefined;

/** The provider decides to which inference profile a bare id goes, and they differ in price and in what is registered. */
function waysTo(model: string, regions: readonly Region[]): Way[] {
  return regions.flatMap((region) => {
    const info = findModel(model, { region });
    const profiles = info?.id === model ? (info.profiles ?? []) : [];
    const ids = profiles.map((profile) => `${profile}.${model}`);
    return [info, ...ids.map((id) => findModel(id, { region }))];
  });
}

/** What is not cached costs `input`; the rest may be read from the cache or, with or without being asked to, written to it. */
function dearestInput(prices: readonly TokenPrices[], forAnHour: boolean) {
  return dearest(
    prices.flatMap(({ input, cacheRead, cacheWrite, cacheWrite1h }) => [
      input,
      cacheRead,
      cacheWrite,
      forAnHour ? cacheWrite1h : undefined,
    ]),
  );
}

/** In pico-USD per token. */
function dearest(prices: readonly (number | undefined)[]): number {
  return Math.max(
    ...prices.map((price = 0) => Math.round(price * PICO_PER_PRICE)),
  );
}

function hasHourCache({ system = [], messages, tools = [] }: ModelRequest) {
  const isHour = (block: object) =>
    "cachePoint" in block &&
    Reflect.get(Object(block.cachePoint), "ttl") === "1h";
  return (
    system.some(isHour) ||
    tools.some(isHour) ||
    messages.some(({ content }) => content.some(isHour))
  );
}

const WHY: Readonly<Record<Missing, (register: string) => string>> = {
  price: (register) =>
    `its price is not known: call ${register}{ prices: { input, output } }) at cold start`,
  tier: (register) =>
    `the price of the service tier is not known: call ${register}{ prices: { input, output, serviceTiers } }) at cold start`,
  context: (register) =>
    `the prompt has a part of unknown size, such as a document, a file in S3 or a managed prompt, and the model's context window is not known: call ${register}{ contextWindowTokens }) at cold start`,
  output: (register) =>
    `a managed prompt says itself how long its answer can be: call ${register}{ maxOutputTokens }) at cold start`,
};

/**
 * Nobody can say what a call costs at most.
 *
 * @param owner Whose limit it is; begins the message.
 * @param unpriced What else helps where a price is missing.
 */
export function unknownCost(
  owner: string,
  model: string,
  missing: Missing,
  unpriced = "",
): ConfigurationError {
  // Account numbers stay out of messages: callers may see them.
  const name = model.startsWith("arn:")
    ? model.slice(model.indexOf("/") + 1)
    : model;
  const why = WHY[missing](`registerModel("${name}", `);
  const or = missing === "price" || missing === "tier" ? unpriced : "";
  return new ConfigurationError(
    `${owner}: a call of the model ${name} has no upper bound of its cost, because ${why}${or}.`,
  );
}
