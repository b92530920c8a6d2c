import {
  BudgetExceededError,
  type BudgetLimits,
  type BudgetUse,
} from "@lambdallm/core";
import { usdOf } from "./money.ts";

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

/** The first limit that does not cover a further amount. */
export function uncovered(
  limits: BudgetLimits,
  use: BudgetUse,
  amountNanoUsd: number,
): PeriodUse | undefined {
  return periodsOf(limits, use).find(
    ({ usedNanoUsd, limitNanoUsd }) =>
      usedNanoUsd + amountNanoUsd > limitNanoUsd,
  );
}

const RESTARTS: Readonly<Record<Period, string>> = {
  daily: "at midnight UTC; until then lower maxTokens or raise dailyBudgetUsd",
  monthly:
    "with the next month (UTC); until then lower maxTokens or raise monthlyBudgetUsd",
};

export function budgetExceeded(
  scope: string,
  { period, usedNanoUsd, limitNanoUsd }: PeriodUse,
  neededNanoUsd?: number,
): BudgetExceededError {
  const what =
    neededNanoUsd === undefined
      ? "is used up"
      : "does not cover what the call could cost";
  return new BudgetExceededError(
    `The ${period} budget "${scope}" ${what}. It starts again ${RESTARTS[period]}.`,
    {
      scope,
      period,
      limitUsd: usdOf(limitNanoUsd),
      usedUsd: usdOf(usedNanoUsd),
      ...(neededNanoUsd !== undefined && { neededUsd: usdOf(neededNanoUsd) }),
    },
  );
}
