import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type {
  BudgetLimits,
  BudgetReservation,
  BudgetStore,
  ReserveOutcome,
  SpendingReportRow,
  SpendingRow,
} from "@lambdallm/core/stores";

export const HOUR_MS = 3_600_000;

export const CENT = 10_000_000;
export const DOLLAR = 100 * CENT;

export const newScope = (): string => `conformance-${randomUUID()}`;

/**
 * Noon on a day of next month: no test meets a real midnight, and nothing is so old that a store drops it.
 *
 * @param day From 1; 0 is the last day of this month.
 */
export function noonOf(day: number): number {
  const today = new Date();
  const [year, month] = [today.getUTCFullYear(), today.getUTCMonth()];
  return Date.UTC(year, month + 1, day, 12);
}

export const dayOf = (at: number): string =>
  new Date(at).toISOString().slice(0, 10);

export interface Asking {
  readonly amount?: number;
  readonly limits?: BudgetLimits;
  readonly at?: number;
  readonly id?: string;
  readonly expiresAt?: number;
}

/** For a cent on the first day of next month, without a limit. */
export function requestOf(scope: string, asking: Asking = {}) {
  const { at = noonOf(1) } = asking;
  return {
    scope,
    id: asking.id ?? randomUUID(),
    amountNanoUsd: asking.amount ?? CENT,
    limits: asking.limits ?? {},
    at,
    expiresAt: asking.expiresAt ?? at + HOUR_MS,
  };
}

export async function ask(
  store: BudgetStore,
  scope: string,
  asking: Asking = {},
): Promise<ReserveOutcome> {
  return store.reserve(requestOf(scope, asking));
}

/** Asks, and gets it. */
export async function reserve(
  store: BudgetStore,
  scope: string,
  asking: Asking = {},
): Promise<BudgetReservation> {
  const outcome = await ask(store, scope, asking);
  assert.ok(outcome.reserved, "the reservation must be admitted");
  return outcome.reservation;
}

export const row = (changes: Partial<SpendingRow> = {}): SpendingRow => ({
  model: "m",
  prompt: "p",
  calls: 1,
  inputTokens: 100,
  outputTokens: 10,
  costNanoUsd: CENT,
  ...changes,
});

export const spendingOf = (
  rows: readonly SpendingRow[],
  { at = noonOf(1), key = "k", writeId = randomUUID() } = {},
) => ({ day: dayOf(at), key, writeId, rows });

const nameOf = ({ day, key, model, prompt }: SpendingReportRow) =>
  JSON.stringify([day, key, model, prompt]);

// A report has no order of its own.
export const sorted = (rows: readonly SpendingReportRow[]) =>
  rows.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));

export async function reportOf(
  store: BudgetStore,
  scope: string,
  from = 1,
  to = 1,
): Promise<readonly SpendingReportRow[]> {
  const days = { from: dayOf(noonOf(from)), to: dayOf(noonOf(to)) };
  return sorted(await store.report(scope, days));
}
