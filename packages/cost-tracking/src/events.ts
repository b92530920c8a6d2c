interface BudgetEvent {
  /** Whose budget: the budget's name, with `/` and the key when it has one. */
  readonly scope: string;
}

/** A share of a budget is used. About once for each scope, period and share: once in every process at most. */
export interface BudgetAlert extends BudgetEvent {
  readonly period: "daily" | "monthly";
  readonly share: 0.8 | 1;
  /** Spent and reserved. */
  readonly usedUsd: number;
  readonly limitUsd: number;
}

/** The budget did not cover a call. */
export interface BudgetDecision extends BudgetEvent {
  readonly callId: number;
  readonly period: "daily" | "monthly";
  readonly usedUsd: number;
  readonly limitUsd: number;
  /** The upper bound of what the call could have cost. */
  readonly neededUsd: number;
  readonly model: string;
  readonly action: "block" | "downgrade";
  /** The cheaper model, of a downgrade. */
  readonly toModel?: string;
  /** True: this is what would have happened. */
  readonly shadow: boolean;
}

/** Something that keeps the ledger from being exact. */
export type BudgetProblem =
  | (BudgetEvent & {
      /** The store failed; `usd` was not booked, or not as what it was. */
      readonly kind: "store";
      readonly operation: "reserve" | "settle" | "record" | "reap";
      readonly usd: number;
      readonly error: unknown;
    })
  /** A call was let through, and what it costs is not known. */
  | { readonly kind: "unknown-price"; readonly model: string }
  /** A call has cost more than its upper bound: the catalog, or what was registered, is wrong about the model. */
  | {
      readonly kind: "underestimated";
      readonly model: string;
      readonly reservedUsd: number;
      readonly actualUsd: number;
    };

declare module "@lambdallm/core" {
  interface InvocationEvents {
    "budget-alert": BudgetAlert;
    "budget-exceeded": BudgetDecision;
    "budget-problem": BudgetProblem;
  }
}
