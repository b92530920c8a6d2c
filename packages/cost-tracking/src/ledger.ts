import { randomUUID } from "node:crypto";
import { StoreError } from "@lambdallm/core";
import { type Invocation, within } from "@lambdallm/core/feature";
import {
  type BudgetReservation,
  type BudgetUse,
  type ReserveOutcome,
  utcDayOf,
} from "@lambdallm/core/stores";
import { tellProblem } from "./events.ts";
import { usdOf } from "./money.ts";
import { finishPatienceMs, patienceMs } from "./patience.ts";
import { type PeriodUse, periodUse, uncovered } from "./periods.ts";
import type { ScopeMemories } from "./scope-memory.ts";
import type { Settings } from "./settings.ts";
import type { CostTracker } from "./tracker.ts";
import { unlessAborted } from "./unless-aborted.ts";

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
  readonly unsure?: Promise<ReserveOutcome>;
  /** Epoch milliseconds, from which on somebody else may have given the reservation up. */
  readonly expiresAt: number;
}

export interface Refused {
  readonly tracker: CostTracker;
  readonly short: PeriodUse;
}

/** What is to be set aside. */
interface Wanted {
  readonly nanoUsd: number;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Of the call. Ends the wait for the store at once: what is set aside by then, or will be, comes back. */
  readonly signal: AbortSignal | undefined;
}

type Spending = Parameters<CostTracker["store"]["record"]>[1];

/** What is to be written of a budget when the invocation ends. */
export interface Report {
  readonly tracker: CostTracker;
  readonly spending: readonly Spending[];
}

/** What is told when it fails. */
interface Told {
  readonly operation: "reserve" | "settle" | "record" | "reap";
  readonly tracker: CostTracker;
  readonly nanoUsd: number;
}

interface Write extends Told {
  readonly run: () => Promise<unknown>;
}

/** What an invocation reserves and settles. */
export class Ledger {
  readonly #settings: Settings;
  readonly #invocation: Invocation;
  readonly #memories: ScopeMemories;
  /** Each ends with its settlement, which an answer may not have waited for. */
  readonly #settlements: Write[] = [];

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
   * @returns Undefined when the signal was faster.
   * @throws {StoreError} when the settings say so.
   */
  async reserve(
    trackers: readonly CostTracker[],
    { nanoUsd, at, signal }: Wanted,
  ): Promise<readonly Hold[] | Refused | undefined> {
    const day = utcDayOf(at);
    if (this.#settings.isEnforced)
      for (const tracker of trackers) {
        const { scope, limits } = tracker;
        const memory = this.#memories.of(scope);
        const short = memory.refusal(limits, day, at, nanoUsd);
        if (short !== undefined) return { tracker, short };
      }
    const holds: Hold[] = [];
    let refused: Refused | undefined;
    try {
      for (const tracker of trackers) {
        const held = await this.#reserveIn(tracker, { nanoUsd, at, signal });
        if ("short" in held) refused = held;
        else holds.push(held);
        if (refused !== undefined || signal?.aborted) break;
      }
    } catch (error) {
      await this.settle(holds, 0, signal);
      throw error;
    }
    if (refused === undefined && !signal?.aborted) return holds;
    await this.settle(holds, 0, signal);
    return refused;
  }

  async #reserveIn(
    tracker: CostTracker,
    { nanoUsd, at, signal }: Wanted,
  ): Promise<Hold | Refused> {
    const { isEnforced, onStoreError } = this.#settings;
    const { scope, store } = tracker;
    const limits = isEnforced ? tracker.limits : {};
    const day = utcDayOf(at);
    const reservation = {
      scope,
      id: randomUUID(),
      day,
      amountNanoUsd: nanoUsd,
    };
    const expiresAt = this.#leaseEnd(at);
    const request = { ...reservation, limits, at, expiresAt };
    // A store that is not async may throw at once.
    const reserving = (async () => store.reserve(request))();
    // It may be written, whatever is known of it.
    const unsure = { tracker, reservation, expiresAt, unsure: reserving };
    let outcome: ReserveOutcome | undefined;
    try {
      outcome = await this.#answerOf(reserving, signal);
    } catch (error) {
      if (onStoreError === "allow")
        this.#tell({ operation: "reserve", tracker, nanoUsd }, error);
      else {
        this.#settleSoon(unsure, 0);
        throw error;
      }
    }
    if (outcome === undefined) return unsure;
    const { use } = outcome;
    const memory = this.#memories.of(scope);
    memory.saw(day, use);
    if (outcome.reserved)
      return { tracker, reservation: outcome.reservation, expiresAt, use };
    const short =
      uncovered(limits, use, nanoUsd) ??
      // Money has come back between the refusal and the look at what is used.
      periodUse(outcome.exceeded, limits, use);
    memory.refused(day, at, short);
    return { tracker, short };
  }

  #leaseEnd(at: number): number {
    const leftMs = Math.max(0, this.#invocation.remainingTimeMs);
    return (
      at + Math.ceil(Math.min(leftMs, LONGEST_ATTEMPT_MS)) + LEASE_MARGIN_MS
    );
  }

