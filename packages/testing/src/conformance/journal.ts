import type { Journal, JsonValue, WaitingFor } from "@lambdallm/core";
import { check, validateOptions } from "@lambdallm/core/feature";
import { journalBranchCases } from "./journal-branches.ts";
import { journalFailureCases } from "./journal-failures.ts";
import { journalQuestionCases } from "./journal-questions.ts";
import { journalStepCases } from "./journal-steps.ts";
import type { JournalTools } from "./journal-support.ts";
import type { Cases, RegisterTest } from "./suite.ts";

/** How a run stands: it has ended, or only an answer helps. */
export type JournalEnding =
  | { readonly value: unknown }
  | { readonly error: unknown }
  | { readonly waitingFor: readonly WaitingFor[] };

/** A run of one program on a host. */
export interface ConformanceRun {
  /** Runs the program from its top, and again each time the host has suspended it, until it ends or waits for answers only. */
  run(): Promise<JournalEnding>;
  answer(token: string, answer: JsonValue): Promise<void>;
}

export interface JournalConformanceOptions {
  /** Takes each case: its name is the promise that it tests. */
  readonly test: RegisterTest;
  /** Prepares a run of the program. Nothing of it runs yet. */
  readonly startRun: (
    program: (journal: Journal) => Promise<unknown>,
  ) => Promise<ConformanceRun>;
  /** A bound for a hung case, in milliseconds; passed to `test`. @default 60_000 */
  readonly timeoutMs?: number;
}

const checks = {
  test: check.function,
  startRun: check.function,
  timeoutMs: check.positiveInteger,
};

const DEFAULT_MS = 60_000;

/**
 * Registers the tests of everything that the contract of a Journal promises.
 *
 * @example
 * journalConformance({ test, startRun: async (program) => new MyRun(program) });
 * @throws {ConfigurationError} An option is missing or wrong.
 */
export function journalConformance(options: JournalConformanceOptions): void {
  validateOptions("journalConformance", checks, options, ["test", "startRun"]);
  const { test, startRun, timeoutMs = DEFAULT_MS } = options;
  const cases: Cases<JournalTools> = {
    ...journalStepCases,
    ...journalFailureCases,
    ...journalBranchCases,
    ...journalQuestionCases,
  };
  for (const [name, run] of Object.entries(cases))
    test(name, async () => run({ startRun }), timeoutMs);
}
