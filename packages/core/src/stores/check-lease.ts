import { ConfigurationError } from "../contract/errors.ts";

/** A hundred years: the end of a longer one could not be read again. */
const LONGEST_LEASE_MS = 100 * 365 * 86_400_000;

/** @throws {ConfigurationError} for a time that is no lease. */
export function checkLease(leaseMs: unknown): asserts leaseMs is number {
  if (
    !Number.isSafeInteger(leaseMs) ||
    Number(leaseMs) <= 0 ||
    Number(leaseMs) > LONGEST_LEASE_MS
  )
    throw new ConfigurationError(
      `leaseMs must be a positive integer of at most ${LONGEST_LEASE_MS}.`,
    );
}
