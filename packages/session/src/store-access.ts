import { randomUUID } from "node:crypto";
import type {
  SessionHeader,
  SessionKey,
  SessionStore,
  SessionSummary,
  StoredSession,
  Turn,
} from "@lambdallm/core/stores";
import { lockSession } from "./lock.ts";
import { type TimeLimit, withinTime } from "./time-limit.ts";

export interface StoreAccessOptions {
  readonly store: SessionStore;
  readonly key: SessionKey;
  readonly ttlMs: number;
  readonly limit: TimeLimit;
}

/** One session in its store: what is asked is waited for no longer than the invocation can, and what is written expires. */
export class StoreAccess {
  readonly ttlMs: number;
  readonly limit: TimeLimit;
  readonly #store: SessionStore;
  readonly #key: SessionKey;

  constructor({ store, key, ttlMs, limit }: StoreAccessOptions) {
    this.#store = store;
    this.#key = key;
    this.ttlMs = ttlMs;
    this.limit = limit;
  }

  load(
    limits: { readonly lastMessages?: number; readonly from?: number },
    signal: AbortSignal,
  ): Promise<StoredSession> {
    return this.#ask("load", signal, () => this.#store.load(this.#key, limits));
  }

  append(turn: Omit<Turn, "writtenAt">, signal: AbortSignal): Promise<boolean> {
    const expiresAt = this.#expiresAt;
    return this.#ask("append", signal, () =>
      this.#store.append(this.#key, { ...turn, expiresAt }),
    );
  }

  saveHeader(
    expectedVersion: number,
    metadata: SessionHeader["metadata"],
    signal: AbortSignal,
  ): Promise<SessionHeader | undefined> {
    const expiresAt = this.#expiresAt;
    const writeId = randomUUID();
    const header = { expectedVersion, metadata, expiresAt, writeId };
    return this.#ask("saveHeader", signal, () =>
      this.#store.saveHeader(this.#key, header),
    );
  }

  saveSummary(summary: SessionSummary, signal: AbortSignal): Promise<boolean> {
    const expiresAt = this.#expiresAt;
    return this.#ask("saveSummary", signal, () =>
      this.#store.saveSummary(this.#key, { ...summary, expiresAt }),
    );
  }

  delete(signal: AbortSignal): Promise<void> {
    return this.#ask("delete", signal, () => this.#store.delete(this.#key));
  }

  /** Returns a function that gives the lock back. */
  lock(signal: AbortSignal): Promise<() => Promise<void>> {
    const { limit } = this;
    return lockSession({ store: this.#store, key: this.#key, limit, signal });
  }

  get #expiresAt(): number | undefined {
    return this.ttlMs === Number.POSITIVE_INFINITY
      ? undefined
      : Math.ceil(Date.now() + this.ttlMs);
  }

  #ask<T>(
    operation: string,
    signal: AbortSignal,
    run: () => Promise<T>,
  ): Promise<T> {
    return withinTime(this.limit, operation, signal, run);
  }
}
