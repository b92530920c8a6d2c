import { ConfigurationError } from "@lambdallm/core";
import {
  checkAmount,
  checkId,
  type NewTurn,
  type SessionHeader,
  type SessionKey,
  type SessionMessage,
  type SessionStore,
  type SessionSummary,
  type StoredSession,
  type Turn,
} from "@lambdallm/core/stores";
import { pack } from "../payload/payload.ts";
import { readPayload, writeChunks } from "../payload/payload-table.ts";
import type { Item } from "../table/attributes.ts";
import { expiry } from "../table/expiry.ts";
import { corrupt } from "../table/failure.ts";
import { BATCH_SIZE } from "../table/operation.ts";
import type { Table } from "../table/table.ts";
import { type FoundTurn, FoundTurns } from "./found-turns.ts";
import { isNextNumber } from "./next-number.ts";
import { headerOf, saveHeader } from "./session-header.ts";
import { CHUNK, sessionPartition, TURN, turnKey } from "./session-items.ts";
import { lockSession, unlockSession } from "./session-lock.ts";
import { saveSummary, summaryOf } from "./session-summary.ts";

/** An item has at most 400 KB, its keys included. */
const INLINE_BYTES = 350 * 1024;

/** What the first page of a whole session has. */
const FIRST_TURNS = 25;

/** One item for each turn, so that a turn costs the same at the ten-thousandth message as at the tenth. */
export class DynamoDBSessionStore implements SessionStore {
  readonly #table: Table;
  readonly #skewMarginMs: number;
  /** Whether sessions here have headers and summaries, as the last load has seen: how much more to ask for. */
  #others = 0;

  constructor(table: Table, skewMarginMs: number) {
    this.#table = table;
    this.#skewMarginMs = skewMarginMs;
  }

  async load(
    key: SessionKey,
    options: { readonly lastMessages?: number; readonly from?: number } = {},
  ): Promise<StoredSession> {
    const PK = this.#partition(key);
    const found = await this.#find(PK, options);
    const { next, hasOlder } = found;
    const summary = found.summary && summaryOf(found.summary);
    const header = found.header && headerOf(found.header);
    return {
      turns: await Promise.all(
        found.turns.toReversed().map((turn) => this.#turnOf(PK, turn)),
      ),
      next,
      hasOlder,
      ...(summary && { summary }),
      ...(header && { header }),
    };
  }

  async append(key: SessionKey, turn: NewTurn): Promise<boolean> {
    const PK = this.#partition(key);
    const { first, messages, writeId, expiresAt } = turn;
    const SK = turnKey(first);
    checkId("write id", writeId);
    if (messages.length === 0)
      throw new ConfigurationError("A turn must have at least one message.");
    const times = expiry(expiresAt);
    const payload = await pack(messages, {
      name: "turn",
      operation: "append",
      inlineBytes: INLINE_BYTES,
      chunkPrefix: CHUNK + writeId,
    });
    const itemKey = { PK, SK };
    if (!(await isNextNumber(this.#table, PK, first))) {
      const existing = await this.#table.start("append").get(itemKey);
      return existing?.["w"]?.S === writeId;
    }
    await writeChunks(this.#table, "append", PK, payload, expiresAt);
    const outcome = await this.#table.start("append").put(
      itemKey,
      {
        [payload.name]: payload.value,
        ...times,
        n: messages.length,
        w: writeId,
        ts: this.#table.now(),
      },
      { condition: "attribute_not_exists(#SK)", readRefusal: true },
    );
    // An earlier attempt of the same write may have succeeded.
    return outcome.written || outcome.existing?.["w"]?.S === writeId;
  }

  async saveSummary(
    key: SessionKey,
    summary: SessionSummary & { readonly expiresAt?: number | undefined },
  ): Promise<boolean> {
    return saveSummary(this.#table, this.#partition(key), summary);
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
    return saveHeader(this.#table, this.#partition(key), header);
  }

  async lock(
    key: SessionKey,
    options: { readonly owner: string; readonly leaseMs: number },
  ): Promise<number | undefined> {
    const skewMarginMs = this.#skewMarginMs;
    return lockSession(this.#table, this.#partition(key), {
      ...options,
      skewMarginMs,
    });
  }

  async unlock(key: SessionKey, fence: number): Promise<void> {
    return unlockSession(this.#table, this.#partition(key), fence);
  }

  async delete(key: SessionKey): Promise<void> {
    const PK = this.#partition(key);
    for (;;) {
      // Each page has its own deadline: how many there are, nobody knows.
      const operation = this.#table.start("delete");
      const { items } = await operation.query({
        keys: "#PK = :pk",
        values: { ":pk": PK },
        only: "#PK, #SK",
      });
      // Until a query finds nothing: a turn may have been added behind its back.
      if (items.length === 0) return;
      for (let start = 0; start < items.length; start += BATCH_SIZE)
        await this.#table
          .start("delete")
          .deleteBatch(items.slice(start, start + BATCH_SIZE));
    }
  }

  async #find(
    PK: string,
    options: { readonly lastMessages?: number; readonly from?: number },
  ): Promise<FoundTurns> {
    const { lastMessages = Number.POSITIVE_INFINITY, from = 0 } = options;
    if (lastMessages !== Number.POSITIVE_INFINITY)
      checkAmount("lastMessages", lastMessages);
    checkAmount("from", from);
    const now = this.#table.now();
    const found = new FoundTurns({ lastMessages, from, now });
    // A turn is a question and its answer, mostly.
    let limit =
      Math.min(Math.ceil(lastMessages / 2), FIRST_TURNS) + this.#others;
    for (let after: Item | undefined; ; ) {
      const page = await this.#table.start("load").query({
        keys: "#PK = :pk AND #SK >= :first",
        values: { ":pk": PK, ":first": TURN },
        newestFirst: true,
        limit: Math.max(limit, 1),
        after,
      });
      for (const item of page.items) found.add(item);
      if (page.next === undefined) break;
      if (found.isComplete) {
        found.endEarly();
        break;
      }
      after = page.next;
      limit = Math.min(2 * limit, Math.max(found.missing, 1));
    }
    this.#others = found.others;
    return found;
  }

  async #turnOf(
    PK: string,
    { first, count, stored }: FoundTurn,
  ): Promise<Turn> {
    const messages = await readPayload(this.#table, PK, stored);
    if (!Array.isArray(messages) || messages.length !== count)
      throw corrupt("load", "a turn does not have the messages that it had");
    return {
      first,
      // As they were given to append.
      messages: messages as readonly SessionMessage[],
      writeId: stored.text("w"),
      writtenAt: stored.number("ts"),
    };
  }

  #partition(key: SessionKey): string {
    return sessionPartition(key, this.#table.settings);
  }
}
