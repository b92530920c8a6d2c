import {
  check,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import {
  type BudgetLimits,
  checkId,
  type Stores,
  utcDayOf,
} from "@lambdallm/core/stores";
import { type CostForecast, forecastOf } from "./forecast.ts";
import { DAY_MS, monthEnd, monthStart, nanoLimit } from "./money.ts";
import { budgetExceeded, type Period, uncovered } from "./periods.ts";
import { type CostReport, reportOf } from "./report.ts";

export interface CostTrackerOptions {
  /** Keeps the budget, such as `dynamoDBStore()`. */
  readonly store: Pick<Stores, "budgets">;
  /** The budget's name, as in `costTracking`. @default "global", with a `key` "key" */
  readonly name?: string | undefined;
  /** Whose budget it is. @default one budget for all */
  readonly key?: string | undefined;
  /** For a UTC day. @default no limit */
  readonly dailyBudgetUsd?: number | undefined;
  /** For a UTC month. @default no limit */
  readonly monthlyBudgetUsd?: number | undefined;
}

/** Past this, amounts in nano-USD are no exact numbers any more. */
const MAX_BUDGET_USD = 9_000_000;

export const budgetUsd: OptionCheck = (value) =>
  check.atLeastZero(value) === undefined && Number(value) <= MAX_BUDGET_USD
    ? undefined
    : `a number of USD from 0 to ${MAX_BUDGET_USD}`;

export const budgetName = check.matching(
  /^[^#/\p{Surrogate}]{1,100}$/u,
  'a text of at most 100 characters without "#" and "/"',
);

export const storeCheck: OptionCheck = (value) =>
  typeof Object(value).budgets?.reserve === "function"
    ? undefined
    : "a store that keeps budgets, such as dynamoDBStore()";

const checks = {
  store: storeCheck,
  name: budgetName,
  dailyBudgetUsd: budgetUsd,
  monthlyBudgetUsd: budgetUsd,
  // checkId says what is wrong with it.
  key: () => undefined,
};

const reportChecks = {
  period: check.oneOf("daily", "monthly"),
  date: (date: unknown) =>
    date instanceof Date && !Number.isNaN(date.getTime())
      ? undefined
      : "a valid Date",
};

/**
 * One budget: what it has left, where the money went, and where it is going.
 *
 * @example
 * const tracker = new CostTracker({ store: dynamoDBStore({ tableName }), monthlyBudgetUsd: 500 });
 * const { costUsd, byModel } = await tracker.report("monthly");
 */
export class CostTracker {
  readonly store: Stores["budgets"];
  /** The budget in the store: its name, with `/` and the key when it has one. */
  readonly scope: string;
  /** "" without one. */
  readonly key: string;
  readonly limits: BudgetLimits;

  /** @throws {ConfigurationError} naming the option that is wrong; for a key that is empty, too long or contains `#`. */
  constructor(options: CostTrackerOptions) {
    validateOptions("CostTracker", checks, options, ["store"]);
    const { store, key, dailyBudgetUsd, monthlyBudgetUsd } = options;
    if (key !== undefined) checkId("key of the budget", key);
    const { name = key === undefined ? "global" : "key" } = options;
    this.store = store.budgets;
    this.key = key ?? "";
    this.scope = key === undefined ? name : `${name}/${key}`;
    checkId("key of the budget, with the budget's name,", this.scope);
    this.limits = Object.freeze({
      ...(dailyBudgetUsd !== undefined && {
        dailyNanoUsd: nanoLimit(dailyBudgetUsd),
      }),
      ...(monthlyBudgetUsd !== undefined && {
        monthlyNanoUsd: nanoLimit(monthlyBudgetUsd),
      }),
    });
  }

  /** Whether there is a daily or a monthly limit. */
  get isLimited(): boolean {
    return Object.keys(this.limits).length > 0;
  }

  /**
   * Does nothing as long as something is left to spend.
   *
   * @throws {BudgetExceededError} Nothing is left of the day or the month.
   * @throws {StoreError} The store failed.
   */
  async checkBudget(): Promise<void> {
    const now = Date.now();
    const use = await this.store.read(this.scope, now);
    // The smallest amount that there is.
    const short = uncovered(this.limits, use, 1);
    if (short !== undefined) throw budgetExceeded(this.scope, short, now);
  }

  /**
   * What was spent on a UTC day or in a UTC month, and on what.
   *
   * @param date A moment of that day or month. @default now
   * @throws {StoreError} The store failed.
   */
  async report(period: Period, date: Date = new Date()): Promise<CostReport> {
    // An undefined period is none either.
    validateOptions("report", reportChecks, { period: String(period), date });
    const { scope, limits, store } = this;
    const at = date.getTime();
    const isDaily = period === "daily";
    const days = isDaily
      ? { from: utcDayOf(at), to: utcDayOf(at) }
      : { from: utcDayOf(monthStart(at)), to: utcDayOf(monthEnd(at) - DAY_MS) };
    const [state, rows] = await Promise.all([
      store.read(scope, at),
      store.report(scope, days),
    ]);
    const limitNanoUsd = isDaily ? limits.dailyNanoUsd : limits.monthlyNanoUsd;
    const now = Date.now();
    return reportOf({ scope, period, ...days, limitNanoUsd, state, rows, now });
  }

  /**
   * What the month will have cost, judged by the last 14 whole days: nothing is projected from less than 3.
   *
   * @throws {StoreError} The store failed.
   */
  async forecast(): Promise<CostForecast> {
    const { scope, limits, store } = this;
    const now = Date.now();
    const [state, before] = await Promise.all([
      store.read(scope, now),
      store.read(scope, monthStart(now) - DAY_MS),
    ]);
    const { monthlyNanoUsd: limitNanoUsd } = limits;
    return forecastOf({ scope, limitNanoUsd, state, before, now });
  }
}
