import { warn } from "../checks/warn.ts";
import type { ModelRequest } from "../contract/model-call.ts";
import { startTimer } from "../time/timer.ts";
import { aborted } from "./observer.ts";

/** How long what was aborted may take to its end: a provider tells what it had cost, a store that hangs is left. */
const ABORT_GRACE_MS = 1_500;

interface RunningCall {
  readonly signal: AbortSignal;
  readonly end: (reason: unknown) => void;
  readonly running: Promise<unknown>;
}

/** The calls in flight, each with a signal of its own, so that the end of the invocation can abort them. */
export class RunningCalls {
  readonly #running = new Set<RunningCall>();
  readonly #timeIsUp: (message: string) => Error;

  /** @param timeIsUp What a call that is given up ends with. */
  constructor(timeIsUp: (message: string) => Error) {
    this.#timeIsUp = timeIsUp;
  }

  get size(): number {
    return this.#running.size;
  }

  /**
   * Runs a call with a signal of its own, and gives it up at `backstop`, or soon after an abort: the provider stops at the
   * deadline, and at the abort, so this is for everything around it, such as a store that never answers.
   *
   * @param backstop Epoch milliseconds.
   */
  run<T>(
    request: ModelRequest,
    backstop: number,
    send: (request: ModelRequest) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    const { signal, model } = request;
    const gaveUp = Promise.withResolvers<never>();
    const giveUp = () => {
      const error = this.#timeIsUp(
        "The time was over, and the model call had not ended: something around it hangs.",
      );
      controller.abort(error);
      gaveUp.reject(error);
    };
    const timer = startTimer(backstop - Date.now(), giveUp);
    let grace: NodeJS.Timeout | undefined;
    const end = (reason: unknown) => {
      controller.abort(reason);
      grace ??= startTimer(ABORT_GRACE_MS, () =>
        gaveUp.reject(aborted(model, "unknown", controller.signal.reason)),
      );
    };
    const abort = () => end(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    const running = Promise.race([
      send({ ...request, signal: controller.signal }),
      gaveUp.promise,
    ]).finally(() => {
      clearTimeout(timer);
      clearTimeout(grace);
      signal?.removeEventListener("abort", abort);
      this.#running.delete(call);
    });
    const call = { signal: controller.signal, end, running };
    this.#running.add(call);
    return running;
  }

  /** Aborts what runs, and waits for its end. */
  async abort(): Promise<void> {
    // What was aborted before, as by the reader of a stream, is only on its way to its end.
    const running = [...this.#running].filter(({ signal }) => !signal.aborted);
    if (running.length > 0)
      warn(
        "Model calls were aborted because the invocation ended",
        `${running.length} were still running; await them`,
      );
    const reason = new DOMException("The invocation has ended.", "AbortError");
    for (const { end } of running) end(reason);
    await Promise.allSettled(Array.from(this.#running, (call) => call.running));
  }
}
