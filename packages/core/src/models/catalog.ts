import { ConfigurationError } from "../contract/errors.ts";
import { PLACES, ROWS } from "./catalog-data.ts";

/** USD per one million tokens. A kind of tokens without a price here is one whose price is unknown. */
export interface TokenPrices {
  readonly input: number;
  readonly output: number;
  readonly cacheRead?: number;
  /** For the model's own time to live: 5 minutes on Claude and Nova, 30 minutes on GPT and Kimi. */
  readonly cacheWrite?: number;
  readonly cacheWrite1h?: number;
}

export interface ModelPrices extends TokenPrices {
  /** For the whole request once its input, cache reads and writes included, is larger than `aboveInputTokens`. */
  readonly longContext?: TokenPrices & { readonly aboveInputTokens: number };
  /** By the service tier's name, such as `flex`. The catalog has none: register what you were quoted. */
  readonly serviceTiers?: Readonly<Record<string, TokenPrices>>;
}

/** What is known about a model. A missing field means that nobody knows. */
export interface ModelInfo {
  /** The base id, without a profile's prefix. */
  readonly id: string;
  readonly prices?: ModelPrices;
  readonly contextWindowTokens?: number;
  readonly maxOutputTokens?: number;
  readonly tools?: boolean;
  /** Tools in a streamed answer. */
  readonly streamingTools?: boolean;
  readonly systemPrompt?: boolean;
  /** JSON Schema in `outputConfig`. */
  readonly nativeStructuredOutput?: boolean;
  readonly vision?: boolean;
  readonly pdf?: boolean;
  readonly promptCaching?: boolean;
  /** Shorter prefixes are silently not cached. */
  readonly cacheMinTokens?: number;
  readonly reasoning?: boolean;
  /** False: the model refuses `temperature` and `topP`. */
  readonly samplingParameters?: boolean;
  /** False: the model refuses `stopSequences`. */
  readonly stopSequences?: boolean;
  /** `toolChoice: { any: {} }`. */
  readonly toolChoiceAny?: boolean;
  /** `toolChoice: { tool: { name } }`. */
  readonly toolChoiceTool?: boolean;
  /** False: a conversation must not end with a message of the assistant. */
  readonly prefill?: boolean;
  /** Messages of the role `system` inside a conversation. */
  readonly systemMessages?: boolean;
  /** False: the model refuses its own reasoning in a conversation. */
  readonly reasoningReplay?: boolean;
  /** True: `maxTokens` must be below `maxOutputTokens`. */
  readonly maxOutputExclusive?: boolean;
  /** False: the bare id is refused in every Region; the model needs an inference profile. */
  readonly onDemand?: boolean;
  /** The day it ends in most Regions, such as `2026-09-10`. */
  readonly endOfLife?: string;
  /** Regions where it outlives `endOfLife`. */
  readonly stillActiveIn?: readonly string[];
  /** Prefixes of its inference profiles, such as `us` and `global`. */
  readonly profiles?: readonly string[];
  /** Id of a living model to use instead of one with an end of life. */
  readonly replacement?: string;
}

/** Facts about a model of your own, or corrections of the catalog's. */
export type ModelRegistration = {
  /** Id of a known model; facts that are not given here are taken from it. */
  readonly baseModel?: string;
} & Partial<Omit<ModelInfo, "id">>;

/** The order is the one of `CAPABILITIES` in scripts/generate-catalog.ts. */
const CAPABILITIES = [
  "tools",
  "streamingTools",
  "systemPrompt",
  "nativeStructuredOutput",
  "vision",
  "pdf",
  "promptCaching",
  "reasoning",
  "samplingParameters",
  "stopSequences",
  "toolChoiceAny",
  "toolChoiceTool",
  "prefill",
  "systemMessages",
  "reasoningReplay",
  "maxOutputExclusive",
  "onDemand",
] as const;

const NUMBERS = [
  "contextWindowTokens",
  "maxOutputTokens",
  "cacheMinTokens",
] as const;

const KINDS = [
  "input",
  "output",
  "cacheRead",
  "cacheWrite",
  "cacheWrite1h",
] as const;

