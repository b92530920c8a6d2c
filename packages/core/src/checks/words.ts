import { isThenable } from "./thenable.ts";

/** What a value is, and not which: for messages that quote nothing. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null || Number.isNaN(value))
    return String(value);
  const noun = typeof value === "object" ? nounOf(value) : typeof value;
  return `${/^[aeio]/i.test(noun) ? "an" : "a"} ${noun}`;
}

function nounOf(value: object): string {
  if (isThenable(value)) return "promise";
  if (Array.isArray(value)) return "array";
  const name = value.constructor?.name ?? "Object";
  return name === "Object" ? "object" : name;
}

const MOST_NAMES = 20;
const LONGEST_NAME = 80;

/** Names that may come from outside, as many and as much of them as a message can take. */
export function quotedNames(names: readonly string[]): string {
  return names.length === 0
    ? "none"
    : names
        .slice(0, MOST_NAMES)
        .map((name) => `"${name.slice(0, LONGEST_NAME)}"`)
        .join(", ");
}
