import { randomUUID } from "node:crypto";
import { defined } from "../json.ts";
import { LambdaError, refuse } from "./lambda-error.ts";
import type { DurableError, DurableOperation } from "./operation.ts";
import { transition } from "./transitions.ts";
import type { OperationUpdate } from "./updates.ts";

/** What the service refuses. */
export interface DurableLimits {
  /** Of one operation, in bytes. @default 262_144 */
  readonly resultBytes?: number;
  /** Of one execution; each retry of a step counts, too. @default 3_000 */
  readonly operations?: number;
  /** Results, errors and input of one execution, in bytes. @default 104_857_600 */
  readonly writtenBytes?: number;
}

/** A callback that waits for an answer. */
export interface DurableCallback {
  readonly callbackId: string;
  readonly name?: string;
  /** Epoch milliseconds; left out when it waits as long as the execution. */
  readonly timesOutAt?: number;
}

/** An error of an operation is smaller than this. */
const ERROR_BYTES = 32_768;

interface Deadlines {
  readonly timeoutAt: number;
  readonly heartbeatMs: number;
  readonly heartbeatAt: number;
}

const NO_DEADLINES: Deadlines = {
  timeoutAt: Infinity,
  heartbeatMs: Infinity,
  heartbeatAt: Infinity,
};

/** How a callback ends. */
export type CallbackOutcome =
  | { readonly Result: string | undefined }
  | { readonly Error: DurableError | undefined };

/** The operations of one execution. A checkpoint that is refused changes nothing. */
export class Ledger {
  readonly #limits: Required<DurableLimits>;
  readonly #deadlines = new Map<string, Deadlines>();
  readonly #unseen = new Map<string, DurableOperation>();
  #operations = new Map<string, DurableOperation>();
  /** Operations and retries so far. */
  #count = 0;
  #writtenBytes: number;

