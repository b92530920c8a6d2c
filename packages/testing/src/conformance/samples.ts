import { randomBytes } from "node:crypto";
import type { JsonValue } from "@lambdallm/core";

const MAX_ID_BYTES = 512;

/** Ids that are all different and all allowed. */
export const GOOD_IDS: readonly string[] = [
  "a",
  "A",
  " a",
  "a ",
  "a:b/c|d,e;f=g&h",
  "*?[a-z]%_^$.()+\\",
  "\"'`",
  "line\nbreak\ttab",
  "..",
  "__proto__",
  "constructor",
  "0",
  "00",
  "\u00e9",
  "e\u0301",
  "日本語-عربى-🦜👩‍👩‍👧",
  "x".repeat(MAX_ID_BYTES),
  "é".repeat(MAX_ID_BYTES / 2),
];

/** An id that only this run of the suite has, cut to what is allowed. */
export function prefixed(prefix: string, id: string): string {
  const bytes = Buffer.from(`${prefix}${id}`).subarray(0, MAX_ID_BYTES);
  // A character that was cut in half ends up as none.
  return new TextDecoder().decode(bytes, { stream: true });
}

/** What is no id, and why. */
export const BAD_IDS: readonly (readonly [why: string, id: unknown])[] = [
  ["an empty id", ""],
  ["an id with #", "a#b"],
  ["an id of 513 bytes", "x".repeat(MAX_ID_BYTES + 1)],
  ["an id of 514 bytes in 257 characters", "é".repeat(257)],
  ["an id of 2 KB", "x".repeat(2_048)],
  ["half of a surrogate pair", "\ud83e"],
  ["undefined as an id", undefined],
  ["null as an id", null],
  ["a number as an id", 7],
  ["an object as an id", {}],
];

const nested = (depth: number): JsonValue =>
  depth === 0 ? "core" : { in: [nested(depth - 1)] };

export const BAD_LEASES: readonly number[] = [
  0,
  -1,
  0.5,
  NaN,
  Infinity,
  Number.MAX_SAFE_INTEGER,
];

/** What is no end of anything, or one that could not be read again. */
export const BAD_EXPIRIES: readonly number[] = [
  -1,
  NaN,
  Infinity,
  8.64e15 + 1,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_VALUE,
];

/** The last moment that a Date can hold. */
export const LAST_EXPIRY = 8.64e15;

/** JSON that a store may get wrong. */
export const JSON_SAMPLES: Readonly<Record<string, JsonValue>> = {
  empties: { text: "", list: [], object: {}, none: null, no: false, zero: 0 },
  numbers: [
    -1.5,
    0.1 + 0.2,
    1e21,
    1e-7,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
  ],
  text: "\ufeff 日本語 عربى e\u0301 👩‍👩‍👧 \u0000\u0007\u2028 \r\n\t \\ \" '",
  // Parsed, because a literal would set the prototype.
  names: JSON.parse(
    '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}, "": "no name", "a.b": 1, "$set": 2, "#x": 3, ":y": 4}',
  ),
  depth: nested(50),
  size: { text: "0123456789abcdef".repeat(6_400) },
};

/** Texts that compression does not make small, so that pages fill. */
export function incompressible(characters: number): string {
  return randomBytes(Math.ceil(characters / 2)).toString("hex");
}

const circle: { self?: unknown } = {};
circle.self = circle;

/** What no JSON can hold, and why. */
export const NO_JSON: readonly (readonly [why: string, value: unknown])[] = [
  ["a BigInt", { amount: 1n }],
  ["a circle", circle],
  [
    "a toJSON that throws",
    {
      toJSON() {
        throw new Error("no");
      },
    },
  ],
];

/** What has a `toJSON`, in an object, and the JSON of that. */
export const WITH_TO_JSON: unknown = {
  at: new Date(0),
  in: [{ toJSON: () => ({ is: "plain" }) }],
};
export const AS_JSON: JsonValue = {
  at: "1970-01-01T00:00:00.000Z",
  in: [{ is: "plain" }],
};
