import { StoreError } from "@lambdallm/core";
import { type Invocation, within } from "@lambdallm/core/feature";

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
  const onTimeUp = (): never => {
    throw new StoreError(
      `The time was over, and the session's store had not answered (${operation}).`,
      { reason: "timeout", operation, retryable: true },
    );
  };
  return within({ limitMs: patienceMs(limit), onTimeUp, signal }, run);
}
