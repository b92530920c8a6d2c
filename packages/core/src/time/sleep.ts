import { startTimer } from "./timer.ts";

/** Resolves after this time, and at once when the signal aborts. */
export function sleep(
  delayMs: number,
  signal?: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = startTimer(delayMs, end);
    signal?.addEventListener("abort", end);
  });
}

/** Larger exponents make no difference to a wait that has a maximum. */
const MAX_EXPONENT = 30;

export interface JitterOptions {
  /** Of the longest wait before the first retry, in milliseconds. */
  readonly baseMs: number;
  /** In milliseconds. */
  readonly capMs: number;
  /** From 0 up to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * How long to wait before a retry, in milliseconds: any part of a time that doubles with each of them, so that those who failed
 * together do not come back together.
 *
 * @param retriesBefore From 0.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function fullJitterMs(
  retriesBefore: number,
  { baseMs, capMs, random = Math.random }: JitterOptions,
): number {
  const exponential = baseMs * 2 ** Math.min(retriesBefore, MAX_EXPONENT);
  return random() * Math.min(exponential, capMs);
}
