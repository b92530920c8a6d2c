import { startTimer } from "./timer.ts";

export interface WithinOptions<Late> {
  /** In milliseconds; longer than a timer can be is no limit. */
  readonly limitMs: number;
  /** What to resolve with when the time is over; or it throws. */
  readonly onTimeUp: () => Late;
  /** Ends the wait at once: it rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits for what `run` promises, until the time is over or the signal aborts. The signal that `run` gets aborts then, and when
 * `run` fails; what it does all the same is not waited for, and its rejection is nobody's.
 */
export async function within<Value, Late = never>(
  { limitMs, onTimeUp, signal }: WithinOptions<Late>,
  run: (signal: AbortSignal) => Promise<Value>,
): Promise<Value | Late> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const end = Promise.withResolvers<Late>();
  const abort = () => {
    controller.abort(signal?.reason);
    end.reject(signal?.reason);
  };
  signal?.addEventListener("abort", abort);
  const timer = startTimer(limitMs, () => {
    try {
      end.resolve(onTimeUp());
      controller.abort();
    } catch (error) {
      end.reject(error);
      controller.abort(error);
    }
  });
  try {
    return await Promise.race([run(controller.signal), end.promise]);
  } catch (error) {
    controller.abort(error);
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
