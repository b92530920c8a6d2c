import { ConfigurationError } from "../contract/errors.ts";

/** What a Date can hold, https://tc39.es/ecma262/#sec-time-values-and-time-range: stores read no larger number. */
const LAST_MOMENT_MS = 8_640_000_000_000_000;

/**
 * The end of what is stored, in epoch milliseconds; undefined for never.
 *
 * @throws {ConfigurationError} for what is no time, or a time that no store could read again.
 */
export function checkExpiry(
  expiresAt: unknown,
): asserts expiresAt is number | undefined {
  if (expiresAt === undefined) return;
  if (
    typeof expiresAt !== "number" ||
    !(expiresAt >= 0 && expiresAt <= LAST_MOMENT_MS)
  )
    throw new ConfigurationError(
      `expiresAt must be a time in epoch milliseconds, of at most ${LAST_MOMENT_MS}.`,
    );
}
