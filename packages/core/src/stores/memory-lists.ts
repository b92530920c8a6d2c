import type { JsonValue } from "../contract/content.ts";
import { checkExpiry } from "./check-expiry.ts";
import { checkId } from "./check-id.ts";
import { checkPage, pageOf } from "./list-page.ts";
import type { ListPage, ListPageRequest, NewListEntry } from "./step-store.ts";
import { MAX_ENTRY_BYTES, storable } from "./storable.ts";
import { compareTexts } from "./text-order.ts";

interface EntryData {
  readonly value: JsonValue;
  readonly expiresAt: number;
}

/** The lists of a MemoryStepStore. */
export class MemoryLists {
  readonly #lists = new Map<string, Map<string, EntryData>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  enlist(list: string, entry: NewListEntry): void {
    const { id, value, expiresAt } = entry;
    const entries = this.#list(list);
    checkId("id of the entry", id);
    checkExpiry(expiresAt);
    const plain = storable(value, {
      name: "value",
      operation: "enlist",
      maxBytes: MAX_ENTRY_BYTES,
    });
    entries.set(id, { value: plain, expiresAt: expiresAt ?? Infinity });
  }

  delist(list: string, id: string): void {
    const entries = this.#list(list);
    checkId("id of the entry", id);
    entries.delete(id);
  }

  entries(list: string, page?: ListPageRequest): ListPage {
    const entries = this.#list(list);
    const { after, limit } = checkPage(page);
    const now = this.#now();
    const found = [...entries]
      .filter(
        ([id, { expiresAt }]) =>
          expiresAt > now &&
          (after === undefined || compareTexts(id, after) > 0),
      )
      .toSorted(([one], [other]) => compareTexts(one, other))
      .slice(0, limit + 1)
      .map(([id, { value }]) => ({ id, value: structuredClone(value) }));
    return pageOf(found, limit);
  }

  #list(list: string): Map<string, EntryData> {
    checkId("name of the list", list);
    const entries = this.#lists.get(list) ?? new Map<string, EntryData>();
    this.#lists.set(list, entries);
    return entries;
  }
}
