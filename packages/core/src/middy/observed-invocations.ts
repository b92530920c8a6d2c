import type { Invocation } from "../call/invocation.ts";
import { ConfigurationError } from "../contract/errors.ts";

/** The invocations that a middleware observes, so that nothing is recorded twice. */
export class ObservedInvocations {
  readonly #owner: string;
  readonly #observed = new WeakSet<Invocation>();

  /** @param owner The middleware, named in the error. */
  constructor(owner: string) {
    this.#owner = owner;
  }

  /**
   * @returns False for the invocation of a nested provider whose outer one is observed: its events reach the listeners there.
   * @throws {ConfigurationError} It is observed already.
   */
  add(invocation: Invocation): boolean {
    if (this.#observed.has(invocation))
      throw new ConfigurationError(
        `${this.#owner}: there is a ${this.#owner}() in this invocation already: use it once.`,
      );
    for (let { parent } = invocation; parent; { parent } = parent)
      if (this.#observed.has(parent)) return false;
    this.#observed.add(invocation);
    return true;
  }
}
