import { MAX_TIMER_MS } from "@lambdallm/core/feature";

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
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        reject(timeUp());
        controller.abort();
      },
      Math.min(Math.max(0, limitMs), MAX_TIMER_MS),
    );
  });
  try {
    return await Promise.race([run(controller.signal), end]);
  } finally {
    clearTimeout(timer);
  }
}
