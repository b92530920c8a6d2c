import { warn } from "../checks/warn.ts";
import { InvocationTimeoutError } from "../contract/errors.ts";
import type { ModelRequest } from "../contract/model-call.ts";
import { startTimer } from "../time/timer.ts";
import { aborted } from "./observer.ts";

/** How long what was aborted may take to its end: a provider tells what it had cost, a store that hangs is left. */
const ABORT_GRACE_MS = 1_500;

/** The calls in flight, each with a signal of its own, so that the end of the invocation can abort them. */
export class RunningCalls {
  readonly #running = new Map<AbortController, Promise<unknown>>();

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
    call: (request: ModelRequest) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    const { signal } = request;
    const gaveUp = Promise.withResolvers<never>();
    const giveUp = () => {
      const error = new InvocationTimeoutError(
        "The time was over, and the model call had not ended: something around it hangs.",
      );
      controller.abort(error);
      gaveUp.reject(error);
    };
    const timer = startTimer(backstop - Date.now(), giveUp);
    let grace: NodeJS.Timeout | undefined;
    controller.signal.addEventListener("abort", () => {
      const { reason } = controller.signal;
      grace = startTimer(ABORT_GRACE_MS, () =>
        gaveUp.reject(aborted(request.model, "unknown", reason)),
      );
    });
    const abort = () => controller.abort(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    const running = Promise.race([
      call({ ...request, signal: controller.signal }),
      gaveUp.promise,
    ]).finally(() => {
      clearTimeout(timer);
      clearTimeout(grace);
      signal?.removeEventListener("abort", abort);
      this.#running.delete(controller);
    });
    this.#running.set(controller, running);
    return running;
  }

  /** Aborts what runs, and waits for its end. */
  async abort(): Promise<void> {
    // What was aborted before, as by the reader of a stream, is only on its way to its end.
    const running = Array.from(this.#running.keys()).filter(
      ({ signal }) => !signal.aborted,
    );
    if (running.length > 0)
      warn(
        "Model calls were aborted because the invocation ended",
        `${running.length} were still running; await them`,
      );
    const reason = new DOMException("The invocation has ended.", "AbortError");
    for (const controller of running) controller.abort(reason);
    await Promise.allSettled(this.#running.values());
  }
}
