import { ConfigurationError } from "@lambdallm/core";
import type { Attributes } from "./attributes.ts";

/** Readers look at `x`, in milliseconds; `ttl` is for DynamoDB, which takes whole seconds and its time. */
export function expiry(expiresAt: number | undefined): Attributes {
  if (expiresAt === undefined) return {};
  if (!Number.isFinite(expiresAt) || expiresAt < 0)
    throw new ConfigurationError(
      "expiresAt must be a time in epoch milliseconds.",
    );
  return { x: Math.floor(expiresAt), ttl: Math.ceil(expiresAt / 1_000) };
}
