import { UNLIMITED, withinTime } from "./time-limit.ts";

/** Runs one function after the other, in the order in which they came. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  /** @param signal One whose signal aborts before its turn comes is not run, and fails at once with the reason. */
  run<T>(fn: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const earlier = this.#last;
    const running = withinTime(UNLIMITED, "wait", signal, () => earlier).then(
      fn,
    );
    // The next one does not care how this one ended, and waits for the earlier ones when this one has left.
    this.#last = Promise.allSettled([earlier, running]);
    return running;
  }
}
