import { ConfigurationError } from "../contract/errors.ts";

/** @throws {ConfigurationError} for a time that is no lease. */
export function checkLease(leaseMs: unknown): asserts leaseMs is number {
  if (!Number.isSafeInteger(leaseMs) || Number(leaseMs) <= 0)
    throw new ConfigurationError("leaseMs must be a positive integer.");
}