  constructor(root: DurableOperation, limits: DurableLimits) {
    this.#limits = {
      resultBytes: limits.resultBytes ?? 262_144,
      operations: limits.operations ?? 3_000,
      writtenBytes: limits.writtenBytes ?? 104_857_600,
    };
    this.#operations.set(root.Id, root);
    this.#writtenBytes = bytesOf(root.ExecutionDetails?.InputPayload);
  }

  get operations(): readonly DurableOperation[] {
    return [...this.#operations.values()];
  }

  /** What an invocation is told: the children of a finished context are not in it, unless it asked for them. */
  get replayed(): readonly DurableOperation[] {
    return this.operations.filter((operation) => !this.#isPruned(operation));
  }

  get callbacks(): readonly DurableCallback[] {
    // Nobody waits for those of a finished context any more.
    return this.replayed.flatMap(({ Id, Name, Status, CallbackDetails }) => {
      if (CallbackDetails === undefined || Status !== "STARTED") return [];
      const timesOutAt = this.#dueAt({ Id, Status });
      const { CallbackId: callbackId } = CallbackDetails;
      return [defined({ callbackId, name: Name, timesOutAt })];
    });
  }

  /** Whether a wait or a retry is to come. */
  get hasTimers(): boolean {
    return this.operations.some(
      ({ Type, Status }) =>
        Status === "PENDING" || (Type === "WAIT" && Status === "STARTED"),
    );
  }

  /** Whether something has changed that no invocation has been told of. */
  get hasUnseen(): boolean {
    return this.#unseen.size > 0;
  }

  /** Whether something is to come: a timer, a retry, an answer. */
  get isPending(): boolean {
    return this.operations.some(
      ({ Type, Status }) =>
        Status === "PENDING" ||
        Status === "READY" ||
        (Status === "STARTED" && (Type === "WAIT" || Type === "CALLBACK")),
    );
  }

  /** What has changed since this was asked for. */
  takeUnseen(): readonly DurableOperation[] {
    const changed = [...this.#unseen.values()];
    this.#unseen.clear();
    return changed;
  }

  apply(updates: readonly OperationUpdate[], now: number): void {
    checkTwice(updates);
    const draft = new Map(this.#operations);
    const changed = new Map<string, DurableOperation>();
    let count = this.#count;
    let written = this.#writtenBytes;
    for (const update of updates) {
      written += this.#checkedSize(update.Type, update.Payload, update.Error);
      const existing = draft.get(update.Id);
      checkParent(update, draft);
      const next = withCallbackId(transition(update, existing, now));
      if (existing === undefined) count += 1;
      if (update.Action === "RETRY") count += 1;
      draft.set(update.Id, next);
      changed.set(update.Id, next);
    }
    this.#checkTotals(count, written);
    this.#operations = draft;
    this.#count = count;
    this.#writtenBytes = written;
    for (const [id, operation] of changed) this.#unseen.set(id, operation);
    for (const update of updates)
      if (update.Type === "CALLBACK")
        this.#deadlines.set(update.Id, deadlinesOf(update, now));
  }

  /** Ends what is due. */
  fireDue(now: number): void {
    for (const operation of this.operations) {
      const dueAt = this.#dueAt(operation);
      if (dueAt === undefined || dueAt > now) continue;
      if (operation.Type === "CALLBACK")
        this.#closeCallback(operation, "TIMED_OUT", {
          Error: this.#timeoutOf(operation, now),
        });
      else if (operation.Type === "WAIT")
        this.#set({ ...operation, Status: "SUCCEEDED", EndTimestamp: now });
      else this.#set({ ...operation, Status: "READY" });
    }
  }

  /** When the next of all timers ends. */
  nextDueAt(): number | undefined {
    return least(this.operations.map((operation) => this.#dueAt(operation)));
  }

  /**
   * Moves waits and retries back by the time that is left until the first of them, so that they keep their order. Callbacks are
   * left alone: whoever is to answer must have the time for it.
   *
   * @returns how many milliseconds that was
   */
  skip(now: number): number {
    const timers = this.operations.filter(
      (operation) => operation.Type !== "CALLBACK",
    );
    const first = least(timers.map((operation) => this.#dueAt(operation)));
    const byMs = Math.max(0, (first ?? now) - now);
    for (const operation of timers) {
      const { WaitDetails, StepDetails } = operation;
      const dueAt = this.#dueAt(operation);
      if (dueAt === undefined) continue;
      this.#operations.set(operation.Id, {
        ...operation,
        ...(WaitDetails && {
          WaitDetails: { ScheduledEndTimestamp: dueAt - byMs },
        }),
        ...(StepDetails && {
          StepDetails: { ...StepDetails, NextAttemptTimestamp: dueAt - byMs },
        }),
      });
    }
    return byMs;
  }

  /** @throws {LambdaError} for a result that is too large, and for a callback that is closed. */
  answer(callbackId: string, outcome: CallbackOutcome): void {
    const operation = this.#openCallback(callbackId);
    const size = this.#checkedSize(
      "CALLBACK",
      "Result" in outcome ? outcome.Result : undefined,
      "Error" in outcome ? outcome.Error : undefined,
    );
    this.#checkTotals(this.#count, this.#writtenBytes + size);
    this.#writtenBytes += size;
    const isResult = "Result" in outcome;
    this.#closeCallback(operation, isResult ? "SUCCEEDED" : "FAILED", outcome);
  }

  heartbeat(callbackId: string, now: number): void {
    const { Id } = this.#openCallback(callbackId);
    const deadlines = this.#deadlinesOf(Id);
    const heartbeatAt = now + deadlines.heartbeatMs;
    this.#deadlines.set(Id, { ...deadlines, heartbeatAt });
  }

  /** Lets the time of a callback be over. */
  expire(callbackId: string): void {
    this.#closeCallback(this.#openCallback(callbackId), "TIMED_OUT", {
      Error: TIMED_OUT,
    });
  }

  hasCallback(callbackId: string): boolean {
    return this.#callback(callbackId) !== undefined;
  }

  #callback(callbackId: string): DurableOperation | undefined {
    return this.operations.find(
      ({ CallbackDetails }) => CallbackDetails?.CallbackId === callbackId,
    );
  }

  #openCallback(callbackId: string): DurableOperation {
    const operation = this.#callback(callbackId);
    if (operation?.Status !== "STARTED")
      throw new LambdaError(
        "CallbackTimeoutException",
        "The callback has timed out or has already been completed.",
      );
    return operation;
  }

  #closeCallback(
    operation: DurableOperation,
    Status: "SUCCEEDED" | "FAILED" | "TIMED_OUT",
    outcome: CallbackOutcome,
  ): void {
    this.#deadlines.delete(operation.Id);
    // Only a callback has these.
    const details = operation.CallbackDetails as { CallbackId: string };
    this.#set({
      ...operation,
      Status,
      EndTimestamp: Date.now(),
      CallbackDetails: { ...details, ...defined(outcome) },
    });
  }

  #set(operation: DurableOperation): void {
    this.#operations.set(operation.Id, operation);
    this.#unseen.set(operation.Id, operation);
  }

  #dueAt({
    Id,
    Status,
    ...operation
  }: Pick<DurableOperation, "Id" | "Status"> & Partial<DurableOperation>):
    | number
    | undefined {
    if (Status === "PENDING")
      return operation.StepDetails?.NextAttemptTimestamp;
    if (Status !== "STARTED") return undefined;
    const { timeoutAt, heartbeatAt } = this.#deadlinesOf(Id);
    const endsAt = operation.WaitDetails?.ScheduledEndTimestamp;
    return least([endsAt, timeoutAt, heartbeatAt]);
  }

  #timeoutOf({ Id }: DurableOperation, now: number): DurableError {
    const { timeoutAt } = this.#deadlinesOf(Id);
    return timeoutAt <= now ? TIMED_OUT : WITHOUT_HEARTBEAT;
  }

  #deadlinesOf(id: string): Deadlines {
    return this.#deadlines.get(id) ?? NO_DEADLINES;
  }

  #isPruned({ ParentId }: DurableOperation): boolean {
    const parent =
      ParentId === undefined ? undefined : this.#operations.get(ParentId);
    if (parent === undefined) return false;
    const isKept =
      parent.Status === "STARTED" ||
      parent.ContextDetails?.ReplayChildren === true;
    return !isKept || this.#isPruned(parent);
  }

  #checkedSize(
    type: string,
    payload: string | undefined,
    error: DurableError | undefined,
  ): number {
    const payloadBytes = bytesOf(payload);
    const { resultBytes } = this.#limits;
    if (payloadBytes > resultBytes)
      refuse(
        `${type} output payload size must be less than or equal to ${resultBytes} bytes.`,
      );
    const errorBytes = error === undefined ? 0 : bytesOf(JSON.stringify(error));
    if (errorBytes >= ERROR_BYTES)
      refuse(`Error object size must be less than ${ERROR_BYTES} bytes.`);
    return payloadBytes + errorBytes;
  }

  #checkTotals(count: number, writtenBytes: number): void {
    const limits = this.#limits;
    if (count > limits.operations)
      refuse(
        `The execution has reached its limit of ${limits.operations} operations.`,
      );
    if (writtenBytes > limits.writtenBytes)
      refuse(
        `The execution has reached its limit of ${limits.writtenBytes} written bytes.`,
      );
  }
}

