import { ConfigurationError } from "@lambdallm/core";

/** @throws {ConfigurationError} for a time that is no lease. */
export function checkLease(leaseMs: number): void {
  if (!Number.isSafeInteger(leaseMs) || leaseMs <= 0)
    throw new ConfigurationError("leaseMs must be a positive integer.");
}
