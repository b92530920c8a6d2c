import { MAX_TIMER_MS, type ModelRequest } from "@lambdallm/core/feature";

export interface Interruption {
  /** The deadline came first. */
  readonly timedOut: boolean;
  /** The caller's signal came first. */
  readonly aborted: boolean;
}

/**
 * Runs a request that ends at the deadline and at an abort, whatever it is waiting for: the SDK looks at a signal only once
 * there is an HTTP request, and credentials can take their time before. Every failure goes to `recover`, with the signal
 * aborted.
 */
export async function interruptible<T>(
  { signal, deadline }: Pick<ModelRequest, "signal" | "deadline">,
  run: (signal: AbortSignal) => Promise<T>,
  recover: (error: unknown, interruption: Interruption) => T,
): Promise<T> {
  const controller = new AbortController();
  const interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => {});
  controller.signal.addEventListener("abort", () =>
    interrupted.reject(controller.signal.reason),
  );
  const abort = () => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  let timedOut = false;
  const leftMs = (deadline ?? Number.POSITIVE_INFINITY) - Date.now();
  const expire = () => {
    timedOut = true;
    controller.abort();
  };
  const timer =
    leftMs > 0 && leftMs < MAX_TIMER_MS
      ? setTimeout(expire, leftMs)
      : undefined;
  try {
    if (leftMs <= 0) expire();
    controller.signal.throwIfAborted();
    return await Promise.race([run(controller.signal), interrupted.promise]);
  } catch (error) {
    const aborted = signal?.aborted === true;
    controller.abort();
    return recover(error, { aborted, timedOut: timedOut && !aborted });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
