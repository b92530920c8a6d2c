/** Where a JSON value ends, or, when it is none, how far it was one. */
export interface Scan {
  readonly end: number;
  /** `cut`: the text ended before the value did. */
  readonly outcome: "complete" | "broken" | "cut";
  /** How many objects and arrays were open there. */
  readonly depth: number;
}

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings have none
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** The index after the match of a sticky expression, or `at` when it does not match. */
function skip(text: string, expression: RegExp, at: number): number {
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex : at;
}

/** The index after the closing quote, or where the string breaks off as a negative number. */
function skipString(text: string, start: number): number {
  let at = start + 1;
  for (;;) {
    at = skip(text, PLAIN, at);
    if (text[at] === '"') return at + 1;
    const next = skip(text, ESCAPE, at);
    if (next === at) return -at;
    at = next;
  }
}

/**
 * Reads the object or array that begins at `start` by JSON's grammar, once and without a stack of calls, so that neither
 * the length nor the depth of a text matters.
 */
export function scanJson(text: string, start: number): Scan {
  // The closing bracket of each.
  const open: string[] = [];
  let at = start;
  const stop = (): Scan => ({
    end: at,
    outcome: at >= text.length ? "cut" : "broken",
    depth: open.length,
  });
  let expected: "value" | "first" | "key" | "next" = "value";
  for (;;) {
    at = skip(text, SPACE, at);
    const character = text[at];
    if (
      expected !== "value" &&
      expected !== "key" &&
      character === open.at(-1)
    ) {
      at += 1;
      open.pop();
      if (open.length === 0) return { end: at, outcome: "complete", depth: 0 };
      expected = "next";
      continue;
    }
    if (expected === "next") {
      if (character !== ",") return stop();
      at += 1;
      expected = open.at(-1) === "}" ? "key" : "value";
      continue;
    }
    if (expected === "key" || (expected === "first" && open.at(-1) === "}")) {
      if (character !== '"') return stop();
      const end = skipString(text, at);
      at = skip(text, SPACE, Math.abs(end));
      if (end < 0 || text[at] !== ":") return stop();
      at += 1;
      expected = "value";
      continue;
    }
    if (character === "{" || character === "[") {
      open.push(character === "{" ? "}" : "]");
      at += 1;
      expected = "first";
      continue;
    }
    const end =
      character === '"' ? skipString(text, at) : skip(text, SCALAR, at);
    const isValue = end > at;
    at = Math.abs(end);
    if (!isValue) return stop();
    expected = "next";
  }
}