const FIELDS: readonly string[] = [
  "baseModel",
  "prices",
  "endOfLife",
  "stillActiveIn",
  "profiles",
  "replacement",
  ...NUMBERS,
  ...CAPABILITIES,
];

/** Five prices, the five prices of long contexts, the number of tokens above which those apply. */
type Tuple = readonly (number | undefined)[];

/** Every group of the pattern takes part in a match. */
type AllGroups = readonly [match: string, string, string, string];

interface Row {
  readonly info: ModelInfo;
  readonly prices: Tuple;
  readonly regional: ReadonlyMap<string, Tuple>;
  readonly extended?: { readonly from: number; readonly prices: Tuple };
}

interface Place {
  readonly region: string | undefined;
  /** The prefix of an inference profile, or `BASE`. */
  readonly profile?: string | undefined;
  readonly now: number;
}

/** Asks for the base prices, whatever a Region or a profile adds to them. */
const BASE = "base";
const ARN =
  /^arn:aws[a-z-]*:bedrock:([^:]*):[^:]*:(?:(?:foundation-model|inference-profile)\/(.+)$)?/s;
const GEOGRAPHY = /^(?:us-gov|us|eu|apac|jp|au|in|ca|global)$/;
const SHORT_PREFIX = /^[a-z][a-z-]{1,11}$/;
const CONTEXT_VARIANT = /^(.+?)(:\d{1,3})?:\d{1,7}[km]$/s;

let lines: ReadonlyMap<string, string> | undefined;
const rows = new Map<string, Row>();
const registrations = new Map<string, ModelRegistration>();

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value))
    return;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
}

/** What was looked up lately; a model call asks for the same model several times. */
const found = new Map<string, ModelInfo | undefined>();
const MAX_FOUND = 100;
const DAY_MS = 86_400_000;

/** The inverse of `fold` in scripts/generate-catalog.ts. */
export function unfold(items: readonly string[]): string[] {
  let before = "";
  return items.map((item) => {
    before =
      before.slice(0, Number.parseInt(item.charAt(0), 36)) + item.slice(1);
    return before;
  });
}

/** The lines of the catalog by model id. */
function catalog(): ReadonlyMap<string, string> {
  lines ??= new Map(
    unfold(ROWS.split("\n")).map((line) => {
      const end = line.indexOf("|");
      return [line.slice(0, end), line.slice(end + 1)];
    }),
  );
  return lines;
}

/** Ids of the catalog's models, in its order. */
export function catalogIds(): string[] {
  return [...catalog().keys()];
}

function tupleOf(list: string): Tuple {
  const values = list.split(",");
  return Array.from({ length: 11 }, (_, index) =>
    values[index] ? Number(values[index]) : undefined,
  );
}

function pricesAt(tuple: Tuple, start: number): TokenPrices {
  const prices: { -readonly [K in keyof TokenPrices]?: number } = {};
  KINDS.forEach((kind, index) => {
    const price = tuple[start + index];
    if (price !== undefined) prices[kind] = price;
  });
  // Input and output are there in every row.
  return prices as TokenPrices;
}

function pricesOf(tuple: Tuple): ModelPrices {
  const aboveInputTokens = tuple[10];
  return {
    ...pricesAt(tuple, 0),
    ...(aboveInputTokens !== undefined && {
      longContext: { ...pricesAt(tuple, 5), aboveInputTokens },
    }),
  };
}

