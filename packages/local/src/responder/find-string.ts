import { stringAt } from "../json.ts";
import { ownName } from "./conversation.ts";
import { findDate } from "./find-date.ts";
import { summarize } from "./summary.ts";
import { literally, sentencesOf, termsOf, wordsOfName } from "./text.ts";

/** A member of a schema and the text to find it in. */
export interface Field {
  readonly name: string;
  readonly description: string;
  readonly text: string;
}

type Finder = (text: string) => string | undefined;

const matching =
  (pattern: RegExp): Finder =>
  (text) =>
    pattern.exec(text)?.[0];

const EMAIL = matching(/[\w.+-]+@[\w-]+(?:\.[\w-]+)+/);
const URI = matching(/\bhttps?:\/\/[^\s<>"')\]]*[^\s<>"')\].,;:!?]/);

/** By `format`, each with the value for a text that has none. */
const FORMATS: ReadonlyMap<string, readonly [Finder, string]> = new Map([
  ["email", [EMAIL, "someone@example.com"]],
  ["uri", [URI, "https://example.com/"]],
  ["url", [URI, "https://example.com/"]],
  ["date", [findDate, "1970-01-01"]],
  [
    "date-time",
    [
      (text) =>
        matching(
          /\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)/,
        )(text) ?? dateTime(findDate(text)),
      "1970-01-01T00:00:00Z",
    ],
  ],
  ["time", [matching(/\b\d\d:\d\d(?::\d\d)?\b/), "00:00:00"]],
  [
    "uuid",
    [
      matching(/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/i),
      "00000000-0000-4000-8000-000000000000",
    ],
  ],
  ["ipv4", [matching(/\b\d{1,3}(?:\.\d{1,3}){3}\b/), "127.0.0.1"]],
]);

const CAPITALISED = String.raw`\p{Lu}[\p{L}\p{N}'’&-]*(?:\s+\p{Lu}[\p{L}\p{N}'’&-]*)*`;

/** A name after one of some prepositions. */
const after =
  (prepositions: string): Finder =>
  (text) =>
    new RegExp(`\\b(?:${prepositions})\\s+(${CAPITALISED})`, "u").exec(
      text,
    )?.[1];

/** What a word in a field's name says about its value. */
const MEANINGS: readonly (readonly [RegExp, Finder])[] = [
  [/^e?mail$/, EMAIL],
  [/^(?:url|uri|link|website)$/, URI],
  [
    /^(?:date|day|deadline|when|birthday)$/,
    (text) =>
      findDate(text) ??
      matching(
        /\b(?:today|tomorrow|yesterday|(?:next )?(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b/i,
      )(text),
  ],
  [/^(?:phone|telephone|mobile)$/, matching(/\+?\d[\d ()-]{6,}\d/)],
  [/^(?:origin|from|departure)$/, after("from|From")],
  [/^(?:destination|to|arrival)$/, after("to|To")],
  [
    /^(?:city|location|place|town|country|region|where|venue)$/,
    (text) => after("in|In|at|At|from|near|to|for|For")(text) ?? lastName(text),
  ],
  [
    /^(?:id|number|code|sku|reference)$/,
    matching(/\b(?=[\w-]*\d)[A-Za-z0-9][\w-]{2,}/),
  ],
  [
    /^(?:name|person|customer|author|user|contact|who|recipient|company|organi[sz]ation|product|brand)$/,
    (text) => ownName(text) ?? lastName(text),
  ],
  [/^(?:expression|formula|calculation|equation)$/, expression],
  [
    /^(?:summary|description|abstract|overview|reason|explanation|answer)$/,
    sentence,
  ],
  [/^(?:title|subject|headline|topic)$/, title],
  [
    /^(?:query|question|input|text|content|prompt|message|request|body|search|term)$/,
    (text) => text.split("\n", 1)[0]?.trim(),
  ],
];

/** The text's value for a field; undefined when it has none. */
export function findString(schema: unknown, field: Field): string | undefined {
  const format = FORMATS.get(stringAt(schema, "format") ?? "");
  if (format !== undefined) return format[0](field.text);
  return assigned(field) ?? byMeaning(field);
}

/** A value for a field that the text does not mention. */
export function fallbackString(schema: unknown, field: Field): string {
  const format = FORMATS.get(stringAt(schema, "format") ?? "");
  if (format !== undefined) return format[1];
  const terms = new Set(
    termsOf(`${wordsOfName(field.name).join(" ")} ${field.description}`),
  );
  const related = sentencesOf(field.text).find((candidate) =>
    termsOf(candidate).some((term) => terms.has(term)),
  );
  return related ?? sentence(field.text) ?? "unknown";
}

/** "city: Paris", "the city is Paris". */
function assigned({ name, text }: Field): string | undefined {
  const words = wordsOfName(name);
  if (words.length === 0) return undefined;
  const value = new RegExp(
    `(?<!\\p{L})${words.map(literally).join("[\\s_-]*")}["']?(?:\\s*[:=]|\\s+(?:is|are|was))\\s+["“']?([^"”\\n;,]+)`,
    "iu",
  ).exec(text)?.[1];
  // A value ends with its sentence, or where the next thing is said.
  const cut = value
    ?.replace(/(?:[.!?](?:\s|$)|\s+(?:and|but|with)\s).*/s, "")
    .trim();
  return cut === "" ? undefined : cut;
}

function byMeaning({ name, description, text }: Field): string | undefined {
  const named = wordsOfName(name).reverse();
  const described = wordsOfName(description);
  for (const word of [...named, ...described])
    for (const [meaning, find] of MEANINGS) {
      const found = meaning.test(word) ? find(text) : undefined;
      if (found !== undefined && found !== "") return found;
    }
  return undefined;
}

/** The names in a text: capitalised words, but for the first word of a sentence when it stands alone. */
export function namesIn(text: string): string[] {
  return sentencesOf(text).flatMap((line) =>
    [...line.matchAll(new RegExp(CAPITALISED, "gu"))]
      .filter(({ index, 0: name }) => index > 0 || / /.test(name))
      .map(({ 0: name }) => name)
      .filter((name) => name !== "I"),
  );
}

function lastName(text: string): string | undefined {
  return namesIn(text)[0];
}

function dateTime(date: string | undefined): string | undefined {
  return date === undefined ? undefined : `${date}T00:00:00Z`;
}

function expression(text: string): string | undefined {
  return /[\d(][\d\s.()+*/^%-]*[+*/^%-][\d\s.()+*/^%-]*[\d)]/.exec(text)?.[0];
}

function sentence(text: string): string | undefined {
  const best = summarize(text, { sentences: 1 });
  return best === "…" ? undefined : best;
}

function title(text: string): string | undefined {
  return sentence(text)
    ?.split(/\s+/)
    .slice(0, 8)
    .join(" ")
    .replace(/[.,;:!?]+$/, "");
}
