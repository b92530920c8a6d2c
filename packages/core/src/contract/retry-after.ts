import { hide } from "./errors.ts";

/** What tells an HTTP caller when to come back. */
export type RetryAfterHeaders = Readonly<Record<"retry-after", string>>;

/** Gives an error the headers that `@middy/http-error-handler` answers with, if there is a time to name. Not enumerable. */
export function hideRetryAfter(
  error: object,
  retryAfterMs: number | undefined,
): void {
  const headers = retryAfterHeaders(retryAfterMs);
  if (headers !== undefined) hide(error, "headers", headers);
}

/**
 * A wait in whole seconds, as RFC 9110 wants it (section 10.2.3). Undefined for what is no time: a provider of somebody
 * else's may say anything.
 */
export function retryAfterHeaders(
  retryAfterMs: number | undefined,
): RetryAfterHeaders | undefined {
  if (retryAfterMs === undefined || !Number.isFinite(retryAfterMs))
    return undefined;
  const seconds = Math.ceil(retryAfterMs / 1_000);
  return seconds < 0 ? undefined : { "retry-after": String(seconds) };
}
