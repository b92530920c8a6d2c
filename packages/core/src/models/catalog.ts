import { RecentMap } from "../checks/recent-map.ts";
import { ConfigurationError } from "../contract/errors.ts";
import { catalog, pricesOf, rowOf } from "./catalog-rows.ts";
import {
  CAPABILITIES,
  type ModelInfo,
  type ModelRegistration,
  NUMBERS,
} from "./model-info.ts";

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

const registrations = new Map<string, ModelRegistration>();

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value))
    return;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
}

/** What was looked up lately; a model call asks for the same model several times. */
const found = new RecentMap<string, ModelInfo | undefined>(100);
const DAY_MS = 86_400_000;

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
