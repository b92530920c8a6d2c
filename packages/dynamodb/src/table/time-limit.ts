import { MAX_TIMER_MS } from "@lambdallm/core";

/**
 * Ends when the time is over, also while credentials are fetched: the SDK looks at its signal when it sends, and waits for them
 * before that.
 *
 * @throws What `timeUp` makes.
 */
export async function within<Value>(
  limitMs: number,
  run: (abortSignal: AbortSignal) => Promise<Value>,
  timeUp: () => Error,
): Promise<Value> {
  // A timer never gets its turn beside what answers at once, as stubs do.
  if (limitMs <= 0) throw timeUp();
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        reject(timeUp());
        controller.abort();
      },
      Math.min(limitMs, MAX_TIMER_MS),
    );
  });
  try {
    return await Promise.race([run(controller.signal), end]);
  } finally {
    clearTimeout(timer);
  }
}
