import assert from "node:assert/strict";
import { type JsonValue, StoreError } from "@lambdallm/core";
import { MAX_ENTRY_BYTES, type StepStore } from "@lambdallm/core/stores";
import { refuses, same } from "./same.ts";
import {
  AS_JSON,
  BAD_EXPIRIES,
  BAD_IDS,
  incompressible,
  LAST_EXPIRY,
  NO_JSON,
  WITH_TO_JSON,
} from "./samples.ts";
import { entriesOf, idsOf, newList } from "./step-support.ts";
import type { Cases, Tools } from "./suite.ts";

const BAD_LIMITS = [0, -1, 0.5, NaN, Infinity, 1_001, "10", null];

export const stepListInputCases: Cases<Tools<StepStore>> = {
  "a value without JSON is refused, and a Date is its JSON": async ({
    store,
  }) => {
    const list = newList();
    for (const [why, value] of [...NO_JSON, ["undefined", undefined] as const])
      await refuses(
        // The types forbid what is tried here.
        async () => store.enlist(list, { id: "a", value: value as JsonValue }),
        `a value with ${why}`,
      );
    same(await store.entries(list), { entries: [] });
    await store.enlist(list, { id: "a", value: WITH_TO_JSON as JsonValue });
    same(await entriesOf(store, list), [{ id: "a", value: AS_JSON }]);
  },

  "a value of 64 KiB as JSON is taken, and one that is larger is refused as too large":
    async ({ store, connect }) => {
      const list = newList();
      // With its quotes.
      const value = incompressible(MAX_ENTRY_BYTES - 2);
      await store.enlist(list, { id: "a", value });
      for (const larger of [
        `${value}0`,
        "x".repeat(MAX_ENTRY_BYTES),
        "é".repeat(MAX_ENTRY_BYTES / 2),
      ])
        await assert.rejects(
          async () => store.enlist(list, { id: "a", value: larger }),
          (error) =>
            StoreError.isInstance(error) && error.reason === "too-large",
        );
      same(await entriesOf(await connect(), list), [{ id: "a", value }]);
    },

  "what is no name of a list, and no id in it, is refused": async ({
    store,
  }) => {
    for (const [why, bad] of BAD_IDS) {
      // The types forbid what is tried here.
      const id = bad as string;
      const list = newList();
      await refuses(
        async () => store.enlist(id, { id: "a", value: 1 }),
        `enlist in ${why}`,
      );
      await refuses(
        async () => store.enlist(list, { id, value: 1 }),
        `enlist of ${why}`,
      );
      await refuses(async () => store.delist(id, "a"), `delist from ${why}`);
      await refuses(async () => store.delist(list, id), `delist of ${why}`);
      await refuses(async () => store.entries(id), `entries of ${why}`);
      if (id !== undefined)
        await refuses(
          async () => store.entries(list, { after: id }),
          `entries after ${why}`,
        );
    }
  },

  "a page of a size that is none is refused": async ({ store }) => {
    const list = newList();
    for (const bad of BAD_LIMITS)
      await refuses(
        // The types forbid what is tried here.
        async () => store.entries(list, { limit: bad as number }),
        `a page of ${bad}`,
      );
  },

  "an entry whose end could not be read again is refused, and every one that is taken is read":
    async ({ store, connect }) => {
      const list = newList();
      for (const expiresAt of BAD_EXPIRIES)
        await refuses(
          async () => store.enlist(list, { id: "a", value: 1, expiresAt }),
          `an entry that ends at ${expiresAt}`,
        );
      await store.enlist(list, { id: "a", value: 1, expiresAt: LAST_EXPIRY });
      same(await idsOf(await connect(), list), ["a"]);
    },
};