const TIMED_OUT = {
  ErrorMessage: "Callback timed out",
  ErrorType: "Callback.Timeout",
};
const WITHOUT_HEARTBEAT = {
  ErrorMessage: "Callback timed out on heartbeat",
  ErrorType: "Callback.Heartbeat",
};

export const bytesOf = (text: string | undefined): number =>
  Buffer.byteLength(text ?? "");

function least(times: readonly (number | undefined)[]): number | undefined {
  const first = Math.min(...times.map((time) => time ?? Infinity));
  return Number.isFinite(first) ? first : undefined;
}

/** Zero, like none, is no deadline. */
function deadlinesOf(update: OperationUpdate, now: number): Deadlines {
  const heartbeatMs = (update.HeartbeatTimeoutSeconds || Infinity) * 1_000;
  return {
    timeoutAt: now + (update.TimeoutSeconds || Infinity) * 1_000,
    heartbeatMs,
    heartbeatAt: now + heartbeatMs,
  };
}

/** An id that has to be escaped in a path, as those of the service. */
function withCallbackId(operation: DurableOperation): DurableOperation {
  if (operation.Type !== "CALLBACK") return operation;
  const id = JSON.stringify({ id: randomUUID(), operation: operation.Id });
  return {
    ...operation,
    CallbackDetails: { CallbackId: Buffer.from(`${id}?>`).toString("base64") },
  };
}

function checkParent(
  { ParentId }: OperationUpdate,
  operations: ReadonlyMap<string, DurableOperation>,
): void {
  if (ParentId !== undefined && operations.get(ParentId)?.Type !== "CONTEXT")
    refuse("Invalid parent operation id.");
}

/** A start may be followed by the end of the same operation, once. */
function checkTwice(updates: readonly OperationUpdate[]): void {
  const last = new Map<string, OperationUpdate>();
  for (const update of updates) {
    const previous = last.get(update.Id);
    if (previous !== undefined && previous.Action !== "START")
      refuse("Cannot update the same operation twice in a single request.");
    last.set(update.Id, update);
  }
}
