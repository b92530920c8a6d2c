import type { ModelInvocationError } from "@lambdallm/core";
import { MAX_TIMER_MS } from "@lambdallm/core/feature";
import type { Settings } from "./settings.ts";

/** Larger exponents make no difference to a wait that has a maximum. */
const MAX_EXPONENT = 30;

/**
 * How long to wait before a retry: full jitter, on top of what the service asked for, so that calls which were throttled
 * together do not come back together. The jitter is drawn from what fits into `roomMs`. Undefined when there is no room.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(
  { reason, retryAfterMs = 0 }: ModelInvocationError,
  retriesBefore: number,
  roomMs: number,
  settings: Settings,
): number | undefined {
  // A provider of somebody else's may say anything: what is no positive number says nothing.
  const shortestMs = retryAfterMs > 0 ? retryAfterMs : 0;
  const spareMs = Math.min(roomMs, MAX_TIMER_MS) - shortestMs;
  if (spareMs < 0) return undefined;
  const { baseDelayMs, throttledBaseDelayMs, maxDelayMs, random } = settings;
  const baseMs = reason === "throttled" ? throttledBaseDelayMs : baseDelayMs;
  const exponential = baseMs * 2 ** Math.min(retriesBefore, MAX_EXPONENT);
  const longestMs = Math.min(exponential, maxDelayMs, spareMs);
  return shortestMs + Math.floor(random() * longestMs);
}

/** Ends at once when the signal aborts. */
export function wait(
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}
