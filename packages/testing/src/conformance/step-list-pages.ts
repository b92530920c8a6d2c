import assert from "node:assert/strict";
import type {
  ListEntry,
  ListPageRequest,
  StepStore,
} from "@lambdallm/core/stores";
import { clientsOf, times } from "./concurrent.ts";
import { same } from "./same.ts";
import { incompressible } from "./samples.ts";
import {
  claim,
  entriesOf,
  idsOf,
  newList,
  newStep,
  pagesOf,
} from "./step-support.ts";
import type { Cases, Tools } from "./suite.ts";

/** In the order of their code points, which is not that of their UTF-16. */
const ORDERED_IDS = [
  "",
  " ",
  "!",
  "/",
  "0",
  "00",
  "1",
  "10",
  "2",
  "A",
  "Z",
  "a",
  "a!",
  "a0",
  "aa",
  "b",
  "~",
  "\u00e9",
  "日本",
  "\uff5e",
  "🦜",
].map((end) => `id${end}`);

const LARGE_BYTES = 60_000;
export const stepListPageCases: Cases<Tools<StepStore>> = {
  "a list is in the order of its ids as text, whatever they are": async ({
    store,
    connect,
  }) => {
    const list = newList();
    for (const id of [
      ...ORDERED_IDS.slice(10),
      ...ORDERED_IDS.slice(0, 10).toReversed(),
    ])
      await store.enlist(list, { id, value: id });
    same(
      await entriesOf(await connect(), list),
      ORDERED_IDS.map((id) => ({ id, value: id })),
    );
  },

  "the steps of a run are in the order of their texts, whatever those are":
    async ({ store }) => {
      const { runId } = newStep();
      for (const step of ORDERED_IDS.toReversed())
        await claim(store, { runId, step });
      const listed = await store.list(runId);
      same(
        listed.map(({ step }) => step),
        ORDERED_IDS,
      );
    },

  "page by page of any size nothing is missing or double, and the last one says that it is":
    async ({ store, connect }) => {
      const list = newList();
      const other = await connect();
      for (const id of ORDERED_IDS) await store.enlist(list, { id, value: id });
      const total = ORDERED_IDS.length;
      for (const limit of [1, 2, 7, total - 1, total, total + 1, 1_000]) {
        const pages = await pagesOf(other, list, limit);
        same(
          pages.flat().map(({ id }) => id),
          ORDERED_IDS,
          `pages of ${limit}`,
        );
        for (const page of pages.slice(0, -1)) assert.equal(page.length, limit);
        assert.equal(pages.length, Math.ceil(total / limit));
      }
    },

  "a page has 100 entries unless it is said otherwise": async ({
    store,
    connect,
  }) => {
    const list = newList();
    const clientOf = await clientsOf(connect);
    await Promise.all(
      times(101, async (index) =>
        clientOf(index).enlist(list, { id: `${1_000 + index}`, value: index }),
      ),
    );
    const asked: (ListPageRequest | undefined)[] = [
      undefined,
      {},
      { after: undefined, limit: undefined },
    ];
    for (const page of asked) {
      const { entries, next } = await store.entries(list, page);
      assert.equal(entries.length, 100);
      assert.equal(next, "1099");
    }
    same(await store.entries(list, { after: "1099" }), {
      entries: [{ id: "1100", value: 100 }],
    });
  },

  "a page begins after an id also when that was taken out meanwhile, or was never there":
    async ({ store }) => {
      const list = newList();
      for (const id of ["a", "b", "c", "d"])
        await store.enlist(list, { id, value: id });
      const { next } = await store.entries(list, { limit: 2 });
      assert.equal(next, "b");
      await store.delist(list, "b");
      for (const [after, expected] of [
        ["b", ["c", "d"]],
        ["bb", ["c", "d"]],
        ["A", ["a", "c", "d"]],
        ["c", ["d"]],
        ["d", []],
        ["z", []],
      ] as const)
        same(await idsOf(store, list, { after }), expected, `after ${after}`);
    },

  "a page is full although much was taken out before it": async ({ store }) => {
    const list = newList();
    const ids = times(60, (index) => `${100 + index}`);
    for (const id of ids) await store.enlist(list, { id, value: id });
    for (const id of ids.slice(0, 50)) await store.delist(list, id);
    const { entries, next } = await store.entries(list, { limit: 3 });
    same(
      entries.map(({ id }) => id),
      ["150", "151", "152"],
    );
    assert.equal(next, "152");
  },

  "a page can have megabytes": async ({ store, connect }) => {
    const list = newList();
    const expected: ListEntry[] = [];
    for (const id of times(40, (index) => `${100 + index}`)) {
      const entry = { id, value: incompressible(LARGE_BYTES) };
      await store.enlist(list, entry);
      expected.push(entry);
    }
    const other = await connect();
    same(await other.entries(list), { entries: expected });
    same(await other.entries(list, { limit: 30 }), {
      entries: expected.slice(0, 30),
      next: "129",
    });
  },
};
