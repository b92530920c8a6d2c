/** Runs one function after the other, in the order in which they came. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(fn: () => Promise<T>): Promise<T> {
    const running = this.#last.then(fn);
    // The next one does not care how this one ended.
    this.#last = running.catch(() => {});
    return running;
  }
}
