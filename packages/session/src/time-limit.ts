import { StoreError } from "@lambdallm/core";
import { type Invocation, MAX_TIMER_MS } from "@lambdallm/core/feature";

/** What limits the time: the invocation, or nothing outside of one. */
export type TimeLimit = Pick<
  Invocation,
  "deadline" | "backstop" | "remainingTimeMs"
>;

export const UNLIMITED: TimeLimit = {
  deadline: Number.POSITIVE_INFINITY,
  backstop: Number.POSITIVE_INFINITY,
  remainingTimeMs: Number.POSITIVE_INFINITY,
};

/** A turn whose model call was given up at the backstop is still to be saved: half of what is left is for that. */
export function patienceMs({ backstop, remainingTimeMs }: TimeLimit): number {
  return Math.max(0, backstop - Date.now(), remainingTimeMs / 2);
}

/**
 * Waits for a store no longer than the invocation can, and until the signal aborts.
 *
 * @throws {StoreError} with the reason `timeout`; what the store does later is not waited for.
 */
export async function withinTime<T>(
  limit: TimeLimit,
  operation: string,
  signal: AbortSignal,
  run: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const end = Promise.withResolvers<never>();
  const abort = () => end.reject(signal.reason);
  signal.addEventListener("abort", abort);
  const waitMs = patienceMs(limit);
  const giveUp = () =>
    end.reject(
      new StoreError(
        `The time was over, and the session's store had not answered (${operation}).`,
        { reason: "timeout", operation, retryable: true },
      ),
    );
  const timer = waitMs > MAX_TIMER_MS ? undefined : setTimeout(giveUp, waitMs);
  try {
    return await Promise.race([run(), end.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/** Resolves after this time, and at once when the signal aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

/** A random part of a wait that doubles with each attempt, counted from 1. */
export function fullJitterMs(
  attempt: number,
  baseMs: number,
  capMs: number,
): number {
  return Math.random() * Math.min(capMs, baseMs * 2 ** attempt);
}
