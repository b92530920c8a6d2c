import type {
  Invocation,
  Message,
  ModelResponse,
  SessionKey,
  SessionMessage,
  SessionStore,
} from "@lambdallm/core";
import { ChatTurn, type TurnOptions } from "./chat-turn.ts";
import { lockSession } from "./lock.ts";
import type { MemoryStrategy } from "./memory.ts";
import { Queue } from "./queue.ts";
import { sameData } from "./snapshot.ts";
import type { StoredHistory } from "./stored-history.ts";
import { UNLIMITED } from "./time-limit.ts";
import { tryOf, type WriteIds } from "./write-ids.ts";

export interface TurnsOptions {
  readonly store: SessionStore;
  readonly key: SessionKey;
  readonly history: StoredHistory;
  readonly memory: MemoryStrategy;
  readonly writeIds: WriteIds;
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
    const { history, memory, writeIds, load } = this.#options;
    return this.#exclusively(async () => {
      await load();
      const pending = this.#pending;
      return new ChatTurn({
        history,
        memory,
        invocation,
        writeId: writeIds.next(),
        pending,
        question,
        options,
        onSaved: () => this.#forget(pending),
      }).run();
    });
  }

  /** Stores the pending messages. */
  async save(): Promise<void> {
    if (this.#pending.length > 0)
      await this.#exclusively(() => this.#savePending());
  }

  async #savePending(): Promise<void> {
    const { history, writeIds, load } = this.#options;
    const pending = this.#pending;
    // The turn before, for which this one has waited, may have taken them along.
    if (pending.length === 0) return;
    await load();
    const writeId = writeIds.next();
    const stored = history.turns.find((turn) => turn.writeId === writeId);
    if (stored !== undefined && sameData(stored.messages, pending))
      history.emit("session-replay", { messages: pending.length });
    else
      await history.append(
        pending,
        stored === undefined ? writeId : tryOf(writeId),
      );
    this.#forget(pending);
    await history.refreshHeader();
  }

  async clear(): Promise<void> {
    await this.#exclusively(async () => {
      await this.#options.history.delete();
      this.#pending = [];
    });
  }

  /** Runs something between two turns. */
  between<T>(run: () => Promise<T>): Promise<T> {
    return this.#queue.run(run);
  }

  #forget(saved: readonly SessionMessage[]): void {
    this.#pending = this.#pending.slice(saved.length);
  }

  /** In the mode `lock`, those of other invocations wait as well. */
  #exclusively<T>(run: () => Promise<T>): Promise<T> {
    return this.#queue.run(async () => {
      const { store, key, history, invocation } = this.#options;
      if (history.conflict !== "lock") return run();
      const unlock = await lockSession(store, key, invocation ?? UNLIMITED);
      try {
        await history.catchUp();
        return await run();
      } finally {
        await unlock();
      }
    });
  }
}
