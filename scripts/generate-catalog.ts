/**
 * Writes packages/core/src/models/catalog-data.ts and packages/core/src/models/model.ts from the files in packages/core/data.
 * With `--check` it writes nothing and exits with 1 when they are stale.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  CAPABILITIES,
  PRICE_KINDS,
} from "../packages/core/src/models/model-info.ts";

const CORE = new URL("../packages/core/", import.meta.url);

interface SourcePrices {
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
  readonly cacheWrite1h?: number;
}

interface SourceTieredPrices extends SourcePrices {
  readonly longContext?: SourcePrices & { readonly aboveInputTokens: number };
}

export interface SourceModel extends SourceTieredPrices {
  readonly input: number;
  readonly output: number;
  readonly contextWindow: number;
  readonly maxOutput: number;
  readonly tools?: boolean | null;
  readonly streamingTools?: boolean | null;
  readonly systemPrompt?: boolean | null;
  readonly nativeStructuredOutput?: boolean | null;
  readonly vision?: boolean | null;
  readonly pdf?: boolean | null;
  readonly promptCaching?: boolean | null;
  readonly reasoning?: boolean | null;
  readonly samplingParams?: boolean | null;
  readonly stopSequences?: boolean | null;
  readonly toolChoiceAny?: boolean | null;
  readonly toolChoiceTool?: boolean | null;
  readonly prefill?: boolean | null;
  readonly systemMessages?: boolean | null;
  readonly reasoningReplay?: boolean | null;
  readonly maxOutputExclusive?: boolean | null;
  readonly onDemand?: boolean | null;
  readonly cacheMinTokens?: number;
  readonly eol?: string;
  readonly stillActiveIn?: readonly string[];
  readonly extendedAccess?: SourcePrices & { readonly from: string };
  readonly regional?: Readonly<Record<string, SourceTieredPrices>>;
  readonly profiles?: readonly string[];
}

export interface Source {
  /** The month of the data, such as "2026-11". */
  readonly retrieved: string;
  readonly models: Readonly<Record<string, SourceModel>>;
}

export type Names = Readonly<
  Record<
    string,
    {
      readonly constant: string;
      readonly name: string;
      readonly replacement?: string;
    }
  >
>;

/** Five prices, the five prices of long contexts, the number of tokens above which those apply. */
type Tuple = readonly (number | undefined)[];

function tupleOf(prices: SourceTieredPrices): Tuple {
  return [
    ...PRICE_KINDS.map((kind) => prices[kind]),
    ...PRICE_KINDS.map((kind) => prices.longContext?.[kind]),
    prices.longContext?.aboveInputTokens,
  ];
}

/** `.25` instead of `0.25`, `2e5` instead of `200000`. */
function shortNumber(value: number): string {
  const short = String(value)
    .replace(/^0\./, ".")
    .replace(/(000+)$/, (zeros) => `e${zeros.length}`);
  if (Number(short) !== value) throw new Error(`cannot write ${value}`);
  return short;
}

function list(values: Tuple): string {
  return values
    .map((value) => (value === undefined ? "" : shortNumber(value)))
    .join(",")
    .replace(/,+$/, "");
}

/** The one factor between the base prices and these, if there is one that gives them exactly. */
function factorOf(base: Tuple, prices: Tuple): string | undefined {
  const factor = ((prices[0] ?? 0) / (base[0] ?? 1)).toFixed(2);
  const same = base.every(
    (value, index) =>
      prices[index] ===
      (value === undefined || index === 10
        ? value
        : Math.round(value * 1e6 * Number(factor)) / 1e6),
  );
  return same ? String(Number(factor)) : undefined;
}

/** `constant` and `id` lists repeat themselves: each item gives how much of the one before it keeps, in base 36. */
function fold(items: readonly string[]): string[] {
  return items.map((item, index) => {
    const before = items[index - 1] ?? "";
    let shared = 0;
    while (
      shared < 35 &&
      shared < item.length &&
      item[shared] === before[shared]
    )
      shared++;
    return shared.toString(36) + item.slice(shared);
  });
}

function letter(index: number): string {
  if (index >= 36) throw new Error("more places than letters");
  return index.toString(36);
}

function regionalField(model: SourceModel, code: (place: string) => string) {
  const base = tupleOf(model);
  const groups = new Map<string, string>();
  for (const [place, prices] of Object.entries(model.regional ?? {})) {
    const factor = factorOf(base, tupleOf(prices));
    const rule =
      factor === undefined ? `=${list(tupleOf(prices))}` : `*${factor}`;
    groups.set(rule, (groups.get(rule) ?? "") + code(place));
  }
  return [...groups].map(([rule, places]) => places + rule).join(" ");
}

