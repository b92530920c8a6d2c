import { ConfigurationError, type JsonValue } from "@lambdallm/core";
import {
  type ClaimOutcome,
  checkId,
  checkLease,
  type ListPage,
  type ListPageRequest,
  type NewListEntry,
  type StepKey,
  type StepRecord,
  type StepStore,
} from "@lambdallm/core/stores";
import { pack } from "../payload/payload.ts";
import { readPayload, writeChunks } from "../payload/payload-table.ts";
import { type Attributes, type Item, StoredItem } from "../table/attributes.ts";
import { expiry } from "../table/expiry.ts";
import { corrupt } from "../table/failure.ts";
import type { Operation } from "../table/operation.ts";
import type { Table } from "../table/table.ts";
import { delist, enlist, entriesOf } from "./lists.ts";

const STEP = "STEP#";
const CHUNK = "X#";

/** Claims, renewals and their refusals cost by the size of the item. */
const INLINE_BYTES = 64 * 1024;

const RUNNING = "RUNNING";
const DONE = "DONE";
const FAILED = "FAILED";

const STATE_IS_FREE =
  "attribute_not_exists(#st) OR #st = :failed OR (#st = :running AND #exp < :cutoff)";
const FREE = `#x <= :now OR ${STATE_IS_FREE}`;
const FREE_FOR_INPUT = `#x <= :now OR ((${STATE_IS_FREE}) AND (attribute_not_exists(#hash) OR #hash = :hash))`;

interface ClaimOptions {
  readonly owner: string;
  readonly leaseMs: number;
  readonly inputHash?: string | undefined;
  readonly expiresAt?: number | undefined;
}

/** Lease, fence and result of a step are one item, so that no other can commit. */
export class DynamoDBStepStore implements StepStore {
  readonly #table: Table;
  readonly #skewMarginMs: number;

  constructor(table: Table, skewMarginMs: number) {
    this.#table = table;
    this.#skewMarginMs = skewMarginMs;
  }

