import type { BudgetState, SpendingReportRow } from "@lambdallm/core/stores";
import { usdOf } from "./money.ts";
import type { Period } from "./periods.ts";

/** Spending of one kind. */
export interface Spending {
  readonly costUsd: number;
  /** Attempts that were answered, and failed ones that cost something. */
  readonly calls: number;
  /** Cache reads and writes included. */
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What was spent in a period, and on what. The lists begin with the dearest. */
export interface CostReport extends Spending {
  readonly scope: string;
  readonly period: Period;
  /** UTC days, both included, such as `2026-11-22`. */
  readonly from: string;
  readonly to: string;
  /** Set aside for calls that are running. */
  readonly reservedUsd: number;
  /** Left out without a limit. */
  readonly budgetUsd?: number;
  /** What further calls may cost; left out without a limit. */
  readonly leftUsd?: number;
  readonly byModel: readonly (Spending & { readonly model: string })[];
  /** By the prompt's name; "" is calls without one. */
  readonly byPrompt: readonly (Spending & { readonly prompt: string })[];
  /** By the key of the next narrower budget, else by the budget's own; "" is spending without one. */
  readonly byKey: readonly (Spending & { readonly key: string })[];
  /** Part of `costUsd`: spent, and not in the lists, because its Lambda ended before it could say on what. */
  readonly unattributedUsd: number;
}

export interface ReportFacts {
  readonly scope: string;
  readonly period: Period;
  readonly from: string;
  readonly to: string;
  readonly limitNanoUsd: number | undefined;
  readonly state: BudgetState;
  readonly rows: readonly SpendingReportRow[];
  /** Epoch milliseconds. */
  readonly now: number;
}

export function reportOf(facts: ReportFacts): CostReport {
  const { scope, period, from, to, limitNanoUsd, state, rows, now } = facts;
  const ledgerNanoUsd =
    period === "daily" ? state.dayNanoUsd : state.monthNanoUsd;
  let reservedNanoUsd = 0;
  // The money of a caller that died counts as spent.
  for (const { day, amountNanoUsd, expiresAt } of state.reservations)
    if (day >= from && day <= to && expiresAt >= now)
      reservedNanoUsd += amountNanoUsd;
  const sum = sumOf(rows);
  const spentNanoUsd = ledgerNanoUsd - reservedNanoUsd;
  return {
    scope,
    period,
    from,
    to,
    ...spendingOf(sum),
    // Without limits there are the reports only.
    costUsd: usdOf(Math.max(spentNanoUsd, sum.costNanoUsd)),
    reservedUsd: usdOf(reservedNanoUsd),
    ...(limitNanoUsd !== undefined && {
      budgetUsd: usdOf(limitNanoUsd),
      leftUsd: usdOf(Math.max(0, limitNanoUsd - ledgerNanoUsd)),
    }),
    byModel: groups(rows, "model"),
    byPrompt: groups(rows, "prompt"),
    byKey: groups(rows, "key"),
    unattributedUsd: usdOf(Math.max(0, spentNanoUsd - sum.costNanoUsd)),
  };
}

type Sum = Pick<
  SpendingReportRow,
  "calls" | "inputTokens" | "outputTokens" | "costNanoUsd"
>;

function sumOf(rows: readonly Sum[]): Sum {
  const sum = { calls: 0, inputTokens: 0, outputTokens: 0, costNanoUsd: 0 };
  for (const row of rows) {
    sum.calls += row.calls;
    sum.inputTokens += row.inputTokens;
    sum.outputTokens += row.outputTokens;
    sum.costNanoUsd += row.costNanoUsd;
  }
  return sum;
}

function spendingOf({ costNanoUsd, ...counts }: Sum): Spending {
  const { calls, inputTokens, outputTokens } = counts;
  return { costUsd: usdOf(costNanoUsd), calls, inputTokens, outputTokens };
}

function groups<Name extends "model" | "prompt" | "key">(
  rows: readonly SpendingReportRow[],
  name: Name,
) {
  const grouped = new Map<string, SpendingReportRow[]>();
  for (const row of rows) {
    const group = grouped.get(row[name]) ?? [];
    grouped.set(row[name], group);
    group.push(row);
  }
  return Array.from(grouped, ([value, some]) => ({
    // A computed name of a union type loses its type.
    ...({ [name]: value } as Record<Name, string>),
    ...spendingOf(sumOf(some)),
  })).sort((a, b) => b.costUsd - a.costUsd);
}
