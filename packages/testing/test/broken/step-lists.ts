import { type JsonValue, StoreError } from "@lambdallm/core";
import type {
  ListEntry,
  ListPageRequest,
  NewListEntry,
  StepStore,
} from "@lambdallm/core/stores";
import {
  anyEnd,
  anyId,
  type Changes,
  fieldsOf,
  merged,
  pause,
  textsOf,
} from "./subject.ts";

type Broken = Changes<StepStore>;

const nameOf = (list: string, id: string) => JSON.stringify([list, id]);

const enlisting =
  (change: (entry: NewListEntry) => Partial<NewListEntry>): Broken =>
  (good) => ({
    enlist: async (list, entry) =>
      good.enlist(list, { ...entry, ...change(entry) }),
  });

const paging =
  (change: (page: ListPageRequest) => Partial<ListPageRequest>): Broken =>
  (good) => ({
    entries: async (list, page = {}) =>
      good.entries(list, { ...page, ...change(page) }),
  });

/** A page that is cut out of the whole list. */
const cutting =
  (
    cut: (
      all: readonly ListEntry[],
      page: { readonly after: string | undefined; readonly limit: number },
    ) => readonly ListEntry[],
  ): Broken =>
  (good) => ({
    entries: async (list, page = {}) => {
      const { entries: asked, next: nextAsked } = await good.entries(
        list,
        page,
      );
      const { entries: all } = await good.entries(list, { limit: 1_000 });
      const { after, limit = 100 } = page;
      const entries = cut(all, { after, limit });
      if (entries.length === 0) return { entries };
      const isSame = entries.at(-1)?.id === asked.at(-1)?.id;
      const last = isSame ? nextAsked : entries.at(-1)?.id;
      return { entries, ...(last !== undefined && { next: last }) };
    },
  });

const isTooLarge = (error: unknown) =>
  StoreError.isInstance(error) && error.reason === "too-large";

