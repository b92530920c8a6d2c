import { type Failure, StepFailure } from "@lambdallm/core";
import { type OperationOutcome, sumOfUsd } from "@lambdallm/core/feature";
import { failureOf } from "@lambdallm/core/stores";

/** How a step ended. `not-run`: a step that it needs has failed or was cut, or the run is suspended. */
export type StepStatus =
  | "completed"
  | "skipped"
  | "truncated"
  | "failed"
  | "not-run";

export interface StepResult {
  readonly name: string;
  readonly status: StepStatus;
  readonly output?: unknown;
  /** USD that its model calls have cost, those of failed attempts included; undefined when nobody knows. */
  readonly costUsd: number | undefined;
  readonly error?: StepFailure;
}

interface Ended<Outputs, Final> {
  /** In the order of the chain. */
  readonly steps: readonly StepResult[];
  /** By the names of the steps. */
  readonly outputs: Outputs;
  /** What the last step gave. */
  readonly finalOutput: Final;
  /** USD of all model calls of the run, those before it was resumed included; undefined when nobody knows. */
  readonly totalCostUsd: number | undefined;
  readonly runId: string;
}

export interface CompletedChain<Outputs extends object, Final>
  extends Ended<Readonly<Outputs>, Final> {
  readonly status: "completed";
  readonly error?: undefined;
}

export interface UnfinishedChain<Outputs extends object, Final>
  extends Ended<
    { readonly [Name in keyof Outputs]?: Outputs[Name] | undefined },
    Final | undefined
  > {
  readonly status: "checkpointed" | "truncated" | "failed";
  /** Of the first step that failed, which it names. */
  readonly error?: StepFailure | undefined;
}

export type ChainResult<
  Outputs extends object = Record<string, unknown>,
  Final = unknown,
> = CompletedChain<Outputs, Final> | UnfinishedChain<Outputs, Final>;

/** What a branch of the journal ends with: JSON. */
export type Ending =
  | {
      readonly status: "completed" | "truncated";
      readonly output?: unknown;
      /** Null when it is unknown. */
      readonly costUsd: number | null;
    }
  | {
      readonly status: "failed";
      readonly failure: Failure;
      readonly costUsd: number | null;
    }
  | { readonly status: "skipped" | "not-run" };

export const NOT_RUN = { status: "not-run" } as const;

export function failedEnding(error: unknown, step: string): Ending {
  const costUsd = StepFailure.isInstance(error) ? (error.costUsd ?? null) : 0;
  return { status: "failed", failure: failureOf(error, step), costUsd };
}

/** USD; undefined when nobody knows. */
export function costIn(ending: Ending): number | undefined {
  return "costUsd" in ending ? (ending.costUsd ?? undefined) : 0;
}

function errorIn({ failure, costUsd }: Ending & { status: "failed" }) {
  return new StepFailure({ ...failure, costUsd });
}

function resultOf(name: string, ending: Ending = NOT_RUN): StepResult {
  const { status } = ending;
  return {
    ...{ name, status, costUsd: costIn(ending) },
    ...("output" in ending && { output: ending.output }),
    ...("failure" in ending && { error: errorIn(ending) }),
  };
}

/** @param endings In the order of the steps; undefined of those that a suspended run has not come to. */
export function chainResult(
  runId: string,
  names: readonly string[],
  endings: readonly (Ending | undefined)[],
): ChainResult {
  const steps = names.map((name, index) => resultOf(name, endings[index]));
  const error = steps.find((step) => step.error !== undefined)?.error;
  const isSuspended = names.some((_, index) => endings[index] === undefined);
  const isCut = steps.some(({ status }) => status === "truncated");
  return {
    status: isSuspended
      ? "checkpointed"
      : error !== undefined
        ? "failed"
        : isCut
          ? "truncated"
          : "completed",
    steps,
    outputs: Object.fromEntries(
      steps.map(({ name, output }) => [name, output]),
    ),
    finalOutput: steps.at(-1)?.output,
    totalCostUsd: sumOfUsd(steps.map(({ costUsd }) => costUsd)),
    runId,
    // The status says whether there is one; the compiler cannot follow.
    ...(!isSuspended && error !== undefined && { error }),
  } as ChainResult;
}

/** For observers. */
export function outcomeOf({
  status,
  error,
}: ChainResult): OperationOutcome<"chain"> {
  if (status === "checkpointed") return { status: "suspended" };
  return status === "failed"
    ? { status, error, result: { status } }
    : { status: "completed", result: { status } };
}
