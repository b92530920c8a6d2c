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
  daily: "It starts again at midnight UTC",
  monthly: "It starts again with the next month (UTC)",
};

const OPTIONS: Readonly<Record<Period, string>> = {
  daily: "dailyBudgetUsd",
  monthly: "monthlyBudgetUsd",
};

/** @param neededNanoUsd What the refused call could cost at most; left out when no call was being made. */
export function budgetExceeded(
  scope: string,
  { period, usedNanoUsd, limitNanoUsd }: PeriodUse,
  neededNanoUsd?: number,
): BudgetExceededError {
  const cure = `set a lower maxTokens, or raise ${OPTIONS[period]}`;
  const what =
    neededNanoUsd === undefined
      ? `is used up. ${RESTARTS[period]}.`
      : neededNanoUsd > limitNanoUsd
        ? `is less than what the call could cost: ${cure}.`
        : `does not cover what the call could cost. ${RESTARTS[period]}; until then ${cure}.`;
  return new BudgetExceededError(`The ${period} budget "${scope}" ${what}`, {
    scope,
    period,
    limitUsd: usdOf(limitNanoUsd),
    usedUsd: usdOf(usedNanoUsd),
    ...(neededNanoUsd !== undefined && { neededUsd: usdOf(neededNanoUsd) }),
  });
}
