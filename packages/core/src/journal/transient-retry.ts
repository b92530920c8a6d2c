import type { Retry } from "../contract/journal.ts";
import { fullJitterMs } from "../time/sleep.ts";

/** As the middleware retryFallback waits by default. */
const WAITS = { baseMs: 200, capMs: 20_000 };

/**
 * Tries a step again that failed for a moment: with full jitter, and no sooner than its error says. Where the host can, it waits
 * outside of the process.
 */
export function transientRetry(retries: number): Retry {
  return (error, attempt) => {
    if (!error.retryable || attempt > retries) return false;
    const asked: unknown = Reflect.get(Object(error.data), "retryAfterMs");
    const waitMs = fullJitterMs(attempt - 1, WAITS);
    return {
      delayMs: typeof asked === "number" ? Math.max(waitMs, asked) : waitMs,
    };
  };
}
