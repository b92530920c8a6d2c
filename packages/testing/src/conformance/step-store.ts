import type { StepStore } from "@lambdallm/core/stores";
import { stepClaimCases } from "./step-claims.ts";
import { stepExpiryCases } from "./step-expiry.ts";
import { stepListInputCases } from "./step-list-input.ts";
import { stepListPageCases } from "./step-list-pages.ts";
import { stepListCases } from "./step-lists.ts";
import { stepRecordCases } from "./step-records.ts";
import { registerTimed, type TimedStoreConformanceOptions } from "./suite.ts";

/**
 * Registers the tests of everything that the contract of a StepStore promises.
 *
 * @example
 * stepStoreConformance({
 *   test,
 *   createStore: () => new MyStepStore(client),
 *   // Without a clock to set, time has to pass.
 *   clock: { now: Date.now, advance: (ms) => setTimeout(ms) },
 *   lifetimeMs: 1_500,
 * });
 * @throws {ConfigurationError} An option is missing or wrong.
 */
export function stepStoreConformance(
  options: TimedStoreConformanceOptions<StepStore>,
): void {
  registerTimed(
    "stepStoreConformance",
    options,
    {
      ...stepClaimCases,
      ...stepRecordCases,
      ...stepListCases,
      ...stepListPageCases,
      ...stepListInputCases,
    },
    stepExpiryCases,
  );
}
