import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { BudgetReservation, BudgetStore } from "@lambdallm/core/stores";
import {
  ask,
  CENT,
  DOLLAR,
  HOUR_MS,
  newScope,
  noonOf,
  reserve,
} from "./budget-support.ts";
import { clientsOf, times } from "./concurrent.ts";
import { same } from "./same.ts";
import type { Cases, Tools } from "./suite.ts";

const LIMITS = { dailyNanoUsd: DOLLAR, monthlyNanoUsd: DOLLAR };

async function spent(
  store: BudgetStore,
  scope: string,
  at = noonOf(1),
): Promise<readonly [day: number, month: number]> {
  const { dayNanoUsd, monthNanoUsd } = await store.read(scope, at);
  return [dayNanoUsd, monthNanoUsd];
}

export const budgetSettlingCases: Cases<Tools<BudgetStore>> = {
  "settling puts what was spent in the place of what was reserved: less, as much, more or nothing":
    async ({ store }) => {
      for (const actual of [CENT / 2, CENT, 3 * CENT, 0]) {
        const scope = newScope();
        await reserve(store, scope, { amount: 7 });
        const reservation = await reserve(store, scope);
        assert.equal(await store.settle(reservation, actual), true);
        same(await spent(store, scope), [actual + 7, actual + 7]);
        const { reservations, days } = await store.read(scope, noonOf(1));
        assert.equal(reservations.length, 1);
        same(days, { 1: actual + 7 });
      }
    },

  "a day on which nothing was spent in the end is left out": async ({
    store,
  }) => {
    const scope = newScope();
    await store.settle(await reserve(store, scope), 0);
    const { days, monthNanoUsd } = await store.read(scope, noonOf(1));
    same(days, {});
    assert.equal(monthNanoUsd, 0);
  },

  "what settling frees can be reserved again, and what was spent above a limit counts":
    async ({ store }) => {
      const scope = newScope();
      const half = { amount: DOLLAR / 2, limits: LIMITS };
      const reservation = await reserve(store, scope, half);
      await reserve(store, scope, half);
      assert.equal((await ask(store, scope, half)).reserved, false);
      await store.settle(reservation, 0);
      const last = await reserve(store, scope, half);
      await store.settle(last, 2 * DOLLAR);
      same(await spent(store, scope), [2.5 * DOLLAR, 2.5 * DOLLAR]);
      const over = await ask(store, scope, { amount: 1, limits: LIMITS });
      assert.equal(over.reserved, false);
    },

  "only the first settling counts": async ({ store, connect }) => {
    const scope = newScope();
    const clientOf = await clientsOf(connect);
    const reservation = await reserve(store, scope, { amount: 3 * CENT });
    const settled = await Promise.all(
      times(10, async (index) => clientOf(index).settle(reservation, CENT)),
    );
    assert.equal(settled.filter(Boolean).length, 1);
    assert.equal(await store.settle(reservation, DOLLAR), false);
    same(await spent(store, scope), [CENT, CENT]);
    const never = { ...reservation, id: randomUUID() };
    assert.equal(await store.settle(never, DOLLAR), false);
    same(await spent(store, scope), [CENT, CENT]);
  },

  "a reservation is plain data, which another process can settle": async ({
    store,
    connect,
  }) => {
    const scope = newScope();
    const reservation = await reserve(store, scope);
    const sent: BudgetReservation = JSON.parse(JSON.stringify(reservation));
    assert.equal(await (await connect()).settle(sent, 1), true);
    same(await spent(store, scope), [1, 1]);
  },

  "a call over midnight counts on the day and in the month of its reservation":
    async ({ store }) => {
      for (const day of [1, 2]) {
        const scope = newScope();
        const midnight = noonOf(day) - 12 * HOUR_MS;
        const reservation = await reserve(store, scope, { at: midnight - 1 });
        await reserve(store, scope, { at: midnight, amount: 5 });
        assert.equal(await store.settle(reservation, 3 * CENT), true);
        // The first of a month is another month, too.
        const other = day === 1 ? 0 : 1;
        same(await spent(store, scope, midnight - 1), [
          3 * CENT,
          3 * CENT + 5 * other,
        ]);
        same(await spent(store, scope, midnight), [5, 5 + 3 * CENT * other]);
      }
    },

  "reaping gives up those that have expired and no others, and keeps their money counted":
    async ({ store, connect }) => {
      const scope = newScope();
      const at = noonOf(1);
      await reserve(store, scope, { id: "dead", expiresAt: at + 30_000 });
      await reserve(store, scope, { id: "alive", expiresAt: at + 60_500 });
      await reserve(store, newScope(), { expiresAt: at });
      assert.equal(await store.reap(scope, at + 20_000), 0);
      assert.equal(await store.reap(scope, at + 45_000), 1);
      assert.equal(await store.reap(scope, at + 45_000), 0);
      assert.equal(await (await connect()).reap(scope, at + 60_400), 0);
      const { reservations } = await store.read(scope, at);
      same(
        reservations.map(({ id }) => id),
        ["alive"],
      );
      same(await spent(store, scope), [2 * CENT, 2 * CENT]);
      assert.equal(await store.reap(scope, at + HOUR_MS), 1);
      same(await spent(store, scope), [2 * CENT, 2 * CENT]);
    },

  "who reaps at once counts each once": async ({ store, connect }) => {
    const scope = newScope();
    const clientOf = await clientsOf(connect);
    const at = noonOf(1);
    for (const amount of times(5, Number))
      await reserve(store, scope, { amount, expiresAt: at });
    const counts = await Promise.all(
      times(8, async (index) => clientOf(index).reap(scope, at + HOUR_MS)),
    );
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      5,
    );
  },

  "settling after reaping changes nothing": async ({ store }) => {
    const scope = newScope();
    const at = noonOf(1);
    const reservation = await reserve(store, scope, { expiresAt: at });
    assert.equal(await store.reap(scope, at + HOUR_MS), 1);
    for (const actual of [0, DOLLAR])
      assert.equal(await store.settle(reservation, actual), false);
    same(await spent(store, scope), [CENT, CENT]);
  },

  "callers that spend, fail and die at random never pass the limit, and the count is what they spent":
    async ({ store, connect }) => {
      const scope = newScope();
      const clientOf = await clientsOf(connect);
      const at = noonOf(1);
      let counted = 0;
      let refused = 0;
      await Promise.all(
        times(150, async (index) => {
          const client = clientOf(index);
          const amount = CENT * ((index % 3) + 1);
          const outcome = await ask(client, scope, { amount, limits: LIMITS });
          if (!outcome.reserved) refused += 1;
          else if (index % 10 === 0) {
            counted += amount;
            // By a clock that is wrong: those who live are given up, too.
            await client.reap(scope, at + 2 * HOUR_MS);
          } else {
            const actual = index % 4 === 0 ? 0 : amount - (index % 7);
            const settled = await client.settle(outcome.reservation, actual);
            counted += settled ? actual : amount;
          }
          const [used] = await spent(client, scope);
          assert.ok(used <= DOLLAR, "spent and reserved pass the limit");
        }),
      );
      assert.ok(refused > 0);
      same(await spent(store, scope), [counted, counted]);
    },
};
