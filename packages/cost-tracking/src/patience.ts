import type { Invocation } from "@lambdallm/core";

const LONGEST_MS = 1_000;

/**
 * How long a call may wait for a ledger that does not answer. After the deadline the core still waits for half of what is left
 * until Lambda's timeout: half of that leaves the other half for the answer.
 */
export function patienceMs({ remainingTimeMs }: Invocation): number {
  return Math.min(LONGEST_MS, Math.max(0, remainingTimeMs) / 4);
}

/** Resolves with the promise, or after this time with undefined. */
export async function within<T>(
  promise: Promise<T>,
  timeMs: number,
): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