function check(source: Source, names: Names): void {
  const constants = new Set<string>();
  for (const [id, model] of Object.entries(source.models)) {
    const entry = names[id];
    if (entry === undefined) throw new Error(`names.json lacks ${id}`);
    if (!/^[A-Z][A-Z0-9_]*$/.test(entry.constant))
      throw new Error(`${id}: ${entry.constant} is not UPPER_SNAKE`);
    if (constants.has(entry.constant))
      throw new Error(`${id}: ${entry.constant} is taken`);
    constants.add(entry.constant);
    if (/[|\n`\\$]/.test(id)) throw new Error(`${id} cannot be written`);
    if ((model.eol === undefined) !== (entry.replacement === undefined))
      throw new Error(`${id}: a replacement is due with an end of life`);
    if (entry.replacement === undefined) continue;
    const replacement = source.models[entry.replacement];
    if (replacement === undefined)
      throw new Error(`${id}: ${entry.replacement} is not in the data`);
    if (isRetired(replacement, source))
      throw new Error(`${id}: ${entry.replacement} is retired itself`);
  }
  for (const id of Object.keys(names))
    if (source.models[id] === undefined)
      throw new Error(`names.json has ${id}, which is not in the data`);
}

/** As of the month of the data, not of today: the output must not change by itself. */
function isRetired(model: SourceModel, source: Source): boolean {
  return model.eol !== undefined && model.eol <= source.retrieved;
}

function header(source: Source): string {
  return `// Generated from packages/core/data (retrieved ${source.retrieved}) by scripts/generate-catalog.ts.
// Do not edit; change the data and run \`npm run generate\`.
`;
}

function catalogData(source: Source, names: Names): string {
  const ids = Object.keys(source.models);
  const counts = new Map<string, number>();
  for (const model of Object.values(source.models))
    for (const place of [
      ...(model.profiles ?? []),
      ...Object.keys(model.regional ?? {}),
      ...(model.stillActiveIn ?? []),
    ])
      counts.set(place, (counts.get(place) ?? 0) + 1);
  const places = [...counts.keys()].sort();
  const code = (place: string) => letter(places.indexOf(place));
  const folded = fold(ids);
  const rows = Object.entries(source.models).map(([id, model], index) => {
    const flags = CAPABILITIES.map((name) => {
      const value =
        model[name === "samplingParameters" ? "samplingParams" : name];
      return typeof value === "boolean" ? (value ? 2 : 1) : 0;
    });
    const extended = model.extendedAccess;
    const replacement = names[id]?.replacement;
    return [
      folded[index],
      Number.parseInt(flags.reverse().join(""), 3).toString(36),
      shortNumber(model.contextWindow),
      shortNumber(model.maxOutput),
      list(tupleOf(model)),
      (model.profiles ?? []).map(code).join(""),
      model.cacheMinTokens ?? "",
      regionalField(model, code),
      model.eol?.slice(2).replaceAll("-", "") ?? "",
      replacement === undefined ? "" : ids.indexOf(replacement),
      (model.stillActiveIn ?? []).map(code).join(""),
      extended === undefined
        ? ""
        : `${extended.from},${list(tupleOf(extended))}`,
    ]
      .join("|")
      .replace(/\|+$/, "");
  });
  return `${header(source)}
/* Regions and geographies; a letter in \`ROWS\` is a position here in base 36. */
export const PLACES =
  "${places.join(" ")}";

/*
 * One model a line: id (how many characters of the line before it keeps, in base 36, then the rest) | capabilities
 * (a base 3 number written in base 36, first one last: 0 unknown, 1 no, 2 yes) | context window in tokens | longest output in tokens |
 * prices in USD per million tokens (input, output, cache read, cache write, cache write for an hour, the same five
 * for long contexts, the number of tokens above which those apply) | profiles | smallest cacheable prefix in tokens |
 * regional prices (places * factor, or places = prices) | end of life | line of the replacement | Regions where it
 * is still active | date and prices of extended access.
 */
export const ROWS = \`${rows.join("\n")}\`;
`;
}

function modelConstants(source: Source, names: Names): string {
  const constantOf = (id: string) => names[id]?.constant ?? "";
  const members = Object.entries(source.models).map(([id, model]) => {
    const replacement = names[id]?.replacement ?? "";
    const link = `{@link CONSTANT}`.replace(
      "CONSTANT",
      constantOf(replacement),
    );
    const doc =
      model.eol === undefined
        ? `${names[id]?.name}.`
        : isRetired(model, source)
          ? `@deprecated Retired on ${model.eol}; use ${link}.`
          : `${names[id]?.name}. Retires on ${model.eol}; then use ${link}.`;
    return `  /** ${doc} */\n  readonly ${constantOf(id)}: "${id}";`;
  });
  const folded = fold(Object.keys(source.models).map(constantOf));
  return `${header(source)}
import { catalogIds, unfold } from "./catalog-rows.ts";

/** Ids of the models that this version knows. A string does just as well: see \`ModelId\`. */
export interface ModelConstants {
${members.join("\n")}
}

/** The id of a model: a known one is completed by the editor, any other is as good. */
export type ModelId = ModelConstants[keyof ModelConstants] | (string & {});

/* In the order of the catalog and folded like its ids, because esbuild keeps every constant of a namespace or object. */
const NAMES =
  "${folded.join(" ")}";

/** Ids of known models, such as \`Model.CLAUDE_HAIKU_4_5\`. */
export const Model: ModelConstants = /* @__PURE__ */ constants();

function constants(): ModelConstants {
  const ids = catalogIds();
  const entries = unfold(NAMES.split(" ")).map((name, index) => [
    name,
    ids[index],
  ]);
  // The generator wrote the interface from the same two lists.
  return Object.freeze(Object.fromEntries(entries)) as ModelConstants;
}
`;
}

/** The generated files by their path in packages/core. */
export function generateCatalog(
  source: Source,
  names: Names,
): Readonly<Record<string, string>> {
  check(source, names);
  return {
    "src/models/catalog-data.ts": catalogData(source, names),
    "src/models/model.ts": modelConstants(source, names),
  };
}

function main(isCheck: boolean): void {
  const read = (path: string) => readFileSync(new URL(path, CORE), "utf8");
  const files = generateCatalog(
    JSON.parse(read("data/bedrock-models.json")),
    JSON.parse(read("data/names.json")),
  );
  for (const [path, text] of Object.entries(files)) {
    if (!isCheck) writeFileSync(new URL(path, CORE), text);
    else if (read(path) !== text) {
      console.error(`packages/core/${path} is stale: run \`npm run generate\``);
      process.exitCode = 1;
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  main(process.argv.includes("--check"));
