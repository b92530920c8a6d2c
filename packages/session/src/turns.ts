import type {
  Invocation,
  Message,
  ModelResponse,
  SessionKey,
  SessionMessage,
  SessionStore,
  Turn,
} from "@lambdallm/core";
import { ChatTurn, type TurnOptions } from "./chat-turn.ts";
import { lockSession } from "./lock.ts";
import type { MemoryStrategy } from "./memory.ts";
import { Queue } from "./queue.ts";
import type { StoredHistory } from "./stored-history.ts";
import { summarise } from "./summarise.ts";
import { UNLIMITED } from "./time-limit.ts";
import { isTurn, type TurnNames } from "./turn-names.ts";

export interface TurnsOptions {
  readonly store: SessionStore;
  readonly key: SessionKey;
  readonly history: StoredHistory;
  readonly memory: MemoryStrategy;
  readonly names: TurnNames;
  readonly invocation: Invocation | undefined;
  readonly load: () => Promise<void>;
}

/** What is written to a session, one turn after the other: each one sees the one before. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #queue = new Queue();
  #pending: readonly SessionMessage[] = [];

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Messages that were added and are not saved yet. */
  get pending(): readonly SessionMessage[] {
    return this.#pending;
  }

  add(message: Message): void {
    this.#pending = [...this.#pending, message];
  }

  /** Asks the model, and stores the question and the answer. */
  take(
    invocation: Invocation,
    question: Message,
    options: TurnOptions,
  ): Promise<ModelResponse> {
    const { history, memory, names, load } = this.#options;
    const added = this.#pending;
    return this.#queue.run(async () => {
      const response = await this.#locked(async () => {
        await load();
        const pending = this.#unsaved(added);
        const turn = new ChatTurn({
          history,
          memory,
          invocation,
          name: names.next(),
          pending,
          question,
          options,
          onSaved: () => this.#forget(pending),
        });
        return turn.run();
      });
      // Others need not wait for it, and a `clear()` that comes next does.
      if (memory.kind === "summary") {
        const model = options.model ?? invocation.defaults.model;
        await summarise(history, memory, invocation, model);
      }
      return response;
    });
  }

  /** Stores the pending messages. */
  async save(): Promise<void> {
    const added = this.#pending;
    if (added.length > 0)
      await this.#exclusively(() => this.#savePending(added));
  }

  async #savePending(added: readonly SessionMessage[]): Promise<void> {
    const { history, names, load } = this.#options;
    const pending = this.#unsaved(added);
    // The turn before, for which this one has waited, may have taken them along.
    if (pending.length === 0) return;
    await load();
    const name = names.next();
    const isSame = (turn: Turn) => isTurn(turn, name, pending, 0);
    const earlier = history.turns.find(isSame);
    if (earlier !== undefined) history.replayed(earlier);
    else await history.append(pending, name, isSame);
    this.#forget(pending);
    await history.refreshHeader();
  }

  async clear(forget: () => void): Promise<void> {
    const added = this.#pending;
    await this.#exclusively(() =>
      this.#options.history.delete(() => {
        this.#forget(added);
        forget();
      }),
    );
  }

  /** Runs something between two turns. */
  between<T>(run: () => Promise<T>): Promise<T> {
    return this.#queue.run(run);
  }

  #unsaved(added: readonly SessionMessage[]): readonly SessionMessage[] {
    const pending = new Set(this.#pending);
    return added.filter((message) => pending.has(message));
  }

  #forget(saved: readonly SessionMessage[]): void {
    const gone = new Set(saved);
    this.#pending = this.#pending.filter((message) => !gone.has(message));
  }

  #exclusively<T>(run: () => Promise<T>): Promise<T> {
    return this.#queue.run(() => this.#locked(run));
  }

  /** In the mode `lock`, those of other invocations wait as well. */
  async #locked<T>(run: () => Promise<T>): Promise<T> {
    const { store, key, history, invocation } = this.#options;
    if (history.conflict !== "lock") return run();
    const unlock = await lockSession(store, key, invocation ?? UNLIMITED);
    try {
      await history.catchUp();
      return await run();
    } finally {
      await unlock();
    }
  }
}
