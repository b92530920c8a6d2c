import type { Invocation } from "@lambdallm/core";
import type { BudgetProblem } from "./events.ts";

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
