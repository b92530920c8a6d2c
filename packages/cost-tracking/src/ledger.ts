import { randomUUID } from "node:crypto";
import {
  type BudgetReservation,
  type BudgetUse,
  type Invocation,
  type ReserveOutcome,
  StoreError,
} from "@lambdallm/core";
import { dayOf, usdOf } from "./money.ts";
import { patienceMs, within } from "./patience.ts";
import type { PeriodUse } from "./periods.ts";
import { tellProblem } from "./problem.ts";
import type { ScopeMemories } from "./scope-memory.ts";
import type { Settings } from "./settings.ts";
import type { CostTracker } from "./tracker.ts";

/** After Lambda's timeout the caller counts as dead; clocks differ. */
const LEASE_MARGIN_MS = 60_000;
/** Where nothing limits the time, an attempt counts as dead after this. */
const LONGEST_ATTEMPT_MS = 3_600_000;

/** Money that is set aside in one budget. */
export interface Hold {
  readonly tracker: CostTracker;
  readonly reservation: BudgetReservation;
  /** Left out when the store could not say. */
  readonly use?: BudgetUse;
  /** The reservation, when nobody knows yet whether it was written. */
  readonly unsure?: Promise<unknown>;
}

export interface Refused {
  readonly tracker: CostTracker;
  readonly short: PeriodUse;
}

