import type { SessionMessage } from "@lambdallm/core/stores";

/** Messages that were added to a session, until they are stored with it. */
export class UnsavedMessages {
  readonly #messages = new Set<SessionMessage>();

  get all(): readonly SessionMessage[] {
    return [...this.#messages];
  }

  add(message: SessionMessage): void {
    this.#messages.add(message);
  }

  /** Those that nobody has stored or deleted since. */
  among(messages: readonly SessionMessage[]): readonly SessionMessage[] {
    return messages.filter((message) => this.#messages.has(message));
  }

  delete(messages: readonly SessionMessage[]): void {
    for (const message of messages) this.#messages.delete(message);
  }
}
