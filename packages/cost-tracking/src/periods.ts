import { BudgetExceededError } from "@lambdallm/core";
import {
  type BudgetLimits,
  type BudgetUse,
  utcDayOf,
} from "@lambdallm/core/stores";
import { DAY_MS, dayStart, monthEnd, usdOf } from "./money.ts";

export type Period = "daily" | "monthly";

/** A limit, and what is used of it. */
export interface PeriodUse {
  readonly period: Period;
  readonly usedNanoUsd: number;
  readonly limitNanoUsd: number;
}

/** The limits that there are. */
export function periodsOf(
  { dailyNanoUsd, monthlyNanoUsd }: BudgetLimits,
  { dayNanoUsd, monthNanoUsd }: BudgetUse,
): PeriodUse[] {
  const all = [
    ["daily", dayNanoUsd, dailyNanoUsd],
    ["monthly", monthNanoUsd, monthlyNanoUsd],
  ] as const;
  return all.flatMap(([period, usedNanoUsd, limitNanoUsd]) =>
    limitNanoUsd === undefined ? [] : { period, usedNanoUsd, limitNanoUsd },
  );
}

/** A limit that counts as 0 where there is none. */
export function periodUse(
  period: Period,
  { dailyNanoUsd = 0, monthlyNanoUsd = 0 }: BudgetLimits,
  { dayNanoUsd, monthNanoUsd }: BudgetUse,
): PeriodUse {
  return period === "daily"
    ? { period, usedNanoUsd: dayNanoUsd, limitNanoUsd: dailyNanoUsd }
    : { period, usedNanoUsd: monthNanoUsd, limitNanoUsd: monthlyNanoUsd };
}

/** A limit that does not cover a further amount; of both the monthly one, because it is the one to wait for. */
export function uncovered(
  limits: BudgetLimits,
  use: BudgetUse,
  amountNanoUsd: number,
): PeriodUse | undefined {
  return periodsOf(limits, use).findLast(
    ({ usedNanoUsd, limitNanoUsd }) =>
      usedNanoUsd + amountNanoUsd > limitNanoUsd,
  );
}

const NAMES: Readonly<Record<Period, string>> = {
  daily: "day",
  monthly: "month",
};

/**
 * The message may reach whoever has sent the request: whose budget it is and how large are fields.
 *
 * @param at Epoch milliseconds.
 * @param neededNanoUsd What the refused call could cost at most; left out when no call was being made.
 */
export function budgetExceeded(
  scope: string,
  { period, usedNanoUsd, limitNanoUsd }: PeriodUse,
  at: number,
  neededNanoUsd?: number,
): BudgetExceededError {
  const failure = {
    scope,
    period,
    limitUsd: usdOf(limitNanoUsd),
    usedUsd: usdOf(usedNanoUsd),
    ...(neededNanoUsd !== undefined && { neededUsd: usdOf(neededNanoUsd) }),
  };
  const budget = `budget of the ${NAMES[period]}`;
  if (neededNanoUsd !== undefined && neededNanoUsd > limitNanoUsd)
    return new BudgetExceededError(
      `This call could cost more than the whole ${budget}, and was not sent.`,
      failure,
    );
  const what =
    neededNanoUsd === undefined
      ? `The ${budget} is used up.`
      : `What is left of the ${budget} does not cover this call, which was not sent.`;
  const next = period === "daily" ? dayStart(at) + DAY_MS : monthEnd(at);
  const when = utcDayOf(next);
  return new BudgetExceededError(
    `${what} The next one begins on ${when} at 00:00 UTC.`,
    { ...failure, retryAfterMs: next - at },
  );
}
