import assert from "node:assert/strict";
import type { BudgetStore, SpendingReportRow } from "@lambdallm/core/stores";
import {
  CENT,
  DOLLAR,
  dayOf,
  newScope,
  noonOf,
  reportOf,
  reserve,
  row,
  sorted,
  spendingOf,
} from "./budget-support.ts";
import { clientsOf, times } from "./concurrent.ts";
import { same } from "./same.ts";
import { GOOD_IDS } from "./samples.ts";
import type { Cases, Tools } from "./suite.ts";

export const budgetReportCases: Cases<Tools<BudgetStore>> = {
  "a report of nothing is empty": async ({ store }) => {
    same(await reportOf(store, newScope(), 1, 20), []);
  },

  "a report has one row for each day, key, model and prompt, and nothing of other days and scopes":
    async ({ store, connect }) => {
      const scope = newScope();
      const expected: SpendingReportRow[] = [];
      let calls = 0;
      for (const day of [0, 1, 2, 3, 4])
        for (const key of ["", "k", "K", "k/m"]) {
          const rows = [
            row({ calls: ++calls }),
            row({ calls: ++calls, prompt: "" }),
            row({ calls: ++calls, model: "m2" }),
            row({ calls: ++calls, model: "m/p", prompt: "" }),
          ];
          const at = noonOf(day);
          await store.record(scope, spendingOf(rows, { at, key }));
          expected.push(
            ...rows.map((each) => ({ ...each, day: dayOf(at), key })),
          );
        }
      const dayed = (from: number, to: number) =>
        sorted(
          expected.filter(
            ({ day }) => day >= dayOf(noonOf(from)) && day <= dayOf(noonOf(to)),
          ),
        );
      const other = await connect();
      for (const [from, to] of [
        [1, 3],
        [2, 2],
        [0, 4],
        [0, 0],
        [5, 9],
      ] as const)
        same(await reportOf(other, scope, from, to), dayed(from, to));
      same(await reportOf(store, newScope(), 0, 4), []);
    },

  "what is recorded for the same row is added up, also by many at once":
    async ({ store, connect }) => {
      const scope = newScope();
      const clientOf = await clientsOf(connect);
      await Promise.all(
        times(30, async (index) =>
          clientOf(index).record(
            scope,
            spendingOf([row(), row({ prompt: "q", calls: index })]),
          ),
        ),
      );
      const facts = {
        inputTokens: 3_000,
        outputTokens: 300,
        costNanoUsd: 30 * CENT,
      };
      const where = { day: dayOf(noonOf(1)), key: "k" };
      same(await reportOf(store, scope), [
        { ...row({ ...facts, calls: 30 }), ...where },
        { ...row({ ...facts, calls: 435, prompt: "q" }), ...where },
      ]);
    },

  "a repetition with the same write id is not counted twice": async ({
    store,
    connect,
  }) => {
    const scope = newScope();
    const clientOf = await clientsOf(connect);
    const spending = spendingOf([row(), row({ model: "m2" })]);
    await Promise.all(
      times(5, async (index) => clientOf(index).record(scope, spending)),
    );
    await store.record(scope, spendingOf([row({ calls: 0, costNanoUsd: 1 })]));
    await store.record(scope, spending);
    const report = await reportOf(store, scope);
    same(
      report.map(({ calls, costNanoUsd }) => [calls, costNanoUsd]),
      [
        [1, CENT + 1],
        [1, CENT],
      ],
    );
  },

  "a write may have many rows, also two of a kind": async ({ store }) => {
    const scope = newScope();
    const names = times(120, (index) => `m${index}`);
    const rows = names.map((model) => row({ model }));
    const spending = spendingOf([...rows, ...rows]);
    await store.record(scope, spending);
    await store.record(scope, spending);
    const report = await reportOf(store, scope);
    same(
      report.map(({ model, calls }) => [model, calls]),
      names.toSorted().map((name) => [name, 2]),
    );
  },

  "models and prompts may have any names": async ({ store, connect }) => {
    const scope = newScope();
    const names = ["a#b", "##", ...GOOD_IDS];
    for (const name of names) {
      const rows = [row({ model: name }), row({ prompt: name })];
      await store.record(scope, spendingOf(rows));
    }
    const report = await reportOf(await connect(), scope);
    const where = { day: dayOf(noonOf(1)), key: "k" };
    const expected = names.flatMap((name) => [
      { ...row({ model: name }), ...where },
      { ...row({ prompt: name }), ...where },
    ]);
    same(report, sorted(expected));
    assert.equal(Reflect.get({}, "calls"), undefined);
  },

  "a report does not change a budget, nor a budget a report": async ({
    store,
  }) => {
    const scope = newScope();
    await store.settle(await reserve(store, scope), 3);
    await store.record(scope, spendingOf([row({ costNanoUsd: DOLLAR })]));
    assert.equal((await store.read(scope, noonOf(1))).monthNanoUsd, 3);
    assert.equal((await reportOf(store, scope))[0]?.costNanoUsd, DOLLAR);
  },
};