function rowOf(id: string): Row | undefined {
  const known = rows.get(id);
  const line = catalog().get(id);
  if (known !== undefined || line === undefined) return known;
  const fields = line.split("|");
  const field = (index: number) => fields[index] ?? "";
  const names = PLACES.split(" ");
  const places = (letters: string) =>
    Array.from(letters).flatMap((letter) => {
      const index = Number.parseInt(letter, 36);
      return names.slice(index, index + 1);
    });

  const prices = tupleOf(field(3));
  const regional = new Map<string, Tuple>();
  for (const match of field(6).matchAll(/(\w+)([*=])(\S+)/g)) {
    const [, letters, sign, rule] = match as unknown as AllGroups;
    const own = tupleOf(rule);
    // In whole millionths, so that 1.1 times a price is the double that the price list means.
    const tuple = prices.map((price, index) =>
      sign === "=" || price === undefined || index === 10
        ? (own[index] ?? price)
        : Math.round(price * 1e6 * Number(rule)) / 1e6,
    );
    for (const place of places(letters)) regional.set(place, tuple);
  }

  const info: { -readonly [K in keyof ModelInfo]: ModelInfo[K] } = {
    id,
    contextWindowTokens: Number(field(1)),
    maxOutputTokens: Number(field(2)),
  };
  let digits = Number.parseInt(field(0), 36);
  for (const name of CAPABILITIES) {
    const digit = digits % 3;
    digits = (digits - digit) / 3;
    if (digit > 0) info[name] = digit === 2;
  }
  if (field(4)) info.profiles = Object.freeze(places(field(4)));
  if (field(5)) info.cacheMinTokens = Number(field(5));
  if (field(7)) info.endOfLife = field(7).replace(/(..)(..)/, "20$1-$2-");
  // The generator writes the replacement as a position in the catalog.
  if (field(8)) info.replacement = catalogIds()[Number(field(8))] as string;
  if (field(9)) info.stillActiveIn = Object.freeze(places(field(9)));
  const [, from = "", list = ""] = /^(.*?),(.*)/.exec(field(10)) ?? [];
  const row = {
    info,
    prices,
    regional,
    ...(from && {
      extended: { from: Date.parse(from), prices: tupleOf(list) },
    }),
  };
  rows.set(id, row);
  return row;
}

function parse(modelId: string): {
  readonly base: string;
  readonly profile?: string;
  readonly region?: string | undefined;
} {
  const arn = ARN.exec(modelId);
  const region = arn?.[1];
  const name = arn === null ? modelId : arn[2];
  if (name === undefined) return { base: modelId, region };
  const dot = name.indexOf(".");
  const profile = name.slice(0, Math.max(dot, 0));
  const rest = withoutContextVariant(name.slice(dot + 1));
  if (
    GEOGRAPHY.test(profile) ||
    (SHORT_PREFIX.test(profile) &&
      (catalog().has(rest) ||
        registrations.get(rest)?.profiles?.includes(profile)))
  )
    return { base: rest, profile, region };
  return { base: withoutContextVariant(name), region };
}

/** Also `amazon.titan-text-express-v1:0:8k`, whose plain id has no `:0`. */
function withoutContextVariant(id: string): string {
  const [, name, version = ""] = CONTEXT_VARIANT.exec(id) ?? [];
  if (name === undefined) return id;
  return catalog().has(name) ? name : name + version;
}

function catalogModel(id: string, place: Place): ModelInfo | undefined {
  const row = rowOf(id);
  if (row === undefined) return undefined;
  const { region, profile, now } = place;
  const { extended } = row;
  const prices =
    row.regional.get(profile ?? region ?? "") ??
    (profile === undefined ? row.regional.get("inRegion") : undefined) ??
    (extended !== undefined && now >= extended.from
      ? extended.prices
      : row.prices);
  return inProfile({ ...row.info, prices: pricesOf(prices) }, profile);
}

/** A profile that the model is not known to have has no known price either. */
function inProfile(info: ModelInfo, profile: string | undefined): ModelInfo {
  if (
    profile === undefined ||
    profile === BASE ||
    info.profiles?.includes(profile)
  )
    return info;
  const { prices: _, ...rest } = info;
  return rest;
}

/** `seen` makes a registration that leads back to itself end in the catalog. */
function lookUp(
  modelId: string,
  place: Place,
  seen: Set<string>,
): ModelInfo | undefined {
  const { base, profile, region } = parse(modelId);
  const here = { ...place, region: region || place.region };
  const there = { ...here, profile: profile ?? place.profile };
  for (const id of [modelId, profile && `${profile}.${base}`, base]) {
    if (id === undefined || seen.has(id)) continue;
    const registration = registrations.get(id);
    if (registration === undefined) continue;
    seen.add(id);
    const { baseModel = id, ...facts } = registration;
    const where = id === base ? there : here;
    const parent = lookUp(baseModel, where, seen);
    const info = { ...parent, ...facts, id: parent?.id ?? id };
    return inProfile(info, where.profile);
  }
  return catalogModel(base, there);
}

