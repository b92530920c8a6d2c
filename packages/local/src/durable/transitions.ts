import { defined } from "../json.ts";
import { refuse } from "./lambda-error.ts";
import type { DurableOperation } from "./operation.ts";
import type { OperationUpdate } from "./updates.ts";

/** What an update makes of an operation; `existing` is undefined for a new one. */
type Transition = (
  update: OperationUpdate,
  existing: DurableOperation | undefined,
  now: number,
) => DurableOperation;

type Transitions = Partial<Record<OperationUpdate["Action"], Transition>>;

/** The new state of an operation, or a refusal in the words of the service. */
export function transition(
  update: OperationUpdate,
  existing: DurableOperation | undefined,
  now: number,
): DurableOperation {
  if (existing !== undefined) checkConsistent(update, existing);
  if (update.Type === "CHAINED_INVOKE")
    refuse("The local durable functions have no CHAINED_INVOKE.");
  const change = TRANSITIONS[update.Type]?.[update.Action];
  if (change === undefined)
    refuse("Invalid action for the given operation type.");
  return change(update, existing, now);
}

function checkConsistent(
  update: OperationUpdate,
  existing: DurableOperation,
): void {
  if (existing.Type !== update.Type) refuse("Inconsistent operation type.");
  if (update.SubType !== undefined && existing.SubType !== update.SubType)
    refuse("Inconsistent operation subtype.");
  if (update.Name !== undefined && existing.Name !== update.Name)
    refuse("Inconsistent operation name.");
  if (existing.ParentId !== update.ParentId)
    refuse("Inconsistent parent operation id.");
}

const created = (update: OperationUpdate, now: number): DurableOperation =>
  defined({
    Id: update.Id,
    Type: update.Type,
    Status: "STARTED",
    ParentId: update.ParentId,
    Name: update.Name,
    SubType: update.SubType,
    StartTimestamp: now,
  });

/** The start of what can be started once. */
const start: Transition = (update, existing, now) => {
  if (existing !== undefined)
    refuse(`Cannot start a ${update.Type} that already exist.`);
  return created(update, now);
};

const closeContext: Transition = (update, existing, now) => {
  if (existing?.Status !== "STARTED")
    refuse("Invalid current CONTEXT state to close.");
  return {
    ...existing,
    ...ended(update, now),
    ContextDetails: defined({
      ReplayChildren: update.ReplayChildren,
      ...outcomeOf(update),
    }),
  };
};

const startStep: Transition = (update, existing, now) => {
  if (update.NextAttemptDelaySeconds !== undefined)
    refuse("Invalid StepOptions for the given action.");
  if (existing === undefined) return created(update, now);
  if (existing.Status !== "READY")
    refuse("Invalid current STEP state to start.");
  return { ...existing, Status: "STARTED" };
};

const closeStep: Transition = (update, existing, now) => {
  if (update.NextAttemptDelaySeconds !== undefined)
    refuse("Invalid StepOptions for the given action.");
  return {
    ...runningStep(update, existing, now, "close"),
    ...ended(update, now),
    StepDetails: {
      Attempt: attemptsOf(existing) + 1,
      ...outcomeOf(update),
    },
  };
};

const retryStep: Transition = (update, existing, now) => {
  const { NextAttemptDelaySeconds } = update;
  if (NextAttemptDelaySeconds === undefined)
    refuse("Invalid StepOptions for the given action.");
  if (update.Payload !== undefined && update.Error !== undefined)
    refuse("Cannot provide both error and payload to RETRY a STEP.");
  return {
    ...runningStep(update, existing, now, "re-attempt"),
    Status: "PENDING",
    StepDetails: {
      Attempt: attemptsOf(existing) + 1,
      NextAttemptTimestamp: now + NextAttemptDelaySeconds * 1_000,
      ...outcomeOf(update),
    },
  };
};

/** A step that ends quickly is started and ended by one update. */
function runningStep(
  update: OperationUpdate,
  existing: DurableOperation | undefined,
  now: number,
  what: string,
): DurableOperation {
  const step = existing ?? created(update, now);
  if (step.Status !== "STARTED" && step.Status !== "READY")
    refuse(`Invalid current STEP state to ${what}.`);
  return step;
}

const attemptsOf = (step: DurableOperation | undefined) =>
  step?.StepDetails?.Attempt ?? 0;

const startWait: Transition = (update, existing, now) => {
  if (update.WaitSeconds === undefined)
    refuse("Update for WAIT operation requires WaitOptions.");
  return {
    ...start(update, existing, now),
    WaitDetails: { ScheduledEndTimestamp: now + update.WaitSeconds * 1_000 },
  };
};

const cancelWait: Transition = (_update, existing, now) => {
  if (existing?.Status !== "STARTED")
    refuse(
      "Cannot cancel a WAIT that does not exist or has already completed.",
    );
  return { ...existing, Status: "CANCELLED", EndTimestamp: now };
};

const ended = (update: OperationUpdate, now: number) => {
  if (update.Action === "SUCCEED" && update.Error !== undefined)
    refuse("Cannot provide an Error for SUCCEED action.");
  if (update.Action === "FAIL" && update.Payload !== undefined)
    refuse("Cannot provide a Payload for FAIL action.");
  return {
    Status: update.Action === "SUCCEED" ? "SUCCEEDED" : "FAILED",
    EndTimestamp: now,
  } as const;
};

const outcomeOf = (update: OperationUpdate) =>
  defined({ Result: update.Payload, Error: update.Error });

/** The service completes what is not here by itself. */
const TRANSITIONS: Partial<Record<OperationUpdate["Type"], Transitions>> = {
  CONTEXT: { START: start, SUCCEED: closeContext, FAIL: closeContext },
  STEP: {
    START: startStep,
    SUCCEED: closeStep,
    FAIL: closeStep,
    RETRY: retryStep,
  },
  WAIT: { START: startWait, CANCEL: cancelWait },
  CALLBACK: { START: start },
};
