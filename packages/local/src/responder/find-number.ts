import { member, numberAt, stringAt } from "../json.ts";
import type { Field } from "./find-string.ts";
import { termsOf, wordsOfName } from "./text.ts";

const NUMBER =
  /(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![\w.,])-?\d+(?:\.\d+)?/g;

/** What stands around a number of a certain meaning. */
const SIGNS: readonly (readonly [name: RegExp, around: RegExp])[] = [
  [
    /^(?:price|cost|amount|total|budget|salary|fee|usd|eur|revenue)$/,
    /[$€£]\s*#|#\s*(?:dollars|euros|pounds|usd|eur|gbp|[$€£])/,
  ],
  [/^(?:age|years)$/, /(?:aged?\s+#)|#[\s-]*(?:years?|yrs?)/],
  [/^(?:percent|percentage|rate|share)$/, /#\s*(?:%|percent)/],
  [/^(?:temperature|degrees|celsius|fahrenheit)$/, /#\s*(?:°|degrees|c\b|f\b)/],
  [/^year$/, /\b#\b/],
];

interface Found {
  readonly value: number;
  readonly index: number;
  readonly length: number;
}

export function numbersIn(text: string): Found[] {
  return [...text.matchAll(NUMBER)].map((match) => ({
    value: Number(match[0].replaceAll(",", "")),
    index: match.index,
    length: match[0].length,
  }));
}

/**
 * The number that belongs to a field: next to a word of its name, else with the sign or unit of its meaning, else the
 * only number of the text.
 */
export function findNumber(schema: unknown, field: Field): number | undefined {
  const numbers = numbersIn(field.text).filter(({ value }) =>
    isWithin(schema, value),
  );
  const found =
    byName(numbers, field) ?? bySign(numbers, field) ?? onlyOne(numbers, field);
  return found === undefined ? undefined : withinBounds(schema, found.value);
}

/** The only number of the text, unless it stands behind the name of something else. */
function onlyOne(numbers: readonly Found[], field: Field): Found | undefined {
  const [first, second] = numbers;
  if (first === undefined || second !== undefined) return undefined;
  const before = field.text.slice(0, first.index);
  return /\p{L}\s*[:=]\s*[$€£]?$/u.test(before) ? undefined : first;
}

/** The nearest value that a schema allows. */
export function withinBounds(schema: unknown, value: number): number {
  const isInteger = stringAt(schema, "type") === "integer";
  const step = numberAt(schema, "multipleOf") ?? (isInteger ? 1 : 0);
  const lowest = lowestOf(schema, isInteger ? 1 : step || Number.MIN_VALUE);
  const highest = highestOf(schema, isInteger ? 1 : step || Number.MIN_VALUE);
  const bounded = Math.min(Math.max(value, lowest), highest);
  if (step <= 0) return bounded;
  const rounded = Math.round(bounded / step) * step;
  if (rounded < lowest) return rounded + step;
  return rounded > highest ? rounded - step : rounded;
}

function lowestOf(schema: unknown, step: number): number {
  const above = numberAt(schema, "exclusiveMinimum");
  return (
    numberAt(schema, "minimum") ??
    (above === undefined ? -Infinity : above + step)
  );
}

function highestOf(schema: unknown, step: number): number {
  const below = numberAt(schema, "exclusiveMaximum");
  return (
    numberAt(schema, "maximum") ??
    (below === undefined ? Infinity : below - step)
  );
}

function isWithin(schema: unknown, value: number): boolean {
  return (
    value >= (numberAt(schema, "minimum") ?? -Infinity) &&
    value <= (numberAt(schema, "maximum") ?? Infinity) &&
    !(value === member(schema, "exclusiveMinimum")) &&
    !(value === member(schema, "exclusiveMaximum"))
  );
}

function bySign(numbers: readonly Found[], field: Field): Found | undefined {
  const names = wordsOfName(field.name);
  for (const [meaning, around] of SIGNS) {
    if (!names.some((name) => meaning.test(name))) continue;
    const found = numbers.find(({ index, length }) => {
      const before = field.text.slice(Math.max(0, index - 8), index);
      const after = field.text.slice(index + length, index + length + 12);
      const isYear = around.source === "\\b#\\b";
      return isYear
        ? length === 4
        : around.test(`${before}#${after}`.toLowerCase());
    });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The nearest number to a word of the name; in "3 apples" and "apples: 3" alike, but not across a sentence's end. */
function byName(numbers: readonly Found[], field: Field): Found | undefined {
  const terms = new Set(termsOf(wordsOfName(field.name).join(" ")));
  let found: Found | undefined;
  let nearest = 40;
  for (const word of field.text.matchAll(/\p{L}+/gu)) {
    const [term] = termsOf(word[0]);
    if (term === undefined || !terms.has(term)) continue;
    const end = word.index + word[0].length;
    for (const number of numbers) {
      const isAfter = number.index >= end;
      const between = isAfter
        ? field.text.slice(end, number.index)
        : field.text.slice(number.index + number.length, word.index);
      if (/[.!?;]\s|\n/.test(between)) continue;
      // A value more often follows its name than precedes it, unless it stands right before.
      const distance =
        isAfter || between.trim() === "" ? between.length : between.length + 8;
      if (distance < nearest) {
        nearest = distance;
        found = number;
      }
    }
  }
  return found;
}
