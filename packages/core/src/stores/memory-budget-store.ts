import type {
  BudgetLimits,
  BudgetReservation,
  BudgetState,
  BudgetStore,
  BudgetUse,
  ReserveOutcome,
  SpendingReportRow,
  SpendingRow,
} from "./budget-store.ts";
import { checkAmount } from "./check-amount.ts";
import { checkId } from "./check-id.ts";
import { checkDay, utcDayOf, utcMonthOf } from "./utc-day.ts";

interface ScopeData {
  /** By day, in nano-USD, reservations included. */
  readonly spent: Map<string, number>;
  readonly reservations: Map<string, BudgetState["reservations"][number]>;
  /** The ids of the writes to the report. */
  readonly recorded: Set<string>;
  readonly rows: Map<string, SpendingReportRow>;
}

const COUNTERS = [
  "calls",
  "inputTokens",
  "outputTokens",
  "costNanoUsd",
] as const;

/**
 * Budgets in the memory of this process, for tests and development: they live as long as the process does, and other
 * processes spend without them.
 */
export class MemoryBudgetStore implements BudgetStore {
  readonly #scopes = new Map<string, ScopeData>();

  async reserve(request: {
    readonly scope: string;
    readonly id: string;
    readonly amountNanoUsd: number;
    readonly limits: BudgetLimits;
    readonly at: number;
    readonly expiresAt: number;
  }): Promise<ReserveOutcome> {
    const { scope, id, amountNanoUsd, limits, at, expiresAt } = request;
    const { dailyNanoUsd, monthlyNanoUsd } = limits;
    const data = this.#scope(scope);
    checkId("reservation id", id);
    checkAmount("amount in nano-USD", amountNanoUsd);
    checkAmount("end of the reservation", expiresAt);
    if (dailyNanoUsd !== undefined)
      checkAmount("daily limit in nano-USD", dailyNanoUsd);
    if (monthlyNanoUsd !== undefined)
      checkAmount("monthly limit in nano-USD", monthlyNanoUsd);
    const day = utcDayOf(at);
    const existing = data.reservations.get(id);
    if (existing) {
      const { expiresAt: _, ...reservation } = existing;
      return { reserved: true, reservation, use: useOf(data, existing.day) };
    }
    const use = useOf(data, day);
    const refused = (exceeded: "daily" | "monthly"): ReserveOutcome => ({
      reserved: false,
      exceeded,
      use,
    });
    if (use.dayNanoUsd + amountNanoUsd > (dailyNanoUsd ?? Infinity))
      return refused("daily");
    if (use.monthNanoUsd + amountNanoUsd > (monthlyNanoUsd ?? Infinity))
      return refused("monthly");
    const reservation = { scope, id, day, amountNanoUsd };
    data.reservations.set(id, { ...reservation, expiresAt });
    add(data, day, amountNanoUsd);
    return { reserved: true, reservation, use: useOf(data, day) };
  }

  async settle(
    reservation: BudgetReservation,
    actualNanoUsd: number,
  ): Promise<boolean> {
    const data = this.#scope(reservation.scope);
    checkId("reservation id", reservation.id);
    checkAmount("actual amount in nano-USD", actualNanoUsd);
    const existing = data.reservations.get(reservation.id);
    if (existing?.day !== reservation.day) return false;
    data.reservations.delete(existing.id);
    add(data, existing.day, actualNanoUsd - existing.amountNanoUsd);
    return true;
  }

  async reap(scope: string, at: number): Promise<number> {
    const { reservations } = this.#scope(scope);
    const expired = [...reservations.values()].filter(
      ({ expiresAt }) => expiresAt < at,
    );
    for (const { id } of expired) reservations.delete(id);
    return expired.length;
  }

  async read(scope: string, at: number): Promise<BudgetState> {
    const data = this.#scope(scope);
    const month = utcMonthOf(utcDayOf(at));
    const days = [...data.spent].filter(
      ([day, amount]) => utcMonthOf(day) === month && amount > 0,
    );
    return {
      ...useOf(data, utcDayOf(at)),
      days: Object.fromEntries(
        days.map(([day, amount]) => [Number(day.slice(8)), amount]),
      ),
      reservations: [...data.reservations.values()]
        .filter(({ day }) => utcMonthOf(day) === month)
        .map((reservation) => ({ ...reservation })),
    };
  }

  async record(
    scope: string,
    spending: {
      readonly day: string;
      readonly key: string;
      readonly writeId: string;
      readonly rows: readonly SpendingRow[];
    },
  ): Promise<void> {
    const { recorded, rows } = this.#scope(scope);
    const { day, key, writeId } = spending;
    checkDay(day);
    if (key !== "") checkId("key", key);
    checkId("write id", writeId);
    for (const row of spending.rows)
      for (const counter of COUNTERS) checkAmount(counter, row[counter]);
    if (recorded.has(writeId)) return;
    recorded.add(writeId);
    for (const row of spending.rows) {
      const name = JSON.stringify([day, key, row.model, row.prompt]);
      const before = rows.get(name);
      rows.set(name, {
        day,
        key,
        model: row.model,
        prompt: row.prompt,
        calls: row.calls + (before?.calls ?? 0),
        inputTokens: row.inputTokens + (before?.inputTokens ?? 0),
        outputTokens: row.outputTokens + (before?.outputTokens ?? 0),
        costNanoUsd: row.costNanoUsd + (before?.costNanoUsd ?? 0),
      });
    }
  }

  async report(
    scope: string,
    days: { readonly from: string; readonly to: string },
  ): Promise<readonly SpendingReportRow[]> {
    checkDay(days.from);
    checkDay(days.to);
    return [...this.#scope(scope).rows.values()]
      .filter(({ day }) => day >= days.from && day <= days.to)
      .map((row) => ({ ...row }));
  }

  #scope(scope: string): ScopeData {
    checkId("scope", scope);
    const existing = this.#scopes.get(scope);
    if (existing) return existing;
    const created = {
      spent: new Map(),
      reservations: new Map(),
      recorded: new Set<string>(),
      rows: new Map(),
    };
    this.#scopes.set(scope, created);
    return created;
  }
}

function useOf({ spent }: ScopeData, today: string): BudgetUse {
  let monthNanoUsd = 0;
  for (const [day, amount] of spent)
    if (utcMonthOf(day) === utcMonthOf(today)) monthNanoUsd += amount;
  return { dayNanoUsd: spent.get(today) ?? 0, monthNanoUsd };
}

function add({ spent }: ScopeData, day: string, amountNanoUsd: number): void {
  spent.set(day, (spent.get(day) ?? 0) + amountNanoUsd);
}
