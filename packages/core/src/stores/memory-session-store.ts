import { ConfigurationError } from "../contract/errors.ts";
import { checkAmount } from "./check-amount.ts";
import { checkExpiry } from "./check-expiry.ts";
import { checkId } from "./check-id.ts";
import { checkLease } from "./check-lease.ts";
import { clockOf, type MemoryStoreOptions } from "./memory-options.ts";
import type {
  NewTurn,
  SessionHeader,
  SessionKey,
  SessionStore,
  SessionSummary,
  StoredSession,
  Turn,
} from "./session-store.ts";
import { MAX_HEADER_BYTES, MAX_TURN_BYTES, storable } from "./storable.ts";

interface Expiring<Value> {
  readonly value: Value;
  readonly expiresAt: number;
}

interface Lock {
  readonly owner: string;
  readonly fence: number;
  readonly until: number;
}

interface SessionData {
  turns: readonly Expiring<Turn>[];
  /** Of its own, because turns that have expired are dropped. */
  next: number;
  summary?: Expiring<SessionSummary>;
  header?: Expiring<SessionHeader> & { readonly writeId: string };
  lock?: Lock | undefined;
}

const endOf = (turn: Turn) => turn.first + turn.messages.length;

/**
 * Sessions in the memory of this process, for tests and development: they live as long as the process does, and other
 * processes do not see them.
 */
export class MemorySessionStore implements SessionStore {
  readonly #sessions = new Map<string, SessionData>();
  readonly #now: () => number;
  #lastFence = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#now = clockOf("MemorySessionStore", options);
  }

  async load(
    key: SessionKey,
    options: { readonly lastMessages?: number; readonly from?: number } = {},
  ): Promise<StoredSession> {
    const { lastMessages = Number.POSITIVE_INFINITY, from = 0 } = options;
    const data = this.#read(key);
    const summary = this.#live(data.summary);
    const header = this.#live(data.header);
    const readable = data.turns
      .flatMap((stored) => this.#live(stored) ?? [])
      .filter((turn) => endOf(turn) > (summary?.upTo ?? 0));
    const turns: Turn[] = [];
    let messages = 0;
    for (const turn of readable.toReversed()) {
      if (messages >= lastMessages || endOf(turn) <= from) break;
      turns.unshift(turn);
      messages += turn.messages.length;
    }
    return structuredClone({
      turns,
      next: data.next,
      hasOlder: turns.length < readable.length,
      ...(summary && { summary }),
      ...(header && { header }),
    });
  }

  async append(key: SessionKey, turn: NewTurn): Promise<boolean> {
    const data = this.#write(key);
    const { first, writeId, expiresAt } = turn;
    checkId("write id", writeId);
    checkExpiry(expiresAt);
    if (turn.messages.length === 0)
      throw new ConfigurationError("A turn must have at least one message.");
    const messages = storable(turn.messages, {
      name: "turn",
      operation: "append",
      maxBytes: MAX_TURN_BYTES,
    });
    if (first !== data.next)
      return data.turns.some(
        ({ value }) => value.first === first && value.writeId === writeId,
      );
    const value = { first, messages, writeId, writtenAt: this.#now() };
    data.turns = [
      ...data.turns.filter((stored) => this.#live(stored)),
      this.#expiring(value, expiresAt),
    ];
    data.next = endOf(value);
    return true;
  }

  async saveSummary(
    key: SessionKey,
    summary: SessionSummary & { readonly expiresAt?: number | undefined },
  ): Promise<boolean> {
    const data = this.#write(key);
    const { upTo, expiresAt } = summary;
    checkAmount("upTo", upTo);
    checkExpiry(expiresAt);
    const text = storable(summary.text, {
      name: "summary",
      operation: "saveSummary",
      maxBytes: MAX_HEADER_BYTES,
    });
    const current = this.#live(data.summary);
    if (current && current.upTo >= upTo) return false;
    data.summary = this.#expiring({ text, upTo }, expiresAt);
    return true;
  }

  async saveHeader(
    key: SessionKey,
    header: {
      readonly expectedVersion: number;
      readonly metadata: SessionHeader["metadata"];
      readonly expiresAt?: number | undefined;
      readonly writeId: string;
    },
  ): Promise<SessionHeader | undefined> {
    const data = this.#write(key);
    const { expectedVersion, expiresAt, writeId } = header;
    checkAmount("expectedVersion", expectedVersion);
    checkId("write id", writeId);
    checkExpiry(expiresAt);
    const metadata = storable(header.metadata, {
      name: "metadata",
      operation: "saveHeader",
      maxBytes: MAX_HEADER_BYTES,
    });
    const current = this.#live(data.header);
    const version = current?.version ?? 0;
    if (version === expectedVersion) {
      const createdAt = current?.createdAt ?? this.#now();
      const value = {
        version: version + 1,
        metadata,
        createdAt,
        ...(expiresAt !== undefined && { expiresAt }),
      };
      data.header = { ...this.#expiring(value, expiresAt), writeId };
      return structuredClone(value);
    }
    return data.header?.writeId === writeId
      ? structuredClone(current)
      : undefined;
  }

  async lock(
    key: SessionKey,
    options: { readonly owner: string; readonly leaseMs: number },
  ): Promise<number | undefined> {
    const data = this.#write(key);
    const { owner, leaseMs } = options;
    checkId("owner", owner);
    checkLease(leaseMs);
    const held =
      data.lock && data.lock.until > this.#now() ? data.lock : undefined;
    if (held && held.owner !== owner) return undefined;
    // Counted over the whole store, so that a lock's fence stays old when its session was deleted.
    const fence = held?.fence ?? ++this.#lastFence;
    data.lock = { owner, fence, until: this.#now() + leaseMs };
    return fence;
  }

  async unlock(key: SessionKey, fence: number): Promise<void> {
    const data = this.#read(key);
    if (data.lock?.fence === fence) data.lock = undefined;
  }

  async delete(key: SessionKey): Promise<void> {
    this.#sessions.delete(nameOf(key));
  }

  #read(key: SessionKey): SessionData {
    return this.#sessions.get(nameOf(key)) ?? { turns: [], next: 0 };
  }

  #write(key: SessionKey): SessionData {
    const data = this.#read(key);
    this.#sessions.set(nameOf(key), data);
    return data;
  }

  #expiring<Value>(
    value: Value,
    expiresAt = Number.POSITIVE_INFINITY,
  ): Expiring<Value> {
    return { value, expiresAt };
  }

  #live<Value>(stored: Expiring<Value> | undefined): Value | undefined {
    return stored && stored.expiresAt > this.#now() ? stored.value : undefined;
  }
}

function nameOf({ tenantId, sessionId }: SessionKey): string {
  checkId("tenant id", tenantId);
  checkId("session id", sessionId);
  return `${tenantId}#${sessionId}`;
}
