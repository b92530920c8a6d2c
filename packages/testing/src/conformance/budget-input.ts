import assert from "node:assert/strict";
import type { BudgetStore } from "@lambdallm/core/stores";
import {
  ask,
  CENT,
  newScope,
  noonOf,
  reportOf,
  requestOf,
  reserve,
  row,
  spendingOf,
} from "./budget-support.ts";
import { refuses, same } from "./same.ts";
import { BAD_IDS, GOOD_IDS, prefixed } from "./samples.ts";
import type { Cases, Tools } from "./suite.ts";

const COUNTS = ["calls", "inputTokens", "outputTokens", "costNanoUsd"];
const BAD_DAYS = ["", "today", "2026-1-2", "2026-13-45", "2026-01-02T00:00"];

export const budgetInputCases: Cases<Tools<BudgetStore>> = {
  "scopes, reservations and keys are separate, whatever their ids are": async ({
    store,
    connect,
  }) => {
    const unique = newScope();
    const scopes = GOOD_IDS.map((id) => prefixed(unique, id));
    await Promise.all(
      [...scopes, unique].map(async (scope, index) =>
        reserve(store, scope, { amount: index + 1 }),
      ),
    );
    const other = await connect();
    for (const [index, scope] of scopes.entries()) {
      const { dayNanoUsd } = await other.read(scope, noonOf(1));
      assert.equal(dayNanoUsd, index + 1);
    }
    for (const id of GOOD_IDS) {
      await reserve(store, unique, { id });
      await store.record(unique, spendingOf([row()], { key: id }));
    }
    const { reservations } = await other.read(unique, noonOf(1));
    assert.equal(reservations.length, GOOD_IDS.length + 1);
    for (const reservation of reservations)
      assert.equal(await other.settle(reservation, 0), true);
    const keys = (await reportOf(other, unique)).map(({ key }) => key);
    same(keys.toSorted(), GOOD_IDS.toSorted());
  },

  "every method refuses what is no id": async ({ store }) => {
    const days = { from: "2026-01-01", to: "2026-01-31" };
    for (const [why, bad] of BAD_IDS) {
      // The types forbid what is tried here.
      const id = bad as string;
      const scope = newScope();
      const reservation = await reserve(store, scope);
      await refuses(async () => ask(store, id), `reserve in ${why}`);
      const request = requestOf(scope);
      await refuses(
        async () => store.reserve({ ...request, id }),
        `reserve of ${why}`,
      );
      for (const part of ["scope", "id"])
        await refuses(
          async () => store.settle({ ...reservation, [part]: id }, 0),
          `settle of ${why}`,
        );
      await refuses(async () => store.reap(id, noonOf(1)), `reap of ${why}`);
      await refuses(async () => store.read(id, noonOf(1)), `read of ${why}`);
      await refuses(async () => store.report(id, days), `report of ${why}`);
      const spending = spendingOf([row()]);
      await refuses(async () => store.record(id, spending), `record in ${why}`);
      await refuses(
        async () => store.record(scope, { ...spending, writeId: id }),
        `record of ${why}`,
      );
      if (id !== "")
        await refuses(
          async () => store.record(scope, { ...spending, key: id }),
          `record for ${why}`,
        );
    }
  },

  "amounts that are no whole numbers of at least 0 are refused and change nothing":
    async ({ store }) => {
      const scope = newScope();
      const reservation = await reserve(store, scope);
      for (const bad of [0.5, -1, 2 ** 53, NaN, Infinity, "1", null]) {
        // The types forbid what is tried here.
        const amount = bad as number;
        const request = requestOf(scope);
        await refuses(
          async () => store.reserve({ ...request, amountNanoUsd: amount }),
          `reserve of ${bad}`,
        );
        for (const limit of ["dailyNanoUsd", "monthlyNanoUsd"])
          await refuses(
            async () =>
              store.reserve({ ...request, limits: { [limit]: amount } }),
            `a limit of ${bad}`,
          );
        await refuses(
          async () => store.settle(reservation, amount),
          `settle with ${bad}`,
        );
        for (const count of COUNTS) {
          const spending = spendingOf([row(), row({ [count]: amount })]);
          await refuses(
            async () => store.record(scope, spending),
            `record of ${bad} as ${count}`,
          );
        }
      }
      const read = await store.read(scope, noonOf(1));
      assert.equal(read.monthNanoUsd, CENT);
      assert.equal(read.reservations.length, 1);
      same(await reportOf(store, scope), []);
    },

  "what is no day is refused": async ({ store }) => {
    const scope = newScope();
    const day = "2026-01-02";
    for (const bad of BAD_DAYS) {
      const spending = { ...spendingOf([row()]), day: bad };
      await refuses(
        async () => store.record(scope, spending),
        `record "${bad}"`,
      );
      for (const days of [
        { from: bad, to: day },
        { from: day, to: bad },
      ])
        await refuses(async () => store.report(scope, days), `report "${bad}"`);
    }
  },
};
