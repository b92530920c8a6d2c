import { jsonBytes, plainJson } from "../checks/plain-json.ts";
import { ConfigurationError } from "../contract/errors.ts";
import { StoreError } from "./state-errors.ts";

/** What the messages of a turn, and the output of a step, may have as JSON, with bytes in base64. */
export const MAX_TURN_BYTES = 8 * 1024 * 1024;

/** What a summary may have, and a session's metadata as JSON. */
export const MAX_HEADER_BYTES = 350 * 1024;

/** What the value of a list's entry may have as JSON. */
export const MAX_ENTRY_BYTES = 64 * 1024;

/**
 * A copy of what a store is given, as it is read again.
 *
 * @throws {ConfigurationError} It has no JSON.
 * @throws {StoreError} `too-large`
 */
export function storable<T>(
  value: T,
  {
    name,
    operation,
    maxBytes,
  }: {
    readonly name: string;
    readonly operation: string;
    readonly maxBytes: number;
  },
): T {
  if (value === undefined)
    throw new ConfigurationError(`The ${name} has no JSON.`);
  const plain = plainJson(value, `${operation}: ${name}`);
  const bytes = jsonBytes(plain);
  if (bytes > maxBytes)
    throw new StoreError(
      `${operation}: the ${name} would take ${bytes} bytes; at most ${maxBytes} can be stored.`,
      { reason: "too-large", operation },
    );
  return structuredClone(plain);
}