  /** Undefined when the signal was faster. */
  async #answerOf(
    reserving: Promise<ReserveOutcome>,
    signal: AbortSignal | undefined,
  ): Promise<ReserveOutcome | undefined> {
    const answered = unlessAborted(reserving, signal);
    if (this.#settings.onStoreError === "block") return answered;
    const limitMs = patienceMs(this.#invocation);
    const outcome = await within({ limitMs, onTimeUp: leave }, () => answered);
    if (outcome === undefined && !signal?.aborted) throw noAnswer("reserve");
    return outcome;
  }

  /**
   * Replaces what was set aside by what was spent. Never throws, and does not wait for a store that hangs, nor for any when
   * nobody waits for the call any more: the end of the invocation does.
   */
  async settle(
    holds: readonly Hold[],
    nanoUsd: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (holds.length === 0) return;
    const settling = holds.map((hold) => this.#settleSoon(hold, nanoUsd));
    const settled = unlessAborted(Promise.allSettled(settling), signal);
    const limitMs = patienceMs(this.#invocation);
    await within({ limitMs, onTimeUp: leave }, () => settled);
  }

  #settleSoon(hold: Hold, nanoUsd: number): Promise<void> {
    const { tracker } = hold;
    // What one attempt has found out of the reservation, the next one knows.
    let known = hold;
    const settle = async () => {
      known = await this.#ascertained(known, nanoUsd);
      await this.#settleIn(known, nanoUsd);
    };
    const settling = settle();
    // What fails is tried again when the invocation ends.
    settling.catch(() => {});
    const run = () => settling.catch(settle);
    this.#settlements.push({ operation: "settle", tracker, nanoUsd, run });
    return settling;
  }

  /**
   * Makes sure that the reservation is there before anything settles it, when money was spent: a settlement that finds none
   * cannot tell whether it never arrived or was settled by an attempt before, whose reply was lost. Booking it then would
   * count the call twice.
   */
  async #ascertained(hold: Hold, nanoUsd: number): Promise<Hold> {
    const { tracker, reservation, unsure, expiresAt } = hold;
    if (unsure === undefined) return hold;
    const late = await unsure.catch(() => undefined);
    if (late?.reserved) return { tracker, reservation, expiresAt };
    if (nanoUsd === 0) return hold;
    const now = Date.now();
    // Given up by somebody else it stays counted, and would be a second one.
    if (now >= expiresAt) throw noAnswer("reserve");
    // Its id makes it the same reservation; and the money is spent, whatever the limits say.
    const booked = await tracker.store.reserve({
      ...reservation,
      amountNanoUsd: nanoUsd,
      limits: {},
      at: Date.parse(reservation.day),
      expiresAt: this.#leaseEnd(now),
    });
    return booked.reserved
      ? { tracker, reservation: booked.reservation, expiresAt }
      : hold;
  }

  async #settleIn(
    { tracker, reservation, use }: Hold,
    nanoUsd: number,
  ): Promise<void> {
    const { store, scope } = tracker;
    const { day, amountNanoUsd } = reservation;
    const isSettled = await store.settle(reservation, nanoUsd);
    if (isSettled && use !== undefined)
      this.#memories.of(scope).gaveBack(day, amountNanoUsd - nanoUsd);
  }

  /**
   * The end of the invocation: settles what is not settled, writes the reports, and now and then cleans up after callers that
   * died. A store that hangs does not hold the handler's answer back for long.
   */
  async finish(reports: readonly Report[]): Promise<void> {
    const writes = [
      ...this.#settlements,
      ...reports.flatMap((report) => this.#writesOf(report)),
    ];
    const open = new Set(writes);
    const ends = writes.map(async (write) => {
      try {
        await write.run();
      } catch (error) {
        if (open.has(write)) this.#tell(write, error);
      }
      open.delete(write);
    });
    const limitMs = finishPatienceMs(this.#invocation);
    await within({ limitMs, onTimeUp: leave }, () => Promise.all(ends));
    for (const write of open) {
      open.delete(write);
      this.#tell(write, noAnswer(write.operation));
    }
  }

  #writesOf({ tracker, spending }: Report): Write[] {
    const { scope, store, isLimited } = tracker;
    const now = Date.now();
    const records = spending.map((rows): Write => {
      let nanoUsd = 0;
      for (const { costNanoUsd } of rows.rows) nanoUsd += costNanoUsd;
      const run = () => store.record(scope, rows);
      return { operation: "record", tracker, nanoUsd, run };
    });
    if (!isLimited || !this.#memories.of(scope).isReapDue(now)) return records;
    const run = () => store.reap(scope, now);
    return [...records, { operation: "reap", tracker, nanoUsd: 0, run }];
  }

  #tell({ operation, tracker, nanoUsd }: Told, error: unknown): void {
    const { scope } = tracker;
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

/** What takes too long is not waited for. */
function leave(): undefined {}

function noAnswer(operation: string): StoreError {
  return new StoreError("The budget store did not answer in time.", {
    reason: "timeout",
    operation,
    retryable: true,
  });
}
