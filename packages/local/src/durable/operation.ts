/** An error as the service keeps it. */
export interface DurableError {
  readonly ErrorMessage?: string;
  readonly ErrorType?: string;
  readonly ErrorData?: string;
  readonly StackTrace?: readonly string[];
}

export const OPERATION_TYPES = [
  "EXECUTION",
  "CONTEXT",
  "STEP",
  "WAIT",
  "CALLBACK",
  "CHAINED_INVOKE",
] as const;

export type DurableOperationType = (typeof OPERATION_TYPES)[number];

export type DurableOperationStatus =
  | "STARTED"
  | "PENDING"
  | "READY"
  | "SUCCEEDED"
  | "FAILED"
  | "CANCELLED"
  | "TIMED_OUT";

/**
 * An operation of an execution, in the service's words. Points in time are epoch milliseconds here; in events they are ISO texts,
 * in answers seconds.
 */
export interface DurableOperation<Time = number> {
  readonly Id: string;
  readonly Type: DurableOperationType;
  readonly Status: DurableOperationStatus;
  readonly ParentId?: string;
  readonly Name?: string;
  readonly SubType?: string;
  readonly StartTimestamp: Time;
  readonly EndTimestamp?: Time;
  readonly ExecutionDetails?: { readonly InputPayload: string };
  readonly ContextDetails?: Outcome & { readonly ReplayChildren?: boolean };
  readonly StepDetails?: Outcome & {
    /** Attempts that have ended. */
    readonly Attempt?: number;
    readonly NextAttemptTimestamp?: Time;
  };
  readonly WaitDetails?: { readonly ScheduledEndTimestamp: Time };
  readonly CallbackDetails?: Outcome & { readonly CallbackId: string };
}

interface Outcome {
  readonly Result?: string;
  readonly Error?: DurableError;
}

/** The operation with its points in time as somebody else writes them. */
export function withTimes<Time>(
  operation: DurableOperation,
  written: (epochMs: number) => Time,
): DurableOperation<Time> {
  const { StartTimestamp, EndTimestamp, StepDetails, WaitDetails, ...rest } =
    operation;
  return {
    ...rest,
    StartTimestamp: written(StartTimestamp),
    ...(EndTimestamp !== undefined && { EndTimestamp: written(EndTimestamp) }),
    ...(StepDetails !== undefined && {
      StepDetails: stepTimes(StepDetails, written),
    }),
    ...(WaitDetails !== undefined && {
      WaitDetails: {
        ScheduledEndTimestamp: written(WaitDetails.ScheduledEndTimestamp),
      },
    }),
  };
}

function stepTimes<Time>(
  details: NonNullable<DurableOperation["StepDetails"]>,
  written: (epochMs: number) => Time,
): NonNullable<DurableOperation<Time>["StepDetails"]> {
  const { NextAttemptTimestamp, ...rest } = details;
  return NextAttemptTimestamp === undefined
    ? rest
    : { ...rest, NextAttemptTimestamp: written(NextAttemptTimestamp) };
}
