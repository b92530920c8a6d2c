import { RecentMap } from "@lambdallm/core/feature";
import {
  type BudgetLimits,
  type BudgetUse,
  utcMonthOf,
} from "@lambdallm/core/stores";
import { type Period, type PeriodUse, periodsOf } from "./periods.ts";

/** How long a refusal is remembered: others may give back what they did not use. */
const REFUSAL_MS = 5_000;
const REAP_EVERY_MS = 600_000;
const MAX_SCOPES = 1_000;

interface Refusal {
  readonly day: string;
  readonly until: number;
  readonly short: PeriodUse;
}

/** What this process knows of a budget. The store is what counts; this spares asking it, and telling things twice. */
export class ScopeMemory {
  #use: (BudgetUse & { readonly day: string }) | undefined;
  #refusal: Refusal | undefined;
  #reapedAt = Number.NEGATIVE_INFINITY;
  readonly #alerts = new Map<string, string>();

  saw(day: string, use: BudgetUse): void {
    this.#use = { ...use, day };
  }

  /** A reservation was settled with this much less. */
  gaveBack(day: string, nanoUsd: number): void {
    if (nanoUsd > 0) this.#refusal = undefined;
    const use = this.#use;
    if (use === undefined || utcMonthOf(use.day) !== utcMonthOf(day)) return;
    this.#use = {
      day: use.day,
      dayNanoUsd: use.dayNanoUsd - (use.day === day ? nanoUsd : 0),
      monthNanoUsd: use.monthNanoUsd - nanoUsd,
    };
  }

  /** The least share of a limit that is left; undefined when nothing is known of this day. */
  shareLeft(day: string, limits: BudgetLimits): number | undefined {
    const use = this.#use;
    if (use?.day !== day) return undefined;
    const shares = periodsOf(limits, use).map(
      ({ usedNanoUsd, limitNanoUsd }) =>
        limitNanoUsd === 0 ? 0 : Math.max(0, 1 - usedNanoUsd / limitNanoUsd),
    );
    return Math.min(...shares);
  }

  refused(day: string, at: number, short: PeriodUse): void {
    this.#refusal = { day, until: at + REFUSAL_MS, short };
  }

  /** The limit that has refused a call lately, when it is still the same and would refuse this amount, too. */
  refusal(
    { dailyNanoUsd, monthlyNanoUsd }: BudgetLimits,
    day: string,
    at: number,
    nanoUsd: number,
  ): PeriodUse | undefined {
    const refusal = this.#refusal;
    if (refusal?.day !== day || at >= refusal.until) return undefined;
    const { period, usedNanoUsd, limitNanoUsd } = refusal.short;
    const limit = period === "daily" ? dailyNanoUsd : monthlyNanoUsd;
    return limit === limitNanoUsd && usedNanoUsd + nanoUsd > limitNanoUsd
      ? refusal.short
      : undefined;
  }

  /** True the first time, for each day or month. */
  isNews(period: Period, share: number, day: string): boolean {
    const name = `${period} ${share}`;
    const when = period === "daily" ? day : utcMonthOf(day);
    const isNews = this.#alerts.get(name) !== when;
    this.#alerts.set(name, when);
    return isNews;
  }

  /** Whether it is time to clean up after callers that died; says so once. */
  isReapDue(at: number): boolean {
    const isDue = at - this.#reapedAt >= REAP_EVERY_MS;
    if (isDue) this.#reapedAt = at;
    return isDue;
  }
}

/** The memories of the scopes that were used last. */
export class ScopeMemories {
  readonly #memories = new RecentMap<string, ScopeMemory>(MAX_SCOPES);

  of(scope: string): ScopeMemory {
    const memory = this.#memories.get(scope) ?? new ScopeMemory();
    this.#memories.set(scope, memory);
    return memory;
  }
}
