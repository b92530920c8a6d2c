import assert from "node:assert/strict";
import type { ListEntry, StepStore } from "@lambdallm/core/stores";
import { clientsOf, times } from "./concurrent.ts";
import { same } from "./same.ts";
import { GOOD_IDS, JSON_SAMPLES, prefixed } from "./samples.ts";
import { claim, entriesOf, idsOf, newList } from "./step-support.ts";
import type { Cases, Tools } from "./suite.ts";

export const stepListCases: Cases<Tools<StepStore>> = {
  "a list that nobody has written to is empty": async ({ store }) => {
    same(await store.entries(newList()), { entries: [] });
  },

  "what is enlisted is in the list for every client, as any JSON that it was":
    async ({ store, connect }) => {
      const list = newList();
      const values = Object.entries({
        ...JSON_SAMPLES,
        size: "0123456789abcdef".repeat(4_000),
        null: null,
        "no text": "",
      });
      const expected: ListEntry[] = [];
      for (const [id, value] of values.toSorted()) {
        await store.enlist(list, { id, value });
        expected.push({ id, value });
      }
      same(await entriesOf(await connect(), list), expected);
      assert.equal(Reflect.get({}, "polluted"), undefined);
    },

  "an entry with the id of another one takes its place": async ({
    store,
    connect,
  }) => {
    const list = newList();
    await store.enlist(list, { id: "a", value: { first: true } });
    await store.enlist(list, { id: "b", value: 1 });
    const again = { id: "a", value: { second: true } };
    await (await connect()).enlist(list, again);
    await store.enlist(list, again);
    same(await entriesOf(store, list), [again, { id: "b", value: 1 }]);
  },

  "what is taken out is gone, also a second time, and can be put in again":
    async ({ store, connect }) => {
      const list = newList();
      const other = await connect();
      for (const id of ["a", "b", "c"])
        await store.enlist(list, { id, value: id });
      await other.delist(list, "b");
      same(await idsOf(store, list), ["a", "c"]);
      await store.delist(list, "b");
      await store.delist(list, "never there");
      await store.delist(newList(), "a");
      same(await idsOf(store, list), ["a", "c"]);
      await other.enlist(list, { id: "b", value: "again" });
      const entries = await entriesOf(store, list);
      same(entries[1], { id: "b", value: "again" });
      for (const { id } of entries) await store.delist(list, id);
      same(await other.entries(list), { entries: [] });
    },

  "many who put in and take out at once get in nobody's way": async ({
    store,
    connect,
  }) => {
    const list = newList();
    const clientOf = await clientsOf(connect);
    const ids = times(40, (index) => `${100 + index}`);
    await Promise.all(
      ids.map(async (id, index) => {
        await clientOf(index).enlist(list, { id, value: index });
        if (index % 2 === 0) await clientOf(index + 1).delist(list, id);
      }),
    );
    same(
      await idsOf(store, list),
      ids.filter((_, index) => index % 2 === 1),
    );
  },

  "lists and runs are separate, whatever their names are": async ({
    store,
    connect,
  }) => {
    const unique = newList();
    const places = [
      [`${unique}:a`, "b"],
      [unique, "a:b"],
      ...GOOD_IDS.map((id) => [prefixed(unique, id), "entry"] as const),
      ...GOOD_IDS.map((id) => [`${unique}-`, id] as const),
    ] as const;
    for (const [index, [list, id]] of places.entries()) {
      await claim(store, { runId: list, step: id });
      await store.enlist(list, { id, value: index });
    }
    const other = await connect();
    for (const [index, [list, id]] of places.entries()) {
      const found = (await entriesOf(other, list)).find(
        (entry) => entry.id === id,
      );
      same(found, { id, value: index });
      const record = await other.find({ runId: list, step: id });
      assert.equal(record?.status, "running");
      const steps = await other.list(list);
      assert.equal(steps.length, (await idsOf(other, list)).length);
    }
    for (const [list, id] of places) await other.delist(list, id);
    for (const [list, step] of places) {
      same(await idsOf(store, list), []);
      assert.ok(await store.find({ runId: list, step }));
    }
  },

  "what a caller does with a value afterwards does not change the stored one":
    async ({ store }) => {
      const list = newList();
      const value = { list: [1] };
      await store.enlist(list, { id: "a", value });
      value.list.push(2);
      const expected = [{ id: "a", value: { list: [1] } }];
      const [read] = await entriesOf(store, list);
      same([read], expected);
      Reflect.set(Object(read?.value), "list", "changed");
      same(await entriesOf(store, list), expected);
    },
};
