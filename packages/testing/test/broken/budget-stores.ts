import { randomUUID } from "node:crypto";
import { type BudgetStore, MemoryBudgetStore } from "@lambdallm/core/stores";
import {
  anyId,
  brokenStores,
  type Changes,
  pause,
  type Subject,
  subjectOf,
} from "./subject.ts";

type Broken = Changes<BudgetStore>;
type Request = Parameters<BudgetStore["reserve"]>[0];

const HOUR_MS = 3_600_000;
const ROW = {
  model: "m",
  prompt: "",
  calls: 0,
  inputTokens: 0,
  outputTokens: 0,
  costNanoUsd: 0,
};

/** Compares first and adds later, without a condition. */
const naive: Broken = (good) => ({
  reserve: async (request) => {
    const { scope, at, amountNanoUsd, limits } = request;
    const { dayNanoUsd, monthNanoUsd } = await good.read(scope, at);
    await pause();
    const { dailyNanoUsd = Infinity, monthlyNanoUsd = Infinity } = limits;
    const fits =
      dayNanoUsd + amountNanoUsd <= dailyNanoUsd &&
      monthNanoUsd + amountNanoUsd <= monthlyNanoUsd;
    return good.reserve(fits ? { ...request, limits: {} } : request);
  },
});

const reserving =
  (change: (request: Request) => Partial<Request>): Broken =>
  (good) => ({
    reserve: async (request) =>
      good.reserve({ ...request, ...change(request) }),
  });

const spend = async (good: BudgetStore, request: Omit<Request, "limits">) =>
  good.reserve({ ...request, id: randomUUID(), limits: {} });

const reservations: Readonly<Record<string, Broken>> = {
  "compares first and adds later": naive,
  "admits anything while nothing is spent": (good) => ({
    reserve: async (request) => {
      const { monthNanoUsd } = await good.read(request.scope, request.at);
      const limits = monthNanoUsd === 0 ? {} : request.limits;
      return good.reserve({ ...request, limits });
    },
  }),
  "adds again what it has": reserving(() => ({ id: randomUUID() })),
  "limits days only": reserving(({ limits: { dailyNanoUsd } }) => ({
    limits: { dailyNanoUsd },
  })),
  "keeps a little back": reserving(({ limits: { dailyNanoUsd } }) => ({
    limits: { dailyNanoUsd: dailyNanoUsd && dailyNanoUsd - 1 },
  })),
  "has a limit of its own": reserving(({ limits }) => ({
    limits: { dailyNanoUsd: 1e14, ...limits },
  })),
  "has days of its own": reserving(({ at }) => ({ at: at + 5 * HOUR_MS })),
  "does not say what is reserved": (good) => ({
    read: async (scope, at) => ({
      ...(await good.read(scope, at)),
      reservations: [],
    }),
  }),
  "has spent something from the beginning": (good) => ({
    read: async (scope, at) => {
      const read = await good.read(scope, at);
      return { ...read, dayNanoUsd: read.dayNanoUsd || 1 };
    },
  }),
  "lists days on which nothing was spent": (good) => ({
    read: async (scope, at) => {
      const read = await good.read(scope, at);
      return { ...read, days: { 1: 0, ...read.days } };
    },
  }),
};

