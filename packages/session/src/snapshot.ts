import { isDeepStrictEqual } from "node:util";
import { isUint8Array } from "node:util/types";
import { ConfigurationError } from "@lambdallm/core";
import { isTooDeep, plainJson } from "@lambdallm/core/feature";

/** Far more than tools need, and far less than would overflow the stack of whoever walks through a message. */
export const MAX_DEPTH = 200;

/**
 * A copy that later changes do not reach: as JSON carries it, without undefined fields, with bytes as plain Uint8Array.
 *
 * @param place What the message of an error begins with.
 * @throws {ConfigurationError} It is nested too deeply to be stored, or has no JSON.
 */
export function snapshot<T>(value: T, place: string): T {
  if (isTooDeep(value, MAX_DEPTH))
    throw new ConfigurationError(
      `${place} is nested too deeply: a message of a session can have ${MAX_DEPTH} levels at most.`,
    );
  // Every branch returns what it was given, field by field.
  return copy(plainJson(value, place)) as T;
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