export const lists: Readonly<Record<string, Broken>> = {
  "always tells of a next page": (good) => ({
    entries: async (list, page) => {
      const { entries } = await good.entries(list, page);
      return { entries, next: entries.at(-1)?.id ?? "end" };
    },
  }),
  "tells of a next page whenever one is full": (good) => ({
    entries: async (list, page = {}) => {
      const { entries } = await good.entries(list, page);
      const last = entries.at(-1);
      return last && entries.length === (page.limit ?? 100)
        ? { entries, next: last.id }
        : { entries };
    },
  }),
  "begins a page with the id after which it should": cutting(
    (all, { after = "", limit }) =>
      all.filter(({ id }) => id >= after).slice(0, limit),
  ),
  "begins anew after an id that is not there": cutting(
    (all, { after, limit }) => {
      const start = all.findIndex(({ id }) => id === after) + 1;
      return all.slice(start, start + limit);
    },
  ),
  "ends a page at a megabyte, and the list with it": (good) => ({
    entries: async (list, page) => {
      const found = await good.entries(list, page);
      let bytes = 0;
      const entries = found.entries.filter(({ value }) => {
        bytes += JSON.stringify(value).length;
        return bytes <= 1_048_576;
      });
      return { ...found, entries };
    },
  }),
  "counts what was taken out": (good) => {
    const taken = new Map<string, string>();
    return {
      delist: async (list, id) => {
        taken.set(nameOf(list, id), list);
        await good.delist(list, id);
      },
      entries: async (list, page) => {
        const found = await good.entries(list, page);
        const lost = [...taken.values()].filter((from) => from === list);
        return { ...found, entries: found.entries.slice(lost.length) };
      },
    };
  },
  "gives as much as it has": paging(({ limit }) => ({ limit: limit ?? 1_000 })),
  "takes any limit": paging(({ limit }) => ({
    limit: Math.min(Math.max(1, Math.round(limit ?? 100) || 1), 1_000),
  })),
  "orders entries by UTF-16": (good) => ({
    entries: async (list, page) => {
      const found = await good.entries(list, page);
      const entries = found.entries.toSorted((one, other) =>
        one.id < other.id ? -1 : 1,
      );
      return { ...found, entries };
    },
  }),
  "orders steps by UTF-16": (good) => ({
    list: async (runId) =>
      (await good.list(runId)).toSorted((one, other) =>
        one.step < other.step ? -1 : 1,
      ),
  }),
  "keeps the first value of an entry": (good) => {
    const first = new Map<string, JsonValue>();
    return {
      enlist: async (list, entry) => {
        const name = nameOf(list, entry.id);
        const value = first.get(name) ?? entry.value;
        await good.enlist(list, { ...entry, value });
        first.set(name, value);
      },
    };
  },
  "keeps the first end of an entry": (good) => {
    const first = new Map<string, number | undefined>();
    return {
      enlist: async (list, entry) => {
        const name = nameOf(list, entry.id);
        const expiresAt = first.has(name) ? first.get(name) : entry.expiresAt;
        await good.enlist(list, { ...entry, expiresAt });
        first.set(name, expiresAt);
      },
    };
  },
  "takes nothing out": (good) => ({
    delist: async (list, id) => {
      await good.delist(`${list} `, id);
    },
  }),
  "fails when there is nothing to take out": (good) => ({
    delist: async (list, id) => {
      const { entries } = await good.entries(list, { limit: 1_000 });
      if (!entries.some((entry) => entry.id === id))
        throw new StoreError("It is not there.", {
          reason: "not-found",
          operation: "delist",
        });
      await good.delist(list, id);
    },
  }),
  "never puts in again what was taken out": (good) => {
    const taken = new Set<string>();
    return {
      delist: async (list, id) => {
        taken.add(nameOf(list, id));
        await good.delist(list, id);
      },
      enlist: async (list, entry) => {
        if (!taken.has(nameOf(list, entry.id))) await good.enlist(list, entry);
      },
    };
  },
  "writes a list back as it was read": (good) => ({
    enlist: async (list, entry) => {
      const before = await good.entries(list, { limit: 1_000 });
      await pause();
      await good.enlist(list, entry);
      const known = new Set(before.entries.map(({ id }) => id)).add(entry.id);
      const now = await good.entries(list, { limit: 1_000 });
      for (const { id } of now.entries)
        if (!known.has(id)) await good.delist(list, id);
    },
  }),
  "keeps the caller's own value": (good) => {
    const own = new Map<string, JsonValue>();
    return {
      enlist: async (list, entry) => {
        await good.enlist(list, entry);
        own.set(nameOf(list, entry.id), entry.value);
      },
      entries: async (list, page) => {
        const found = await good.entries(list, page);
        const entries = found.entries.map(({ id, value }) => ({
          id,
          value: own.get(nameOf(list, id)) ?? value,
        }));
        return { ...found, entries };
      },
    };
  },
  "merges values by hand": enlisting(({ value }) => ({
    // A copy of JSON, apart from what goes wrong.
    value: merged(value) as JsonValue,
  })),
  "copies the fields of a Date in a value": enlisting(({ value }) => ({
    value: fieldsOf(value) as JsonValue,
  })),
  "writes a value without JSON as a text": enlisting(({ value }) => ({
    value: textsOf(value) as JsonValue,
  })),
  "cuts large values": (good) => ({
    enlist: async (list, entry) => {
      try {
        await good.enlist(list, entry);
      } catch (error) {
        if (!isTooLarge(error)) throw error;
        await good.enlist(list, { ...entry, value: "..." });
      }
    },
  }),
  "takes small values only": (good) => ({
    enlist: async (list, entry) => {
      await good.enlist(list, { ...entry, value: [entry.value] });
      await good.enlist(list, entry);
    },
  }),
  "takes any end of an entry": enlisting(({ expiresAt }) => ({
    expiresAt: anyEnd(expiresAt),
  })),
  "lets no entry expire": enlisting(() => ({ expiresAt: undefined })),
  "takes lists for one whose names differ in case only": (good) => ({
    enlist: async (list, entry) => good.enlist(list.toLowerCase(), entry),
    delist: async (list, id) => good.delist(list.toLowerCase(), id),
    entries: async (list, page) => good.entries(list.toLowerCase(), page),
  }),
  "takes any name of a list": (good) => ({
    enlist: async (list, entry) => good.enlist(anyId(list), entry),
    delist: async (list, id) => good.delist(anyId(list), id),
    entries: async (list, page) => good.entries(anyId(list), page),
  }),
  "takes out any id": (good) => ({
    delist: async (list, id) => good.delist(list, id).catch(() => undefined),
  }),
  "takes any id to begin after": (good) => ({
    entries: async (list, page) =>
      good.entries(list, page).catch(async () => good.entries(list)),
  }),
};
