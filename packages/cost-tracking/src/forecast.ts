import { type BudgetState, utcDayOf, utcMonthOf } from "@lambdallm/core/stores";
import { DAY_MS, monthEnd, usdOf } from "./money.ts";

/** What a month will have cost, judged by its last days. */
export interface CostForecast {
  readonly scope: string;
  /** UTC, such as `2026-11`. */
  readonly month: string;
  /** So far, calls that are running included. */
  readonly spentUsd: number;
  /** How many whole days it is judged by: the last 14, less when there was no spending before. */
  readonly basedOnDays: number;
  /** At the end of the month; left out when there are less than 3 whole days to judge by. */
  readonly projectedUsd?: number;
  /**
   * Where the end of the month is to be expected: about 95 % of it, if the days to come vary as those past and do not depend
   * on each other. Left out with `projectedUsd`.
   */
  readonly lowUsd?: number;
  readonly highUsd?: number;
  /** Left out without a monthly limit. */
  readonly budgetUsd?: number;
  /** The UTC day on which `budgetUsd` is reached, if that is before the month ends. */
  readonly runsOutOn?: string;
}

export interface ForecastFacts {
  readonly scope: string;
  readonly limitNanoUsd: number | undefined;
  readonly state: BudgetState;
  /** Of the month before. */
  readonly before: BudgetState;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Two whole weeks, so that every weekday counts as often as it comes. */
const LONGEST_BASE_DAYS = 14;
const SHORTEST_BASE_DAYS = 3;

/** Standard deviations on either side that hold 95 % of a normal distribution. */
const RANGE = 1.96;

/**
 * What is spent, and for the rest of the month the mean of the last whole days. The range is that of a sum of `n` days yet to
 * come whose mean is itself only estimated from the days past.
 */
export function forecastOf(facts: ForecastFacts): CostForecast {
  const { scope, limitNanoUsd, state, now } = facts;
  const today = utcDayOf(now);
  const spent = state.monthNanoUsd;
  const days = wholeDays(facts);
  const result = {
    scope,
    month: utcMonthOf(today),
    spentUsd: usdOf(spent),
    basedOnDays: days.length,
    ...(limitNanoUsd !== undefined && { budgetUsd: usdOf(limitNanoUsd) }),
  };
  const left = Math.max(0, (limitNanoUsd ?? Infinity) - spent);
  if (days.length < SHORTEST_BASE_DAYS)
    return left === 0 ? { ...result, runsOutOn: today } : result;

  const count = days.length;
  const mean = days.reduce((sum, day) => sum + day, 0) / count;
  const variance =
    days.reduce((sum, day) => sum + (day - mean) ** 2, 0) / (count - 1);
  const daysLeft = (monthEnd(now) - now) / DAY_MS;
  const projected = spent + mean * daysLeft;
  const spread =
    RANGE * Math.sqrt(variance * (daysLeft + daysLeft ** 2 / count));
  // The first of the days had spending.
  const daysToLimit = left / mean;
  return {
    ...result,
    projectedUsd: usdOf(projected),
    lowUsd: usdOf(Math.max(spent, projected - spread)),
    highUsd: usdOf(projected + spread),
    ...(daysToLimit < daysLeft && {
      runsOutOn: utcDayOf(now + daysToLimit * DAY_MS),
    }),
  };
}

/** What the last whole days have cost, the first of them being one with spending. */
function wholeDays({ state, before, now }: ForecastFacts): number[] {
  const month = utcMonthOf(utcDayOf(now));
  const amounts: number[] = [];
  for (let ago = LONGEST_BASE_DAYS; ago >= 1; ago--) {
    const day = utcDayOf(now - ago * DAY_MS);
    const { days } = utcMonthOf(day) === month ? state : before;
    const amount = days[Number(day.slice(8))] ?? 0;
    if (amount > 0 || amounts.length > 0) amounts.push(amount);
  }
  return amounts;
}
