import type { SessionStore } from "@lambdallm/core/stores";
import { sessionConcurrencyCases } from "./session-concurrency.ts";
import { sessionExpiryCases } from "./session-expiry.ts";
import { sessionInputCases } from "./session-input.ts";
import { sessionStateCases } from "./session-state.ts";
import { sessionTurnCases } from "./session-turns.ts";
import { sessionWindowCases } from "./session-windows.ts";
import { registerTimed, type TimedStoreConformanceOptions } from "./suite.ts";

/**
 * Registers the tests of everything that the contract of a SessionStore promises.
 *
 * @example
 * const store = new MySessionStore({ now: () => time });
 * let time = Date.now();
 *
 * sessionStoreConformance({
 *   test,
 *   createStore: () => store,
 *   clock: { now: () => time, advance: (ms) => { time += ms; } },
 * });
 * @throws {ConfigurationError} An option is missing or wrong.
 */
export function sessionStoreConformance(
  options: TimedStoreConformanceOptions<SessionStore>,
): void {
  registerTimed(
    "sessionStoreConformance",
    options,
    {
      ...sessionTurnCases,
      ...sessionWindowCases,
      ...sessionConcurrencyCases,
      ...sessionStateCases,
      ...sessionInputCases,
    },
    sessionExpiryCases,
  );
}
