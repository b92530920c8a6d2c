import type { Message, ModelResponse } from "@lambdallm/core";
import type { Invocation } from "@lambdallm/core/feature";
import type { SessionMessage, Turn } from "@lambdallm/core/stores";
import { ChatTurn, type TurnOptions } from "./chat-turn.ts";
import type { Delivery } from "./delivery.ts";
import { endedBy } from "./ending.ts";
import type { History } from "./history.ts";
import type { MemoryStrategy } from "./memory.ts";
import type { Metadata } from "./metadata.ts";
import type { PromptHistory } from "./prompt-history.ts";
import { Queue } from "./queue.ts";
import { summarise } from "./summarise.ts";
import { writeTurn } from "./write-turn.ts";

export interface TurnsOptions {
  readonly history: History;
  readonly metadata: Metadata;
  readonly prompt: PromptHistory;
  readonly memory: MemoryStrategy;
  readonly delivery: Delivery;
  /** The end of the invocation. */
  readonly closing: AbortSignal;
}

/** What is written to a session, one turn after the other: each one sees the one before. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #queue = new Queue();
  #running = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Whether a model is being asked, or waits to be. */
  get areRunning(): boolean {
    return this.#running > 0;
  }

  /** Asks the model, and stores the question and the answer. */
  async take(
    invocation: Invocation,
    question: Message,
    options: TurnOptions,
  ): Promise<ModelResponse> {
    const { closing } = this.#options;
    const { signal = closing, model = invocation.defaults.model } = options;
    this.#running += 1;
    try {
      return await endedBy([closing, signal], model, (ended) =>
        this.#take(invocation, question, options, ended),
      );
    } finally {
      this.#running -= 1;
    }
  }

  #take(
    invocation: Invocation,
    question: Message,
    options: TurnOptions,
    signal: AbortSignal,
  ): Promise<ModelResponse> {
    const { history, metadata, prompt, memory, delivery } = this.#options;
    const added = history.unsaved.all;
    return this.#queue.run(async () => {
      const response = await this.#locked(signal, async () => {
        await prompt.load(signal);
        const turn = new ChatTurn({
          history,
          metadata,
          prompt,
          invocation,
          delivery,
          pending: history.unsaved.among(added),
          question,
          options,
          signal,
        });
        return turn.run();
      });
      // Others need not wait for it, and a `clear()` that comes next does.
      if (memory.kind === "summary") {
        const model = options.model ?? invocation.defaults.model;
        await summarise(history, memory, invocation, model, signal);
      }
      return response;
    }, signal);
  }

  /** Stores the pending messages. */
  async save(
    signal: AbortSignal,
    delivery = this.#options.delivery,
  ): Promise<void> {
    const added = this.#options.history.unsaved.all;
    if (added.length > 0)
      await this.#exclusively(signal, () =>
        this.#savePending(added, delivery, signal),
      );
  }

  async #savePending(
    added: readonly SessionMessage[],
    delivery: Delivery,
    signal: AbortSignal,
  ): Promise<void> {
    const { history, metadata, prompt } = this.#options;
    const pending = history.unsaved.among(added);
    // The turn before, for which this one has waited, may have taken them along.
    if (pending.length === 0) return;
    await prompt.load(signal);
    const isSame = (turn: Turn) => delivery.isRepeatedBy(turn, pending, 0);
    const earlier = history.turns.find(isSame);
    const turn = { messages: pending, isSame };
    if (earlier === undefined) await writeTurn(history, delivery, turn, signal);
    else delivery.claim(history.replayed(earlier, pending));
    await metadata.keepAlive(signal);
  }

  /** Deletes the session, and what was not saved. */
  async clear(signal: AbortSignal): Promise<void> {
    const { history, metadata } = this.#options;
    const added = history.unsaved.all;
    await this.#exclusively(signal, () =>
      metadata.deleteSession(added, signal),
    );
  }

  /** Runs something between two turns. */
  between<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#queue.run(run, signal);
  }

  #exclusively<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    return this.#queue.run(() => this.#locked(signal, run), signal);
  }

  /** In the mode `lock`, those of other invocations wait as well. */
  async #locked<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    const { history } = this.#options;
    if (history.conflict !== "lock") return run();
    const unlock = await history.lock(signal);
    try {
      await history.catchUp(signal);
      return await run();
    } finally {
      await unlock();
    }
  }
}
