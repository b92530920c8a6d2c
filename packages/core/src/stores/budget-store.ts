/** Limits in nano-USD (1e-9 USD); a missing one does not limit. */
export interface BudgetLimits {
  readonly dailyNanoUsd?: number | undefined;
  readonly monthlyNanoUsd?: number | undefined;
}

/** Money that is set aside for a model call. Plain data: it can be settled by another process. */
export interface BudgetReservation {
  readonly scope: string;
  readonly id: string;
  /** UTC day on which it counts, such as `2026-11-22`, also when it is settled after midnight. */
  readonly day: string;
  readonly amountNanoUsd: number;
}

/** What a scope has spent, reservations included. Days and months are UTC. */
export interface BudgetUse {
  readonly dayNanoUsd: number;
  readonly monthNanoUsd: number;
}

export type ReserveOutcome =
  | {
      readonly reserved: true;
      readonly reservation: BudgetReservation;
      /** With this reservation. */
      readonly use: BudgetUse;
    }
  | {
      readonly reserved: false;
      readonly exceeded: "daily" | "monthly";
      /** Without it, read after the refusal. */
      readonly use: BudgetUse;
    };

export interface BudgetState extends BudgetUse {
  /** By day of the month, from 1; days without spending are left out. */
  readonly days: Readonly<Record<number, number>>;
  /** Calls in flight, and those whose caller died. */
  readonly reservations: readonly (BudgetReservation & {
    /** Epoch milliseconds. */
    readonly expiresAt: number;
  })[];
}

/** Spending of one kind on one day. */
export interface SpendingRow {
  readonly model: string;
  /** The prompt's name; "" for calls without one. */
  readonly prompt: string;
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costNanoUsd: number;
}

export interface SpendingReportRow extends SpendingRow {
  /** UTC, such as `2026-11-22`. */
  readonly day: string;
  /** Whose spending it was; "" without one. */
  readonly key: string;
}

/**
 * Keeps budgets. With any number of callers, crashes and retries included, what is reserved and spent never passes a limit.
 * Amounts are whole nano-USD. Every write can be repeated.
 *
 * All methods throw a ConfigurationError for scopes, ids, write ids and keys that are empty (a key may be), longer than 512
 * bytes, or contain `#`, for amounts and counts that are no whole numbers of at least 0, and for days that are not written
 * as `2026-11-22`; and a StoreError when the store fails. `budgetStoreConformance` of `@lambdallm/testing` is the test of an
 * implementation.
 */
export interface BudgetStore {
  /**
   * Sets money aside when every limit allows it. A reservation of the same id that is already there counts as this one.
   * An amount above a limit is refused whatever was spent.
   *
   * Repeat it before the settlement only: one that is settled or reaped is not there any more, and would be reserved anew.
   */
  reserve(request: {
    readonly scope: string;
    readonly id: string;
    readonly amountNanoUsd: number;
    readonly limits: BudgetLimits;
    /** Epoch milliseconds; decides the day and the month. */
    readonly at: number;
    /** Epoch milliseconds, after which the caller counts as dead. */
    readonly expiresAt: number;
  }): Promise<ReserveOutcome>;

  /**
   * Replaces the reservation by what was really spent, which may be more.
   *
   * @returns False when it was settled or reaped before, or never reserved; nothing changes then.
   */
  settle(
    reservation: BudgetReservation,
    actualNanoUsd: number,
  ): Promise<boolean>;

  /**
   * Gives up reservations whose caller died, those that expired before `at`. Their money stays counted: nobody knows whether
   * the call was billed.
   *
   * @returns How many.
   */
  reap(scope: string, at: number): Promise<number>;

  /** The state of the month and the day of `at`. */
  read(scope: string, at: number): Promise<BudgetState>;

  /** Adds to the reports what an invocation has spent. A repetition with the same `writeId` is not counted twice. */
  record(
    scope: string,
    spending: {
      readonly day: string;
      readonly key: string;
      readonly writeId: string;
      readonly rows: readonly SpendingRow[];
    },
  ): Promise<void>;

  /** What was recorded on these days, both included: one row for each day, key, model and prompt. */
  report(
    scope: string,
    days: { readonly from: string; readonly to: string },
  ): Promise<readonly SpendingReportRow[]>;
}
