import type { Delivery } from "./delivery.ts";
import { invocationEnded, withGrace } from "./ending.ts";
import type { History } from "./history.ts";
import type { Metadata } from "./metadata.ts";
import type { PromptHistory } from "./prompt-history.ts";
import type { Turns } from "./turns.ts";

export interface SavingOptions {
  readonly history: History;
  readonly prompt: PromptHistory;
  readonly metadata: Metadata;
  readonly turns: Turns;
  /** Aborted at the end of the invocation. */
  readonly closing: AbortController;
}

/** Brings to the store what was added and changed without a turn, at the latest at the end of the invocation. */
export class Saving {
  readonly #options: SavingOptions;
  /** Of what has all the time of the invocation. */
  readonly #never = new AbortController().signal;
  #savesLater = false;

  constructor(options: SavingOptions) {
    this.#options = options;
  }

  get isModified(): boolean {
    const { history, metadata } = this.#options;
    return history.unsaved.all.length > 0 || metadata.isModified;
  }

  /** @param delivery Whose write it is. @default that of the session */
  async save(delivery?: Delivery): Promise<void> {
    await this.#withGrace("save", (signal) => this.#save(signal, delivery));
  }

  /** What a turn that is still running does not take along is stored behind it, at the end of the invocation. */
  async saveAtEnd(): Promise<void> {
    if (!this.#options.turns.areRunning) return this.save();
    this.#savesLater = true;
    if (this.#options.metadata.isModified)
      await this.#withGrace("save", (signal) => this.#saveMetadata(signal));
  }

  async clear(): Promise<void> {
    const { turns } = this.#options;
    await this.#withGrace("delete", (signal) => turns.clear(signal));
  }

  /** Otherwise saving belongs to promises that somebody awaits; here it is only said when that was forgotten. */
  async end(): Promise<void> {
    const { turns, closing } = this.#options;
    closing.abort(invocationEnded());
    await turns.between(async () => {}, this.#never);
    if (this.#savesLater) await this.#save(this.#never);
    if (this.isModified)
      process.emitWarning(
        "A session was changed and not saved: call await session.save().",
        "LambdaLLMWarning",
      );
  }

  async #save(signal: AbortSignal, delivery?: Delivery): Promise<void> {
    const { metadata, turns } = this.#options;
    if (metadata.isModified) await this.#saveMetadata(signal);
    await turns.save(signal, delivery);
  }

  async #saveMetadata(signal: AbortSignal): Promise<void> {
    const { prompt, metadata } = this.#options;
    await prompt.load(signal);
    await metadata.save(signal);
  }

  #withGrace<T>(
    operation: string,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return withGrace(this.#options.closing.signal, operation, run);
  }
}
