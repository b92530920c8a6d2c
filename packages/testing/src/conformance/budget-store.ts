import type { BudgetStore } from "@lambdallm/core/stores";
import { budgetInputCases } from "./budget-input.ts";
import { budgetLimitCases } from "./budget-limits.ts";
import { budgetReportCases } from "./budget-report.ts";
import { budgetSettlingCases } from "./budget-settling.ts";
import { register, type StoreConformanceOptions } from "./suite.ts";

/**
 * Registers the tests of everything that the contract of a BudgetStore promises. They need no clock: its methods are told
 * the time, which is in the next month.
 *
 * @example
 * budgetStoreConformance({ test, createStore: () => new MyBudgetStore(client) });
 * @throws {ConfigurationError} An option is missing or wrong.
 */
export function budgetStoreConformance(
  options: StoreConformanceOptions<BudgetStore>,
): void {
  register("budgetStoreConformance", options, {
    ...budgetLimitCases,
    ...budgetSettlingCases,
    ...budgetReportCases,
    ...budgetInputCases,
  });
}
