import type { Invocation } from "@lambdallm/core/feature";

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

declare module "@lambdallm/core/feature" {
  interface InvocationEvents {
    "budget-alert": BudgetAlert;
    "budget-exceeded": BudgetDecision;
    "budget-problem": BudgetProblem;
  }
}

/** Tells the observers, or the process when nobody listens: a ledger that is not exact must not be so in silence. */
export function tellProblem(
  { events }: Invocation,
  problem: BudgetProblem,
): void {
  if (!events.emit("budget-problem", problem))
    process.emitWarning(describe(problem), "LambdaLLMWarning");
}

function describe(problem: BudgetProblem): string {
  switch (problem.kind) {
    case "store": {
      const { operation, scope, usd, error } = problem;
      const why = error instanceof Error ? error.message : String(error);
      return `The budget "${scope}": ${operation} of ${usd} USD failed: ${why}`;
    }
    case "unknown-price":
      return `The price of the model ${problem.model} is not known, and its calls count as 0 in the budget: call registerModel, or set unknownPrice.`;
    case "underestimated":
      return `A call of the model ${problem.model} has cost ${problem.actualUsd} USD, and ${problem.reservedUsd} USD was its upper bound: correct the model with registerModel.`;
  }
}
