import {
  MemorySessionStore,
  type NewTurn,
  type SessionKey,
  type StoredSession,
  type Turn,
} from "@lambdallm/core/stores";
import { pause } from "./subject.ts";

export const endOf = (turns: readonly Turn[]) => {
  const last = turns.at(-1);
  return last ? last.first + last.messages.length : 0;
};

/** Keeps a history in one value, which is read, changed and written back without a condition. */
export class NaiveSessionStore extends MemorySessionStore {
  readonly #histories = new Map<string, readonly Turn[]>();

  override async load(key: SessionKey): Promise<StoredSession> {
    const turns = this.#histories.get(JSON.stringify(key)) ?? [];
    return { ...(await super.load(key)), turns, next: endOf(turns) };
  }

  override async append(key: SessionKey, turn: NewTurn): Promise<boolean> {
    const { turns } = await this.load(key);
    await pause();
    const written = [...turns, { ...turn, writtenAt: Date.now() }];
    this.#histories.set(JSON.stringify(key), written);
    return true;
  }
}
