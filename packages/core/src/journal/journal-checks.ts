import { stepScope } from "../call/step-scope.ts";
import { check, type OptionCheck, validateOptions } from "../checks/options.ts";
import { ConfigurationError } from "../contract/errors.ts";
import type { Branch } from "../contract/journal.ts";
import { type Asked, wordsOf } from "./entry.ts";

const LONGEST_NAME = 200;

/** @throws {ConfigurationError} */
export function checkName({ kind, name }: Asked): void {
  if (typeof name !== "string" || name.trim() === "")
    throw new ConfigurationError(
      `journal.${kind}: the name must be a non-empty string.`,
    );
  if (name.length > LONGEST_NAME)
    throw new ConfigurationError(
      `journal.${kind}: a name may have ${LONGEST_NAME} characters, and this one has ${name.length}.`,
    );
}

/**
 * A step inside of a step would not be run again once the outer one is recorded, and every position after it would be another.
 *
 * @throws {ConfigurationError}
 */
export function refuseNested(runId: string, asked: Asked): void {
  const outer = stepScope();
  if (outer?.runId === runId)
    throw new ConfigurationError(
      `The ${wordsOf(asked)} was started inside of the step "${outer.name}": a step cannot contain others. Use journal.all for a part of the program with steps of its own.`,
    );
}

/** @throws {ConfigurationError} */
export function checkDuration(name: string, ms: number): void {
  if (!Number.isFinite(ms) || ms < 0)
    throw new ConfigurationError(
      `journal: the time of "${name}" must be a finite number of milliseconds of at least 0.`,
    );
}

/** @throws {ConfigurationError} */
export function checkBranches(
  name: string,
  branches: readonly Branch<never>[] | readonly unknown[],
  options: { readonly concurrency?: number | undefined },
): void {
  if (
    !Array.isArray(branches) ||
    branches.some((branch) => typeof branch !== "function")
  )
    throw new ConfigurationError(
      `journal.all: the branches of "${name}" must be an array of functions.`,
    );
  validateOptions(
    `journal.all "${name}"`,
    { concurrency: check.positiveInteger },
    options,
  );
}

const workChecks: Readonly<
  Record<"step" | "ask", Readonly<Record<string, OptionCheck>>>
> = {
  step: {
    retry: check.function,
    maxBytes: check.positiveInteger,
    turn: check.function,
  },
  // Judged by checkDuration, which says more.
  ask: { timeoutMs: () => undefined },
};

/**
 * A mistake of the program, which is not to be recorded as a failure of the step.
 *
 * @throws {ConfigurationError}
 */
export function checkWork(
  { kind, name }: Asked & { readonly kind: "step" | "ask" },
  work: unknown,
  options: object,
): void {
  if (typeof work !== "function")
    throw new ConfigurationError(
      `journal.${kind} "${name}": the second argument must be a function.`,
    );
  validateOptions(`journal.${kind} "${name}"`, workChecks[kind], options);
}
