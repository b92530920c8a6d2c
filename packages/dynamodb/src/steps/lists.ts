import type { JsonValue } from "@lambdallm/core";
import {
  checkId,
  checkPage,
  type ListEntry,
  type ListPage,
  type ListPageRequest,
  MAX_ENTRY_BYTES,
  type NewListEntry,
  pageOf,
} from "@lambdallm/core/stores";
import { pack } from "../payload/payload.ts";
import { readPayload } from "../payload/payload-table.ts";
import { type Item, StoredItem } from "../table/attributes.ts";
import { expiry, ttlOf } from "../table/expiry.ts";
import type { Table } from "../table/table.ts";

const ENTRY = "L#";
/** Behind the sort keys of all entries. */
const END = "L$";

/** DynamoDB takes no number that is much larger, and ends its pages at 1 MB anyway. */
const MOST_AT_ONCE = 10_000;

export async function enlist(
  table: Table,
  list: string,
  entry: NewListEntry,
): Promise<void> {
  const key = entryKey(table, list, entry.id);
  const times = expiry(entry.expiresAt);
  const { name, value } = await pack(entry.value, {
    name: "value",
    operation: "enlist",
    maxBytes: MAX_ENTRY_BYTES,
    // So there are no chunks.
    inlineBytes: MAX_ENTRY_BYTES,
    chunkPrefix: "",
  });
  await table.start("enlist").put(key, { [name]: value, ...times });
}

/** Whoever may write steps may not delete them: what is left of the entry ended before every clock, and DynamoDB deletes it. */
export async function delist(
  table: Table,
  list: string,
  id: string,
): Promise<void> {
  await table.start("delist").update(entryKey(table, list, id), {
    update: "SET #x = :x, #ttl = :ttl REMOVE #m, #z",
    condition: "attribute_exists(#SK)",
    values: { ":x": 0, ":ttl": ttlOf(table.now()) },
  });
}

export async function entriesOf(
  table: Table,
  list: string,
  page: ListPageRequest | undefined,
): Promise<ListPage> {
  const PK = partitionOf(table, list);
  const { after, limit } = checkPage(page);
  const now = table.now();
  const found: ListEntry[] = [];
  // Grows, because what has ended may stand before what has not.
  let asked = limit + 1;
  for (let last: Item | undefined; ; ) {
    const { items, next } = await table.start("entries").query({
      keys: "#PK = :pk AND #SK BETWEEN :first AND :end",
      values: {
        ":pk": PK,
        // Nothing comes between a text and itself with this character.
        ":first": after === undefined ? ENTRY : `${ENTRY}${after}\0`,
        ":end": END,
      },
      limit: asked,
      after: last,
    });
    const live = items
      .map((item) => new StoredItem(item, "entries"))
      .filter((stored) => !stored.isExpired(now))
      .slice(0, limit + 1 - found.length);
    found.push(
      ...(await Promise.all(live.map((stored) => entryOf(table, PK, stored)))),
    );
    if (next === undefined || found.length > limit) return pageOf(found, limit);
    last = next;
    asked = Math.min(2 * asked, MOST_AT_ONCE);
  }
}

async function entryOf(
  table: Table,
  PK: string,
  stored: StoredItem,
): Promise<ListEntry> {
  const id = stored.text("SK").slice(ENTRY.length);
  // As it was given to enlist.
  const value = (await readPayload(table, PK, stored)) as JsonValue;
  return { id, value };
}

function entryKey(table: Table, list: string, id: string) {
  const PK = partitionOf(table, list);
  checkId("id of the entry", id);
  return { PK, SK: ENTRY + id };
}

function partitionOf(table: Table, list: string): string {
  checkId("name of the list", list);
  return table.partition("R", list);
}
