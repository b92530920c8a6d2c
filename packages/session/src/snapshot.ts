import { isDeepStrictEqual } from "node:util";
import { isUint8Array } from "node:util/types";

/** A copy that later changes do not reach: without undefined fields, with bytes as plain Uint8Array. */
export function snapshot<T>(value: T): T {
  // Every branch returns what it was given, field by field.
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (isUint8Array(value)) return new Uint8Array(value);
  if (Array.isArray(value)) return Array.from(value, copy);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([name, field]) => [name, copy(field)]),
  );
}

/** Whether two values hold the same data, whatever the order of their fields. */
export function sameData(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(copy(a), copy(b));
}
