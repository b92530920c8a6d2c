import { type ModelRequest, within } from "@lambdallm/core/feature";

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
  {
    signal,
    deadline = Number.POSITIVE_INFINITY,
  }: Pick<ModelRequest, "signal" | "deadline">,
  run: (signal: AbortSignal) => Promise<T>,
  recover: (error: unknown, interruption: Interruption) => T,
): Promise<T> {
  let timedOut = false;
  const onTimeUp = (): never => {
    timedOut = true;
    throw new DOMException("The time was over.", "AbortError");
  };
  const limitMs = deadline - Date.now();
  try {
    if (limitMs <= 0) onTimeUp();
    return await within({ limitMs, onTimeUp, signal }, run);
  } catch (error) {
    const aborted = signal?.aborted === true;
    return recover(error, { aborted, timedOut: timedOut && !aborted });
  }
}