  async claim(key: StepKey, options: ClaimOptions): Promise<ClaimOutcome> {
    const itemKey = this.#key(key);
    const { owner, leaseMs, inputHash, expiresAt } = options;
    checkId("owner", owner);
    checkLease(leaseMs);
    const now = this.#table.now();
    const until = now + leaseMs;
    const times = expiry(expiresAt);
    const operation = this.#table.start("claim");
    for (;;) {
      const outcome = await operation.update(itemKey, {
        update: [
          "SET #st = :running, #ow = :me, #exp = :until, #f = if_not_exists(#f, :zero) + :one",
          inputHash !== undefined && ", #hash = :hash",
          expiresAt !== undefined && ", #x = :x, #ttl = :ttl",
          " REMOVE #m, #z, #p",
          inputHash === undefined && ", #hash",
          expiresAt === undefined && ", #x, #ttl",
        ]
          .filter(Boolean)
          .join(""),
        condition: inputHash === undefined ? FREE : FREE_FOR_INPUT,
        values: {
          ":running": RUNNING,
          ":failed": FAILED,
          ":me": owner,
          ":until": until,
          ":zero": 0,
          ":one": 1,
          ":now": now,
          // Another clock may be ahead of this one.
          ":cutoff": now - this.#skewMarginMs,
          ":hash": inputHash,
          ":x": times["x"],
          ":ttl": times["ttl"],
        },
        returning: "UPDATED_NEW",
        readRefusal: true,
      });
      if (outcome.written)
        return { status: "claimed", fence: fenceOf(outcome.item, "claim") };
      const refused =
        outcome.existing &&
        (await this.#refused(key, outcome.existing, operation, {
          ...options,
          until,
        }));
      if (refused) return refused;
      // It was freed between the refusal and the look at it.
    }
  }

  async renew(key: StepKey, fence: number, leaseMs: number): Promise<boolean> {
    const itemKey = this.#key(key);
    checkLease(leaseMs);
    const outcome = await this.#table.start("renew").update(itemKey, {
      update: "SET #exp = :until",
      ...held(fence, { ":until": this.#table.now() + leaseMs }),
    });
    return outcome.written;
  }

  async commit(
    key: StepKey,
    fence: number,
    output: JsonValue,
  ): Promise<boolean> {
    return this.#finish("commit", key, fence, {
      name: "output",
      value: output,
    });
  }

  async fail(key: StepKey, fence: number, error: JsonValue): Promise<boolean> {
    return this.#finish("fail", key, fence, { name: "error", value: error });
  }

  async find(key: StepKey): Promise<StepRecord | undefined> {
    const itemKey = this.#key(key);
    const item = await this.#table.start("find").get(itemKey);
    const stored = item && new StoredItem(item, "find");
    return stored === undefined || stored.isExpired(this.#table.now())
      ? undefined
      : this.#recordOf(key.runId, itemKey.PK, stored);
  }

  async list(runId: string): Promise<readonly StepRecord[]> {
    checkId("run id", runId);
    const PK = this.#table.partition("R", runId);
    const now = this.#table.now();
    const records: StepRecord[] = [];
    for (let after: Item | undefined; ; ) {
      const { items, next } = await this.#table.start("list").query({
        keys: "#PK = :pk AND begins_with(#SK, :step)",
        values: { ":pk": PK, ":step": STEP },
        after,
      });
      const live = items
        .map((item) => new StoredItem(item, "list"))
        .filter((stored) => !stored.isExpired(now));
      records.push(
        ...(await Promise.all(
          live.map((stored) => this.#recordOf(runId, PK, stored)),
        )),
      );
      if (next === undefined) return records;
      after = next;
    }
  }

  async enlist(list: string, entry: NewListEntry): Promise<void> {
    return enlist(this.#table, list, entry);
  }

  async delist(list: string, id: string): Promise<void> {
    return delist(this.#table, list, id);
  }

  async entries(list: string, page?: ListPageRequest): Promise<ListPage> {
    return entriesOf(this.#table, list, page);
  }

  /** What a claim comes to when it was refused; nothing when it can be tried again. */
  async #refused(
    key: StepKey,
    item: Item,
    operation: Operation,
    claim: ClaimOptions & { readonly until: number },
  ): Promise<ClaimOutcome | undefined> {
    const { owner, leaseMs, inputHash, until } = claim;
    const stored = new StoredItem(item, "claim");
    if (stored.isExpired(until - leaseMs)) return undefined;
    const recordedHash = item["hash"]?.S;
    if (inputHash !== undefined && (recordedHash ?? inputHash) !== inputHash)
      throw new ConfigurationError(
        `The step "${key.step}" of the run "${key.runId}" was recorded for another input; use another run id for it.`,
      );
    const status = stored.text("st");
    if (status === DONE)
      return {
        status: "done",
        output: await this.#valueOf(this.#key(key).PK, stored),
      };
    if (status === FAILED) return undefined;
    const expiresAt = stored.number("exp");
    if (item["ow"]?.S !== owner) {
      const freeAt = expiresAt + this.#skewMarginMs + 1;
      return freeAt <= until - leaseMs
        ? undefined
        : { status: "running", expiresAt, freeAt };
    }
    const fence = fenceOf(item, "claim");
    // An earlier attempt of this claim has won; or an earlier claim of this owner, whose lease is shorter.
    const isHeld =
      expiresAt >= until ||
      (
        await operation.update(this.#key(key), {
          update: "SET #exp = :until",
          ...held(fence, { ":until": until }),
        })
      ).written;
    return isHeld ? { status: "claimed", fence } : undefined;
  }

  async #finish(
    operation: "commit" | "fail",
    key: StepKey,
    fence: number,
    result: { readonly name: string; readonly value: JsonValue },
  ): Promise<boolean> {
    const itemKey = this.#key(key);
    const payload = await pack(result.value, {
      name: result.name,
      operation,
      inlineBytes: INLINE_BYTES,
      chunkPrefix: `${CHUNK}${key.step}#${fence}`,
    });
    const status = operation === "commit" ? DONE : FAILED;
    // Refused by an earlier attempt of this, or because the holder was superseded.
    const isFinished = (item: Item | undefined) =>
      item?.["st"]?.S === status && fenceOf(item, operation) === fence;
    if (payload.chunks.length > 0) {
      const item = await this.#table.start(operation).get(itemKey);
      // Chunks are dear: none are written for a step that is not held.
      if (item?.["st"]?.S !== RUNNING || fenceOf(item, operation) !== fence)
        return isFinished(item);
      const expiresAt = new StoredItem(item, operation).optionalNumber("x");
      await writeChunks(this.#table, operation, itemKey.PK, payload, expiresAt);
    }
    const outcome = await this.#table.start(operation).update(itemKey, {
      update: `SET #st = :status, #${payload.name} = :value REMOVE #exp`,
      ...held(fence, { ":status": status, ":value": payload.value }),
      readRefusal: true,
    });
    return outcome.written || isFinished(outcome.existing);
  }

  async #recordOf(
    runId: string,
    PK: string,
    stored: StoredItem,
  ): Promise<StepRecord> {
    const step = stored.text("SK").slice(STEP.length);
    const record = { runId, step, fence: stored.number("f") };
    const status = stored.text("st");
    if (status === RUNNING)
      return { ...record, status: "running", expiresAt: stored.number("exp") };
    const value = await this.#valueOf(PK, stored);
    if (status === DONE) return { ...record, status: "done", output: value };
    if (status === FAILED) return { ...record, status: "failed", error: value };
    throw corrupt(stored.operation, "a step has an unknown state");
  }

  async #valueOf(PK: string, stored: StoredItem): Promise<JsonValue> {
    // As it was given to commit or fail.
    return (await readPayload(this.#table, PK, stored)) as JsonValue;
  }

  #key({ runId, step }: StepKey): { readonly PK: string; readonly SK: string } {
    checkId("run id", runId);
    checkId("step", step);
    return { PK: this.#table.partition("R", runId), SK: STEP + step };
  }
}

/** Only the holder of the fence may write, and only while the step is running. */
const held = (fence: number, values: Attributes) => ({
  condition: "#st = :running AND #f = :f",
  values: { ...values, ":running": RUNNING, ":f": fence },
});

const fenceOf = (item: Item, operation: string) =>
  new StoredItem(item, operation).number("f");
