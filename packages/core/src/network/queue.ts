/** Lets so many in at a time; the others wait in the order in which they came. */
export class Queue {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  /**
   * @param onQueue Told when there is no place, and when there is.
   * @throws The signal's reason, while it waits.
   */
  async enter(
    signal: AbortSignal | undefined,
    onQueue: ((isWaiting: boolean) => void) | undefined,
  ): Promise<void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    onQueue?.(true);
    await new Promise<void>((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const abort = () => {
        this.#waiting.delete(enter);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.add(enter);
    });
    onQueue?.(false);
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
