import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type {
  BudgetStore,
  SpendingReportRow,
  SpendingRow,
} from "@lambdallm/core";
import {
  ask,
  CENT,
  DOLLAR,
  dayOf,
  newScope,
  noonOf,
  requestOf,
  reserve,
} from "./budget-support.ts";
import { clientsOf, refuses, same, times } from "./same.ts";
import { BAD_IDS, GOOD_IDS, prefixed } from "./samples.ts";
import type { Cases, Tools } from "./suite.ts";

const row = (changes: Partial<SpendingRow> = {}): SpendingRow => ({
  model: "m",
  prompt: "p",
  calls: 1,
  inputTokens: 100,
  outputTokens: 10,
  costNanoUsd: CENT,
  ...changes,
});

const spendingOf = (
  rows: readonly SpendingRow[],
  { at = noonOf(1), key = "k", writeId = randomUUID() } = {},
) => ({ day: dayOf(at), key, writeId, rows });

const nameOf = ({ day, key, model, prompt }: SpendingReportRow) =>
  JSON.stringify([day, key, model, prompt]);

// A report has no order of its own.
const sorted = (rows: readonly SpendingReportRow[]) =>
  rows.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));

async function reportOf(
  store: BudgetStore,
  scope: string,
  from = 1,
  to = 1,
): Promise<readonly SpendingReportRow[]> {
  const days = { from: dayOf(noonOf(from)), to: dayOf(noonOf(to)) };
  return sorted(await store.report(scope, days));
}

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
        const spending = spendingOf([row(), row({ costNanoUsd: amount })]);
        await refuses(
          async () => store.record(scope, spending),
          `record of ${bad}`,
        );
      }
      const read = await store.read(scope, noonOf(1));
      assert.equal(read.monthNanoUsd, CENT);
      assert.equal(read.reservations.length, 1);
      same(await reportOf(store, scope), []);
    },
};
