/** What was started and has not ended, also when nobody awaits it any more, as when another step of a `Promise.all` has failed. */
export class Running {
  readonly #running = new Set<Promise<void>>();

  /** The same promise; its failure is nobody's who does not await it. */
  add<T>(promise: Promise<T>): Promise<T> {
    const settled = promise.then(
      () => {},
      () => {},
    );
    this.#running.add(settled);
    void settled.then(() => this.#running.delete(settled));
    return promise;
  }

  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
