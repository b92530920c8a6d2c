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
 * Waits for a store no longer than the invocation can.
 *
 * @throws {StoreError} with the reason `timeout`; what the store does later is not waited for.
 */
export async function withinTime<T>(
  limit: TimeLimit,
  operation: string,
  run: () => Promise<T>,
): Promise<T> {
  const waitMs = patienceMs(limit);
  if (waitMs > MAX_TIMER_MS) return run();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(
      new StoreError(
        `The time was over, and the session's store had not answered (${operation}).`,
        { reason: "timeout", operation, retryable: true },
      ),
    );
  }, waitMs);
  try {
    return await Promise.race([run(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
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
