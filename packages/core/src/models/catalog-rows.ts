import { PLACES, ROWS } from "./catalog-data.ts";
import {
  CAPABILITIES,
  type ModelInfo,
  type ModelPrices,
  PRICE_KINDS,
  type TokenPrices,
} from "./model-info.ts";

/** Five prices, the five prices of long contexts, the number of tokens above which those apply. */
type Tuple = readonly (number | undefined)[];

/** Every group of the pattern takes part in a match. */
type AllGroups = readonly [match: string, string, string, string];

/** What a line of the catalog says. */
export interface Row {
  readonly info: ModelInfo;
  readonly prices: Tuple;
  readonly regional: ReadonlyMap<string, Tuple>;
  readonly extended?: { readonly from: number; readonly prices: Tuple };
}

let lines: ReadonlyMap<string, string> | undefined;
const rows = new Map<string, Row>();

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
export function catalog(): ReadonlyMap<string, string> {
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
  PRICE_KINDS.forEach((kind, index) => {
    const price = tuple[start + index];
    if (price !== undefined) prices[kind] = price;
  });
  // Input and output are there in every row.
  return prices as TokenPrices;
}

export function pricesOf(tuple: Tuple): ModelPrices {
  const aboveInputTokens = tuple[10];
  return {
    ...pricesAt(tuple, 0),
    ...(aboveInputTokens !== undefined && {
      longContext: { ...pricesAt(tuple, 5), aboveInputTokens },
    }),
  };
}

export function rowOf(id: string): Row | undefined {
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
