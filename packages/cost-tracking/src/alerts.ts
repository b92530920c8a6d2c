import type { Invocation } from "@lambdallm/core/feature";
import type { BudgetAlert } from "./events.ts";
import type { Hold, Refused } from "./ledger.ts";
import { usdOf } from "./money.ts";
import { type PeriodUse, periodsOf } from "./periods.ts";
import type { ScopeMemories } from "./scope-memory.ts";

const SHARES: readonly BudgetAlert["share"][] = [0.8, 1];

/** Tells the observers when a share of a budget is used up. */
export class Alerts {
  readonly #invocation: Invocation;
  readonly #memories: ScopeMemories;

  constructor(invocation: Invocation, memories: ScopeMemories) {
    this.#invocation = invocation;
    this.#memories = memories;
  }

  /** A reservation has passed a share: only the one that did tells it. */
  passed({ tracker, reservation, use }: Hold): void {
    if (use === undefined) return;
    const { scope, limits } = tracker;
    const { amountNanoUsd, day } = reservation;
    for (const period of periodsOf(limits, use))
      for (const share of SHARES) {
        const mark = share * period.limitNanoUsd;
        const before = period.usedNanoUsd - amountNanoUsd;
        if (before < mark && period.usedNanoUsd >= mark)
          this.#alert(scope, period, share, day);
      }
  }

  /** A call was refused, though not for being dearer than the whole budget. */
  refused({ tracker, short }: Refused, nanoUsd: number, day: string): void {
    if (nanoUsd <= short.limitNanoUsd)
      this.#alert(tracker.scope, short, 1, day);
  }

  #alert(
    scope: string,
    { period, usedNanoUsd, limitNanoUsd }: PeriodUse,
    share: BudgetAlert["share"],
    day: string,
  ): void {
    if (!this.#memories.of(scope).isNews(period, share, day)) return;
    this.#invocation.events.emit("budget-alert", {
      scope,
      period,
      share,
      usedUsd: usdOf(usedNanoUsd),
      limitUsd: usdOf(limitNanoUsd),
    });
  }
}