/**
 * What is known about a model: by its id, the id of an inference profile, a foundation model's or inference
 * profile's ARN, or whatever was registered. Undefined when it is unknown, and for ARNs that do not name their model.
 */
export function findModel(
  modelId: string,
  options: {
    /** For the price of a model without a profile. An ARN's own Region comes first. */
    readonly region?: string | undefined;
    /** Epoch milliseconds, for prices that begin on a date. @default Date.now() */
    readonly now?: number | undefined;
  } = {},
): ModelInfo | undefined {
  const { region, now = Date.now() } = options;
  // Prices change at midnight at most.
  const key = `${Math.floor(now / DAY_MS)} ${region} ${modelId}`;
  if (found.has(key)) return found.get(key);
  const info = lookUp(modelId, { region, now }, new Set());
  if (found.size >= MAX_FOUND) found.clear();
  freeze(info);
  found.set(key, info);
  return info;
}

/**
 * Every model of the catalog and every registered one that is no other name of a known model, with base prices:
 * those of the `global` profile where there is one.
 */
export function listModels(): readonly ModelInfo[] {
  const place = { region: undefined, profile: BASE, now: Date.now() };
  const ids = new Set([...catalog().keys(), ...registrations.keys()]);
  return [...ids]
    .map((id) => ({ id, info: lookUp(id, place, new Set()) }))
    .flatMap(({ id, info }) => (info?.id === id ? [info] : []));
}

/** The id without a profile's prefix, an ARN around it or a context variant; as it is when it is opaque. */
export function baseModelId(modelId: string): string {
  return parse(modelId).base;
}

/**
 * Teaches the catalog a model of your own (custom, imported, provisioned, an application inference profile) or
 * corrects it. What is given replaces what the catalog says, `prices` as a whole and for every Region and profile;
 * the rest comes from `baseModel`, or from the catalog's model of the same id. A second registration of an id
 * replaces the first. Register at cold start, outside of the handler.
 */
export function registerModel(modelId: string, info: ModelRegistration): void {
  if (typeof modelId !== "string" || modelId.trim() === "")
    throw new ConfigurationError("registerModel: the model id is empty");
  const facts = Object.fromEntries(
    Object.entries(info).filter(([, value]) => value !== undefined),
  ) as ModelRegistration; // The same object without fields that are undefined.
  for (const field of Object.keys(facts))
    if (!FIELDS.includes(field)) fail(modelId, field, "is not a known field");
  for (const field of NUMBERS)
    if (facts[field] !== undefined) checkNumbers(modelId, field, facts[field]);
  for (const field of CAPABILITIES)
    if (facts[field] !== undefined && typeof facts[field] !== "boolean")
      fail(modelId, field, "must be true or false");
  if (facts.prices !== undefined) {
    // Whoever leaves one of the two out hears about it.
    const required = { input: undefined, output: undefined };
    checkNumbers(modelId, "prices", { ...required, ...facts.prices });
  }
  const { baseModel } = facts;
  if (baseModel !== undefined && findModel(baseModel) === undefined)
    fail(modelId, "baseModel", `is not a known model: "${baseModel}"`);
  found.clear();
  registrations.set(modelId, structuredClone(facts));
}

function checkNumbers(modelId: string, field: string, value: unknown): void {
  if (typeof value === "object" && value !== null)
    for (const [key, part] of Object.entries(value))
      checkNumbers(modelId, `${field}.${key}`, part);
  else if (typeof value !== "number" || !(value >= 0 && value < Infinity))
    fail(modelId, field, "must be a finite number of 0 or more");
}

function fail(modelId: string, field: string, problem: string): never {
  throw new ConfigurationError(
    `registerModel("${modelId}"): ${field} ${problem}`,
  );
}
