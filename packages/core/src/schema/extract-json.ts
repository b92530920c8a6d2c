import { scanJson } from "./scan-json.ts";
import { withoutProto } from "./without-proto.ts";

/** A JSON value and the part of the text that it was read from. */
export interface ExtractedJson {
  readonly value: unknown;
  readonly text: string;
}

/** How many brackets of prose, such as `{name`, may stay open before the search is given up. */
const MOST_OPEN_BRACKETS = 8;

const FENCE = /```(?:json[5c]?)?\s*(?=[[{])/gi;
const CLOSING_FENCE = /\s*```/y;
const BRACKET = /[[{]/g;
/** What can follow the bracket of an object or array. */
const JSON_START = /\{\s*["}]|\[\s*(?:["{[\]\d-]|true|false|null)/y;

/**
 * Finds the JSON in a model's answer: the whole of it, else the longest object or array in a fenced block, else the
 * longest one in the text. A part of an object or array that is cut or broken is never taken for the whole.
 *
 * The time grows with the length of the text and nothing else. Keys named `__proto__` are left out.
 */
export function extractJson(text: string): ExtractedJson | undefined {
  const whole = text.trim();
  return (
    parse(whole) ?? parse(longestFenced(text)) ?? parse(longestLoose(text))
  );
}

function parse(text: string): ExtractedJson | undefined {
  if (text === "") return undefined;
  try {
    return { value: parseJson(text), text };
  } catch {
    return undefined;
  }
}

/** `JSON.parse` without keys named `__proto__`: copied into another object such a key would become its prototype. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // An escape can spell the name as well.
  return text.includes("__proto__") || text.includes("\\u00")
    ? withoutProto(value)
    : value;
}

function longestFenced(text: string): string {
  let longest = "";
  FENCE.lastIndex = 0;
  while (FENCE.test(text)) {
    const start = FENCE.lastIndex;
    const { end, outcome } = scanJson(text, start);
    // What closes this block opens none.
    CLOSING_FENCE.lastIndex = end;
    FENCE.lastIndex = CLOSING_FENCE.test(text) ? CLOSING_FENCE.lastIndex : end;
    if (outcome === "complete" && end - start > longest.length)
      longest = text.slice(start, end);
  }
  return longest;
}

function longestLoose(text: string): string {
  let longest = "";
  let openBrackets = 0;
  BRACKET.lastIndex = 0;
  while (BRACKET.test(text)) {
    const start = BRACKET.lastIndex - 1;
    JSON_START.lastIndex = start;
    const isLikeJson = JSON_START.test(text);
    const { end, outcome, depth } = isLikeJson
      ? scanJson(text, start)
      : ({ end: start, outcome: "broken", depth: 0 } as const);
    if (outcome === "complete") {
      if (end - start > longest.length) longest = text.slice(start, end);
      BRACKET.lastIndex = end;
      continue;
    }
    // What is inside of broken JSON is a fragment, not the answer: go on after its end.
    const after = skipBalanced(text, end, depth);
    if (after !== undefined) BRACKET.lastIndex = after;
    else {
      openBrackets += 1;
      if (isLikeJson || openBrackets > MOST_OPEN_BRACKETS) break;
      BRACKET.lastIndex = start + 1;
    }
  }
  return longest;
}

const MARK = /["[\]{}\n\\]/g;

/** The index after the bracket that closes the last of the open ones. No string goes past the end of its line. */
function skipBalanced(
  text: string,
  start: number,
  open: number,
): number | undefined {
  let depth = open;
  let isInString = false;
  MARK.lastIndex = start;
  while (MARK.test(text)) {
    const at = MARK.lastIndex - 1;
    const character = text[at];
    if (character === "\n") isInString = false;
    else if (character === "\\") MARK.lastIndex = at + 2;
    else if (character === '"') isInString = !isInString;
    else if (!isInString) {
      depth += character === "{" || character === "[" ? 1 : -1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}
