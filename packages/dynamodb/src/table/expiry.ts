import { checkExpiry } from "@lambdallm/core/stores";
import type { Attributes } from "./attributes.ts";

/** Readers look at `x`, in milliseconds; `ttl` is for DynamoDB, which takes whole seconds and its time. */
export function expiry(expiresAt: number | undefined): Attributes {
  checkExpiry(expiresAt);
  if (expiresAt === undefined) return {};
  return { x: Math.floor(expiresAt), ttl: ttlOf(expiresAt) };
}

export const ttlOf = (expiresAt: number) => Math.ceil(expiresAt / 1_000);
