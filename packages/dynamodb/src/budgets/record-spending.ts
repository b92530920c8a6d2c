import {
  checkAmount,
  checkDay,
  checkId,
  type SpendingRow,
} from "@lambdallm/core/stores";
import type { Attributes } from "../table/attributes.ts";
import { digest } from "../table/digest.ts";
import type { Operation } from "../table/operation.ts";
import type { Table } from "../table/table.ts";

export interface Spending {
  readonly day: string;
  readonly key: string;
  readonly writeId: string;
  readonly rows: readonly SpendingRow[];
}

/** Items of a day and key: the ids of the last writes are in them, and all callers write to them. */
const SHARDS = 8;

/** An expression has at most 4 KB. */
const ROWS_PER_WRITE = 25;

/** A write is known as a repetition for one to two of these. */
const BUCKET_MS = 60_000;
const BUCKETS = 3;

/** The sort key of a day's rows begins with it. */
export const dayPrefix = (day: string) => `D#${day}`;

/** Counters of an item, by the first letter of their attributes. */
export const COUNTERS = {
  k: "calls",
  i: "inputTokens",
  o: "outputTokens",
  c: "costNanoUsd",
} as const satisfies Record<string, keyof SpendingRow>;

/** One update: counters are added to, unless the id of the write is there already. */
export async function recordSpending(
  table: Table,
  PK: string,
  retentionMs: number,
  { day, key, writeId, rows }: Spending,
): Promise<void> {
  checkDay(day);
  if (key !== "") checkId("key", key);
  checkId("write id", writeId);
  for (const row of rows)
    for (const counter of Object.values(COUNTERS))
      checkAmount(counter, row[counter]);
  const total = totals(rows);
  const now = table.now();
  for (let start = 0; start < total.length; start += ROWS_PER_WRITE) {
    const id = digest(`${writeId}#${start}`);
    const shard = id.readUInt8(0) % SHARDS;
    await addRows(
      table.start("record"),
      { PK, SK: `${dayPrefix(day)}#${key}#${shard}` },
      {
        id: id.toString("base64url"),
        ttl: Math.ceil((now + retentionMs) / 1_000),
        bucket: Math.floor(now / BUCKET_MS) % BUCKETS,
        rows: total.slice(start, start + ROWS_PER_WRITE),
      },
    );
  }
}

async function addRows(
  operation: Operation,
  key: { readonly PK: string; readonly SK: string },
  write: {
    readonly id: string;
    readonly ttl: number;
    /** The ids of a minute are a set; three of them take turns, and the oldest is removed. */
    readonly bucket: number;
    readonly rows: readonly SpendingRow[];
  },
): Promise<void> {
  const names: Record<string, string> = {};
  const values: Record<string, Attributes[string]> = {
    ":ttl": write.ttl,
    ":id": write.id,
    ":ids": { SS: [write.id] },
  };
  const sets = ["#ttl = :ttl"];
  const adds = [`#w${write.bucket} :ids`];
  for (const [index, row] of write.rows.entries()) {
    const name = JSON.stringify([row.model, row.prompt]);
    const id = digest(name).toString("base64url");
    sets.push(`#n${index} = :n${index}`);
    names[`#n${index}`] = `n${id}`;
    values[`:n${index}`] = name;
    for (const [letter, counter] of Object.entries(COUNTERS)) {
      adds.push(`#${letter}${index} :${letter}${index}`);
      names[`#${letter}${index}`] = letter + id;
      values[`:${letter}${index}`] = row[counter];
    }
  }
  // Refused means counted before.
  await operation.update(key, {
    update: `SET ${sets.join(", ")} ADD ${adds.join(", ")} REMOVE #w${(write.bucket + 1) % BUCKETS}`,
    condition:
      "NOT contains(#w0, :id) AND NOT contains(#w1, :id) AND NOT contains(#w2, :id)",
    names,
    values,
  });
}

/** One row for each model and prompt: an expression names an attribute once. */
function totals(rows: readonly SpendingRow[]): readonly SpendingRow[] {
  const byName = new Map<string, SpendingRow>();
  for (const row of rows) {
    const name = JSON.stringify([row.model, row.prompt]);
    const before = byName.get(name);
    byName.set(name, before ? sumOf(before, row) : row);
  }
  return [...byName.values()];
}

export function sumOf<Row extends SpendingRow>(
  one: Row,
  other: SpendingRow,
): Row {
  return {
    ...one,
    calls: one.calls + other.calls,
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    costNanoUsd: one.costNanoUsd + other.costNanoUsd,
  };
}
