import type { JsonValue, Message } from "../contract/content.ts";

/** Which session. The tenant comes from the authenticated caller, never from a request's body. */
export interface SessionKey {
  readonly tenantId: string;
  readonly sessionId: string;
}

/** A message as a session keeps it. */
export interface SessionMessage extends Message {
  /** The answer broke off, or the time was over: this is what had arrived. */
  readonly incomplete?: true;
}

/** Messages that are written together and read together, such as a question and its answer. */
export interface Turn {
  /** The number of its first message, counted from 0 over the whole session. */
  readonly first: number;
  /** At least one. Binary content comes back as it was given. */
  readonly messages: readonly SessionMessage[];
  /** Names the write, so that a repetition of it is not stored twice. */
  readonly writeId: string;
  /** Epoch milliseconds. */
  readonly writtenAt: number;
}

export interface NewTurn extends Omit<Turn, "writtenAt"> {
  /** Epoch milliseconds, from which on the turn is not read any more. @default never */
  readonly expiresAt?: number | undefined;
}

/** What stands for the beginning of a session, so that it need not be read. */
export interface SessionSummary {
  readonly text: string;
  /** The messages below this number are covered. */
  readonly upTo: number;
}

/** What is known about a session beside its messages. */
export interface SessionHeader {
  /** Counts the writes from 1. */
  readonly version: number;
  readonly metadata: Readonly<Record<string, JsonValue>>;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds, from which on it is not read any more; left out when that is never. */
  readonly expiresAt?: number;
}

export interface StoredSession {
  /** The oldest first; without those that have expired or that the summary covers. */
  readonly turns: readonly Turn[];
  /** The number of the next message. Numbers have no holes, and those of expired messages are not used again. */
  readonly next: number;
  /** There are older turns, which were not asked for. They may have expired. */
  readonly hasOlder: boolean;
  readonly summary?: SessionSummary;
  readonly header?: SessionHeader;
}

/**
 * Keeps sessions. Every read sees every write that was acknowledged before it. An acknowledged turn is never lost,
 * overwritten or reordered, whatever the number of writers. Every write can be repeated.
 *
 * All methods throw a ConfigurationError for ids, write ids and owners that are empty, longer than 512 bytes, or contain `#`,
 * for turns without a message, for what has no JSON, for leases that are no positive integers or longer than a hundred years, and for times of expiry that a
 * Date cannot hold; and a StoreError when the store fails, and with the reason `too-large` for a turn of more than 8 MiB as JSON. What has
 * a `toJSON`, such as a Date, is stored as what that gives.
 * `sessionStoreConformance` of `@lambdallm/testing` is the test of an implementation.
 */
export interface SessionStore {
  load(
    key: SessionKey,
    options?: {
      /** Reads turns from the newest on until they hold this many messages. @default all */
      readonly lastMessages?: number;
      /** Reads no turn that ends before the message of this number. @default 0 */
      readonly from?: number;
    },
  ): Promise<StoredSession>;

  /**
   * Writes a turn at the number that it names, which must be the session's next.
   *
   * @returns Whether the turn is stored there, now or by an earlier attempt of the same `writeId`. False: another turn took
   * the number, or it is beyond the next, as after a `delete`; load again.
   */
  append(key: SessionKey, turn: NewTurn): Promise<boolean>;

  /** @returns False when a summary that covers as much or more is there already. One that has expired covers nothing. */
  saveSummary(
    key: SessionKey,
    summary: SessionSummary & { readonly expiresAt?: number | undefined },
  ): Promise<boolean>;

  /**
   * Writes the header when it still has the version that was read; 0 for none, or for one that has expired.
   *
   * @returns The header as it is stored; undefined when another writer came first.
   */
  saveHeader(
    key: SessionKey,
    header: {
      readonly expectedVersion: number;
      readonly metadata: Readonly<Record<string, JsonValue>>;
      readonly expiresAt?: number | undefined;
      /** Names the write, so that a repetition of it is not a conflict. */
      readonly writeId: string;
    },
  ): Promise<SessionHeader | undefined>;

  /**
   * Takes the lock of a session, or takes it over once its lease is over.
   *
   * @returns The fence of this holder, higher than those before it; undefined while somebody else has the lock. Its owner gets
   * it again, under the same fence and with a new lease.
   */
  lock(
    key: SessionKey,
    options: { readonly owner: string; readonly leaseMs: number },
  ): Promise<number | undefined>;

  /** Gives the lock back, unless somebody else has taken it over. */
  unlock(key: SessionKey, fence: number): Promise<void>;

  /** Deletes all that is stored of a session, a lock included. */
  delete(key: SessionKey): Promise<void>;
}