const settling: Readonly<Record<string, Broken>> = {
  "settles again": (good) => ({
    settle: async (reservation, actualNanoUsd) => {
      const { scope, id, day } = reservation;
      if (await good.settle(reservation, actualNanoUsd)) return true;
      const at = Date.parse(day);
      const amountNanoUsd = actualNanoUsd;
      await spend(good, { scope, id, at, amountNanoUsd, expiresAt: at });
      return true;
    },
  }),
  "settles on the next day": (good) => ({
    settle: async (reservation, actualNanoUsd) => {
      const { scope, id, day } = reservation;
      const settled = await good.settle(reservation, 0);
      const at = Date.parse(day) + 36 * HOUR_MS;
      const amountNanoUsd = actualNanoUsd;
      await spend(good, { scope, id, at, amountNanoUsd, expiresAt: at });
      return settled;
    },
  }),
  "never charges more than was reserved": (good) => ({
    settle: async (reservation, actualNanoUsd) =>
      good.settle(
        reservation,
        Math.min(actualNanoUsd, reservation.amountNanoUsd),
      ),
  }),
  "settles its own objects only": (good) => {
    const own = new WeakSet<object>();
    return {
      reserve: async (request) => {
        const outcome = await good.reserve(request);
        if (outcome.reserved) own.add(outcome.reservation);
        return outcome;
      },
      settle: async (reservation, actualNanoUsd) =>
        own.has(reservation) && good.settle(reservation, actualNanoUsd),
    };
  },
  "reaps nothing": () => ({ reap: async () => 0 }),
  "reaps what has not expired": (good) => ({
    reap: async (scope, at) => good.reap(scope, at + 500),
  }),
  "gives money back when it reaps": (good) => ({
    reap: async (scope, at) => {
      const { reservations } = await good.read(scope, at);
      const expired = reservations.filter(({ expiresAt }) => expiresAt < at);
      for (const each of expired) await good.settle(each, 0);
      return expired.length;
    },
  }),
  "counts what others reap": (good) => ({
    reap: async (scope, at) => {
      const { reservations } = await good.read(scope, at);
      await pause();
      await good.reap(scope, at);
      return reservations.filter(({ expiresAt }) => expiresAt < at).length;
    },
  }),
};

const reports: Readonly<Record<string, Broken>> = {
  "records again": (good) => ({
    record: async (scope, spending) =>
      good.record(scope, { ...spending, writeId: randomUUID() }),
  }),
  "records one at a time": (good) => {
    let isBusy = false;
    return {
      record: async (scope, spending) => {
        if (isBusy) return;
        isBusy = true;
        await pause();
        await good.record(scope, spending).finally(() => {
          isBusy = false;
        });
      },
    };
  },
  "records the first rows": (good) => ({
    record: async (scope, spending) =>
      good.record(scope, { ...spending, rows: spending.rows.slice(0, 25) }),
  }),
  "takes any day": (good) => ({
    record: async (scope, spending) =>
      good.record(scope, { ...spending, day: spending.day || "2026-01-01" }),
  }),
  "reports all days": (good) => ({
    report: async (scope) =>
      good.report(scope, { from: "0000-01-01", to: "9999-12-31" }),
  }),
  "reports no prompts": (good) => ({
    report: async (scope, days) =>
      (await good.report(scope, days)).map((row) => ({ ...row, prompt: "" })),
  }),
  "reports something from the beginning": (good) => ({
    report: async (scope, days) => {
      const rows = await good.report(scope, days);
      return rows.length > 0 ? rows : [{ ...ROW, day: days.from, key: "" }];
    },
  }),
  "loses a model called __proto__": (good) => ({
    report: async (scope, days) =>
      (await good.report(scope, days)).filter(
        ({ model }) => model !== "__proto__",
      ),
  }),
  "spends what it records": (good) => ({
    record: async (scope, spending) => {
      await good.record(scope, spending);
      const at = Date.parse(spending.day);
      const [{ costNanoUsd } = ROW] = spending.rows;
      const amountNanoUsd = costNanoUsd;
      await spend(good, { scope, id: "", at, amountNanoUsd, expiresAt: at });
    },
  }),
};

const input: Readonly<Record<string, Broken>> = {
  "folds the case of ids": (good) => ({
    reserve: async (request) =>
      good.reserve({ ...request, id: String(request.id).toLowerCase() }),
  }),
  "takes any id": (good) => ({
    reap: async (scope, at) => good.reap(anyId(scope), at),
  }),
  "rounds amounts": (good) => ({
    settle: async (reservation, actualNanoUsd) =>
      good.settle(reservation, Math.round(Math.abs(actualNanoUsd)) || 0),
  }),
};

const make = (): BudgetStore => new MemoryBudgetStore();

export const goodBudgetStore = () => subjectOf(make);

export const naiveBudgetStore = () => subjectOf(make, naive);

export const brokenBudgetStores = (): Readonly<
  Record<string, Subject<BudgetStore>>
> => {
  const { "lets nothing expire": _, ...broken } = brokenStores(make);
  const changes = { ...reservations, ...settling, ...reports, ...input };
  return {
    ...broken,
    ...Object.fromEntries(
      Object.entries(changes).map(([name, change]) => [
        name,
        subjectOf(make, change),
      ]),
    ),
  };
};