/** What an invocation reserves and settles. */
export class Ledger {
  readonly #settings: Settings;
  readonly #invocation: Invocation;
  readonly #memories: ScopeMemories;
  /** Writes that an answer did not wait for. */
  readonly #writing = new Set<Promise<void>>();
  /** What is to be written again before the invocation ends. */
  readonly #failed: {
    readonly write: () => Promise<void>;
    readonly tracker: CostTracker;
    readonly nanoUsd: number;
  }[] = [];

  constructor(
    settings: Settings,
    invocation: Invocation,
    memories: ScopeMemories,
  ) {
    this.#settings = settings;
    this.#invocation = invocation;
    this.#memories = memories;
  }

  /**
   * Sets an amount aside in all of the budgets, or in none.
   *
   * @throws {StoreError} when the settings say so.
   */
  async reserve(
    trackers: readonly CostTracker[],
    nanoUsd: number,
    at: number,
  ): Promise<readonly Hold[] | Refused> {
    const day = dayOf(at);
    if (this.#settings.isEnforced)
      for (const tracker of trackers) {
        const short = this.#memories
          .of(tracker.scope)
          .refusal(day, at, nanoUsd);
        if (short !== undefined) return { tracker, short };
      }
    const holds: Hold[] = [];
    try {
      for (const tracker of trackers) {
        const held = await this.#reserveIn(tracker, nanoUsd, at);
        if ("short" in held) {
          await this.settle(holds, 0);
          return held;
        }
        holds.push(held);
      }
    } catch (error) {
      await this.settle(holds, 0);
      throw error;
    }
    return holds;
  }

  async #reserveIn(
    tracker: CostTracker,
    amountNanoUsd: number,
    at: number,
  ): Promise<Hold | Refused> {
    const { isEnforced, onStoreError } = this.#settings;
    const { scope, store } = tracker;
    const limits = isEnforced ? tracker.limits : {};
    const day = dayOf(at);
    const reservation = { scope, id: randomUUID(), day, amountNanoUsd };
    const reserving = store.reserve({
      ...reservation,
      limits,
      at,
      expiresAt: this.#leaseEnd(at),
    });
    let outcome: ReserveOutcome;
    try {
      outcome =
        onStoreError === "block"
          ? await reserving
          : await this.#inTime(reserving);
    } catch (error) {
      // It may have been written all the same, and its reply lost.
      const hold = { tracker, reservation, unsure: reserving };
      if (onStoreError === "allow") {
        this.#tell("reserve", tracker, amountNanoUsd, error);
        return hold;
      }
      this.#write(() => this.#settleIn(hold, 0), tracker, amountNanoUsd);
      throw error;
    }
    const { use } = outcome;
    const memory = this.#memories.of(scope);
    memory.saw(day, use);
    if (outcome.reserved)
      return { tracker, reservation: outcome.reservation, use };
    const { exceeded: period } = outcome;
    const { dailyNanoUsd = 0, monthlyNanoUsd = 0 } = limits;
    const short: PeriodUse =
      period === "daily"
        ? { period, usedNanoUsd: use.dayNanoUsd, limitNanoUsd: dailyNanoUsd }
        : {
            period,
            usedNanoUsd: use.monthNanoUsd,
            limitNanoUsd: monthlyNanoUsd,
          };
    memory.refused(day, at, short);
    return { tracker, short };
  }

  #leaseEnd(at: number): number {
    const leftMs = Math.max(0, this.#invocation.remainingTimeMs);
    return (
      at + Math.ceil(Math.min(leftMs, LONGEST_ATTEMPT_MS)) + LEASE_MARGIN_MS
    );
  }

  async #inTime(reserving: Promise<ReserveOutcome>): Promise<ReserveOutcome> {
    const outcome = await within(reserving, patienceMs(this.#invocation));
    if (outcome !== undefined) return outcome;
    throw new StoreError("The budget store did not answer in time.", {
      reason: "timeout",
      operation: "reserve",
      retryable: true,
    });
  }

  /** Replaces what was set aside by what was spent. Never throws, and does not wait for a store that hangs. */
  async settle(holds: readonly Hold[], nanoUsd: number): Promise<void> {
    if (holds.length === 0) return;
    const writes = holds.map((hold) =>
      this.#write(() => this.#settleIn(hold, nanoUsd), hold.tracker, nanoUsd),
    );
    await within(Promise.all(writes), patienceMs(this.#invocation));
  }

  async #settleIn(hold: Hold, nanoUsd: number): Promise<void> {
    const { tracker, reservation, unsure } = hold;
    const { store, scope } = tracker;
    const { day, amountNanoUsd } = reservation;
    await Promise.allSettled([unsure]);
    const isSettled = await store.settle(reservation, nanoUsd);
    if (unsure === undefined) {
      if (isSettled)
        this.#memories.of(scope).gaveBack(day, amountNanoUsd - nanoUsd);
    } else if (!isSettled && nanoUsd > 0) {
      // It never arrived, and the money is spent: book it, whatever the limits say.
      const booked = await store.reserve({
        ...reservation,
        amountNanoUsd: nanoUsd,
        limits: {},
        at: Date.parse(day),
        expiresAt: this.#leaseEnd(Date.now()),
      });
      if (booked.reserved) await store.settle(booked.reservation, nanoUsd);
    }
  }

  #write(
    write: () => Promise<void>,
    tracker: CostTracker,
    nanoUsd: number,
  ): Promise<void> {
    const writing = write()
      .catch(() => {
        this.#failed.push({ write, tracker, nanoUsd });
      })
      .finally(() => {
        this.#writing.delete(writing);
      });
    this.#writing.add(writing);
    return writing;
  }

  /** Ends what is still being written, and tries once more what has failed. */
  async flush(): Promise<void> {
    await Promise.all(this.#writing);
    const again = this.#failed.splice(0);
    await Promise.all(
      again.map(({ write, tracker, nanoUsd }) =>
        write().catch((error: unknown) =>
          this.#tell("settle", tracker, nanoUsd, error),
        ),
      ),
    );
  }

  /** Adds to the reports. */
  async record(
    tracker: CostTracker,
    spending: Parameters<CostTracker["store"]["record"]>[1],
  ): Promise<void> {
    try {
      await tracker.store.record(tracker.scope, spending);
    } catch (error) {
      let nanoUsd = 0;
      for (const { costNanoUsd } of spending.rows) nanoUsd += costNanoUsd;
      this.#tell("record", tracker, nanoUsd, error);
    }
  }

  /** Now and then, cleans up after callers that died. */
  async reap(tracker: CostTracker): Promise<void> {
    const { scope, store } = tracker;
    const now = Date.now();
    if (!this.#memories.of(scope).isReapDue(now)) return;
    try {
      await store.reap(scope, now);
    } catch (error) {
      this.#tell("reap", tracker, 0, error);
    }
  }

  #tell(
    operation: "reserve" | "settle" | "record" | "reap",
    { scope }: CostTracker,
    nanoUsd: number,
    error: unknown,
  ): void {
    const usd = usdOf(nanoUsd);
    tellProblem(this.#invocation, {
      kind: "store",
      operation,
      scope,
      usd,
      error,
    });
  }
}
