import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { BudgetStore } from "@lambdallm/core/stores";
import {
  ask,
  CENT,
  DOLLAR,
  dayOf,
  HOUR_MS,
  newScope,
  noonOf,
  reserve,
} from "./budget-support.ts";
import { clientsOf, times } from "./concurrent.ts";
import { same } from "./same.ts";
import type { Cases, Tools } from "./suite.ts";

const DAILY = { dailyNanoUsd: DOLLAR };

export const budgetLimitCases: Cases<Tools<BudgetStore>> = {
  "a scope that nobody has spent in has spent nothing": async ({ store }) => {
    same(await store.read(newScope(), noonOf(1)), {
      dayNanoUsd: 0,
      monthNanoUsd: 0,
      days: {},
      reservations: [],
    });
  },

  "a reservation counts for every client as soon as it is acknowledged":
    async ({ store, connect }) => {
      const scope = newScope();
      const at = noonOf(3);
      const expiresAt = at + HOUR_MS;
      await reserve(store, scope, { at: noonOf(1), amount: 1 });
      const outcome = await ask(store, scope, { id: "call", at, expiresAt });
      const reservation = {
        scope,
        id: "call",
        day: dayOf(at),
        amountNanoUsd: CENT,
      };
      const use = { dayNanoUsd: CENT, monthNanoUsd: CENT + 1 };
      same(outcome, { reserved: true, reservation, use });
      const read = await (await connect()).read(scope, at);
      const { reservations, ...state } = read;
      same(state, { ...use, days: { 1: 1, 3: CENT } });
      assert.equal(reservations.length, 2);
      same(
        reservations.find(({ id }) => id === "call"),
        { ...reservation, expiresAt },
      );
    },

  "200 callers at once of a cent each pass a limit of a dollar exactly 100 times":
    async ({ store, connect }) => {
      const scope = newScope();
      const clientOf = await clientsOf(connect);
      const outcomes = await Promise.all(
        times(200, async (index) =>
          ask(clientOf(index), scope, { limits: DAILY }),
        ),
      );
      const admitted = outcomes.filter(({ reserved }) => reserved);
      assert.equal(admitted.length, 100);
      for (const outcome of outcomes) {
        if (!outcome.reserved) assert.equal(outcome.exceeded, "daily");
        assert.ok(outcome.use.dayNanoUsd <= DOLLAR);
      }
      const { reservations, ...state } = await store.read(scope, noonOf(1));
      same(state, {
        dayNanoUsd: DOLLAR,
        monthNanoUsd: DOLLAR,
        days: { 1: DOLLAR },
      });
      assert.equal(reservations.length, 100);
    },

  "the limits of the day and the month hold at once, over several days":
    async ({ store, connect }) => {
      const scope = newScope();
      const clientOf = await clientsOf(connect);
      const limits = { dailyNanoUsd: 20 * CENT, monthlyNanoUsd: 50 * CENT };
      const admitted: number[] = [];
      const refusals: string[] = [];
      for (const day of [1, 2, 3, 4]) {
        const outcomes = await Promise.all(
          times(40, async (index) =>
            ask(clientOf(index), scope, { limits, at: noonOf(day) }),
          ),
        );
        admitted.push(outcomes.filter(({ reserved }) => reserved).length);
        const refused = outcomes.flatMap((outcome) =>
          outcome.reserved ? [] : [outcome.exceeded],
        );
        refusals.push([...new Set(refused)].join());
      }
      same(admitted, [20, 20, 10, 0]);
      same(refusals, ["daily", "daily", "monthly", "monthly"]);
      const { dayNanoUsd, monthNanoUsd, days } = await store.read(
        scope,
        noonOf(3),
      );
      same([dayNanoUsd, monthNanoUsd], [10 * CENT, 50 * CENT]);
      same(days, { 1: 20 * CENT, 2: 20 * CENT, 3: 10 * CENT });
    },

  "a day begins at midnight UTC, and a month on its first day": async ({
    store,
  }) => {
    const scope = newScope();
    const midnight = noonOf(1) - 12 * HOUR_MS;
    const limits = { dailyNanoUsd: CENT, monthlyNanoUsd: CENT };
    await reserve(store, scope, { at: midnight - 1, limits });
    const late = await ask(store, scope, { at: midnight - 1, limits });
    assert.equal(late.reserved, false);
    await reserve(store, scope, { at: midnight, limits });
    for (const at of [midnight - 1, midnight]) {
      const read = await store.read(scope, at);
      same([read.dayNanoUsd, read.monthNanoUsd], [CENT, CENT]);
      same(
        read.reservations.map(({ day }) => day),
        [dayOf(at)],
      );
    }
  },

  "an amount above a limit is refused although nothing was spent": async ({
    store,
  }) => {
    for (const [limits, exceeded] of [
      [{ dailyNanoUsd: CENT - 1 }, "daily"],
      [{ monthlyNanoUsd: CENT - 1 }, "monthly"],
      [{ dailyNanoUsd: 0, monthlyNanoUsd: DOLLAR }, "daily"],
      [{ dailyNanoUsd: DOLLAR, monthlyNanoUsd: 0 }, "monthly"],
    ] as const) {
      const scope = newScope();
      const use = { dayNanoUsd: 0, monthNanoUsd: 0 };
      same(await ask(store, scope, { limits }), {
        reserved: false,
        exceeded,
        use,
      });
      same(await store.read(scope, noonOf(1)), {
        ...use,
        days: {},
        reservations: [],
      });
    }
  },

  "a limit can be used up to its last nano-dollar": async ({ store }) => {
    const scope = newScope();
    await reserve(store, scope, { amount: DOLLAR - 1, limits: DAILY });
    const more = await ask(store, scope, { amount: 2, limits: DAILY });
    assert.equal(more.reserved, false);
    assert.equal(more.use.dayNanoUsd, DOLLAR - 1);
    await reserve(store, scope, { amount: 1, limits: DAILY });
    await reserve(store, scope, { amount: 0, limits: DAILY });
    const over = await ask(store, scope, { amount: 1, limits: DAILY });
    assert.equal(over.reserved, false);
  },

  "a missing limit does not limit, and each call brings its own": async ({
    store,
  }) => {
    const scope = newScope();
    const large = { amount: 1_000_000 * DOLLAR };
    await reserve(store, scope, large);
    await reserve(store, scope, {
      ...large,
      limits: { dailyNanoUsd: undefined, monthlyNanoUsd: undefined },
    });
    const outcome = await ask(store, scope, { limits: DAILY });
    assert.equal(outcome.reserved, false);
    await reserve(store, scope, { at: noonOf(2), limits: DAILY });
  },

  "a reservation of the same id counts once, also when the limit is reached meanwhile":
    async ({ store, connect }) => {
      const scope = newScope();
      const asking = { id: randomUUID(), limits: { dailyNanoUsd: CENT } };
      const clientOf = await clientsOf(connect);
      const reservations = await Promise.all(
        times(10, async (index) => reserve(clientOf(index), scope, asking)),
      );
      reservations.push(await reserve(store, scope, asking));
      const later = { ...asking, expiresAt: noonOf(1) + 2 * HOUR_MS };
      reservations.push(await reserve(store, scope, later));
      for (const reservation of reservations)
        same(reservation, reservations[0]);
      const read = await store.read(scope, noonOf(1));
      assert.equal(read.dayNanoUsd, CENT);
      assert.equal(read.reservations.length, 1);
    },
};
