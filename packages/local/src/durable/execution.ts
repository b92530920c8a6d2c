import { randomUUID } from "node:crypto";
import { isObject, MAX_TIMER_MS, startTimer } from "@lambdallm/core/feature";
import {
  type FunctionContext,
  functionContext,
} from "../function-url/function-context.ts";
import { traceOf, traceRoot } from "../function-url/trace.ts";
import { defined, member, stringAt } from "../json.ts";
import { refuse } from "./lambda-error.ts";
import {
  bytesOf,
  type DurableCallback,
  type DurableLimits,
  Ledger,
} from "./ledger.ts";
import {
  type DurableError,
  type DurableOperation,
  withTimes,
} from "./operation.ts";
import { type Page, pageOf } from "./pages.ts";
import { errorOf, type OperationUpdate, updatesOf } from "./updates.ts";

/** What the function is invoked with. */
export interface DurableEvent {
  readonly DurableExecutionArn: string;
  readonly CheckpointToken: string;
  readonly InitialExecutionState: {
    readonly Operations: readonly DurableOperation<string>[];
    readonly NextMarker?: string;
  };
  readonly UpdatedOperationIds?: readonly string[];
}

/** What an invocation is given beside its event. */
export interface DurableInvokeOptions {
  /** Lambda's context, with the time that is left until the function's timeout. */
  readonly context: FunctionContext;
  /** Aborted at the function's timeout, and when the execution is stopped. */
  readonly signal: AbortSignal;
}

/** Runs the function once. A rejection is an invocation that has failed, such as by a process that died. */
export type DurableInvoke = (
  event: DurableEvent,
  options: DurableInvokeOptions,
) => unknown;

/** How an execution has ended. */
export interface DurableResult {
  readonly status: "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED";
  /** What the function returned. */
  readonly result?: unknown;
  readonly error?: DurableError;
}

/** How an invocation has ended: `ERROR` when it failed, and is repeated. */
export interface DurableInvocation {
  readonly status: "SUCCEEDED" | "FAILED" | "PENDING" | "ERROR";
  readonly error?: unknown;
}

/** One run of a durable function. */
export interface LocalExecution {
  readonly arn: string;
  readonly input: unknown;
  readonly status: "RUNNING" | DurableResult["status"];
  /** All operations in the order of their start, the `EXECUTION` first. */
  readonly operations: readonly DurableOperation[];
  /** The invocations that have ended. */
  readonly invocations: readonly DurableInvocation[];
  /** Those that wait for an answer. */
  readonly callbacks: readonly DurableCallback[];
  /** Resolves when the execution has ended; it never rejects. */
  readonly result: Promise<DurableResult>;
  /** Resolves when only answers help, or it has ended: nothing runs, no wait and no retry is to come. */
  rest(): Promise<void>;
  /** Ends it as `STOPPED`. */
  stop(): void;
}

export interface ExecutionOptions {
  readonly invoke: DurableInvoke;
  readonly functionName: string;
  readonly skipTime: boolean;
  readonly timeoutMs: number;
  readonly executionTimeoutSeconds: number;
  readonly limits: DurableLimits;
}

/** What an asynchronous invocation may be given, and may return. */
const PAYLOAD_BYTES = 1_048_576;

const iso = (epochMs: number) => new Date(epochMs).toISOString();

export class Execution implements LocalExecution {
  readonly arn: string;
  readonly input: unknown;
  readonly invocations: DurableInvocation[] = [];
  readonly result: Promise<DurableResult>;
  readonly ledger: Ledger;
  readonly #options: ExecutionOptions;
  readonly #stopped = new AbortController();
  #deadline: number;
  #outcome: DurableResult | undefined;
  #token: string | undefined;
  #lastCheckpoint: { key: string; answer: object } | undefined;
  #wake = () => {};
  #isResting = false;
  readonly #onRest: (() => void)[] = [];

  constructor(input: unknown, options: ExecutionOptions) {
    const now = Date.now();
    const InputPayload = JSON.stringify(input) ?? "null";
    if (bytesOf(InputPayload) > PAYLOAD_BYTES)
      refuse(
        `Execution input payload size must be less than or equal to ${PAYLOAD_BYTES} bytes.`,
      );
    this.input = input;
    this.#options = options;
    this.#deadline = now + options.executionTimeoutSeconds * 1_000;
    const id = randomUUID();
    this.arn = `${this.#context("", 0).invokedFunctionArn}:$LATEST/durable-execution/${randomUUID()}/${id}`;
    this.ledger = new Ledger(
      {
        Id: id,
        Type: "EXECUTION",
        Status: "STARTED",
        StartTimestamp: now,
        ExecutionDetails: { InputPayload },
      },
      options.limits,
    );
    this.result = this.#drive();
  }

  get status(): LocalExecution["status"] {
    return this.#outcome?.status ?? "RUNNING";
  }

  get operations(): readonly DurableOperation[] {
    return this.ledger.operations;
  }

  get callbacks(): readonly DurableCallback[] {
    return this.ledger.callbacks;
  }

  async rest(): Promise<void> {
    if (this.#isResting && !this.ledger.hasUnseen) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onRest.push(resolve);
    await Promise.race([promise, this.result]);
  }

  stop(): void {
    this.#outcome ??= { status: "STOPPED" };
    this.#stopped.abort();
    this.#wake();
  }

  /** Tells it that a callback has been answered. */
  wake(): void {
    this.#wake();
  }

  /** CheckpointDurableExecution: takes the token, applies the updates, tells what has changed. */
  checkpoint(body: unknown): object {
    const token = stringAt(body, "CheckpointToken");
    // The AWS SDK repeats a request that got no answer; both have the same client token.
    const key = `${token} ${stringAt(body, "ClientToken") ?? randomUUID()}`;
    if (this.#lastCheckpoint?.key === key) return this.#lastCheckpoint.answer;
    this.#checkToken(token);
    const updates = updatesOf(body);
    const ends = updates.find(({ Type }) => Type === "EXECUTION");
    if (ends !== undefined && ends !== updates.at(-1))
      refuse("EXECUTION checkpoint must be the last update.");
    const now = Date.now();
    this.ledger.apply(ends ? updates.slice(0, -1) : updates, now);
    if (ends) this.#endBy(ends);
    this.ledger.fireDue(now);
    // Without a token nothing more is taken.
    this.#token = ends ? undefined : randomUUID();
    const answer = {
      ...defined({ CheckpointToken: this.#token }),
      NewExecutionState: {
        Operations: this.ledger.takeUnseen().map(inSeconds),
      },
    };
    this.#lastCheckpoint = { key, answer };
    return answer;
  }

  /** GetDurableExecutionState: one page of what is replayed. */
  state(query: URLSearchParams): object {
    this.#checkToken(query.get("CheckpointToken"));
    const page = pageOf(this.ledger.replayed.map(inSeconds), query);
    return answerOf(page);
  }

  async #drive(): Promise<DurableResult> {
    let failures = 0;
    // A caller has the execution in hand before its first invocation.
    await undefined;
    for (;;) {
      const hasFailed = !(await this.#invokeOnce());
      if (this.#outcome !== undefined) return this.#outcome;
      failures = hasFailed ? failures + 1 : 0;
      if (hasFailed) await this.#untilTime(1_000 * 2 ** (failures - 1));
      else await this.#untilChanged();
      // Set meanwhile.
      const outcome = this.#outcome as DurableResult | undefined;
      if (outcome !== undefined) return outcome;
    }
  }

  /** @returns whether the invocation has given an answer */
  async #invokeOnce(): Promise<boolean> {
    const { invoke, timeoutMs } = this.#options;
    const ending = new AbortController();
    const signal = AbortSignal.any([ending.signal, this.#stopped.signal]);
    const context = this.#context(randomUUID(), Date.now() + timeoutMs);
    const event = this.#event();
    const { promise: cut, reject } = Promise.withResolvers<never>();
    const seconds = (timeoutMs / 1_000).toFixed(2);
    const timer = setTimeout(() => {
      ending.abort();
      reject(new Error(`Task timed out after ${seconds} seconds`));
    }, timeoutMs);
    const stop = () => reject(new Error("The execution was stopped."));
    this.#stopped.signal.addEventListener("abort", stop);
    try {
      const running = (async () => invoke(event, { context, signal }))();
      this.#takeAnswer(asJson(await Promise.race([running, cut])));
      return true;
    } catch (error) {
      this.invocations.push({ status: "ERROR", error });
      return false;
    } finally {
      clearTimeout(timer);
      this.#stopped.signal.removeEventListener("abort", stop);
      this.#token = undefined;
    }
  }

  #event(): DurableEvent {
    const updated = this.ledger.takeUnseen().map(({ Id }) => Id);
    this.#token = randomUUID();
    this.#lastCheckpoint = undefined;
    const operations = this.ledger.replayed.map((one) => withTimes(one, iso));
    const state = answerOf(pageOf(operations, new URLSearchParams()));
    // Nobody shares objects with a service.
    return JSON.parse(
      JSON.stringify({
        DurableExecutionArn: this.arn,
        CheckpointToken: this.#token,
        InitialExecutionState: state,
        UpdatedOperationIds: updated,
      }),
    ) as DurableEvent;
  }

  #takeAnswer(answer: unknown): void {
    const status = stringAt(answer, "Status");
    const error = member(answer, "Error");
    const known = ["SUCCEEDED", "FAILED", "PENDING"] as const;
    const found = known.find((one) => one === status);
    this.invocations.push({
      status: found ?? "FAILED",
      ...(isObject(error) && { error: errorOf(error) }),
    });
    if (this.#outcome !== undefined) return;
    const wrong = this.#wrongIn(answer, found);
    if (wrong !== undefined)
      this.#outcome = {
        status: "FAILED",
        error: {
          ErrorMessage: wrong,
          ErrorType: "InvalidParameterValueException",
        },
      };
    else if (found === "SUCCEEDED")
      this.#outcome = succeeded(stringAt(answer, "Result"));
    else if (found === "FAILED")
      this.#outcome = { status: "FAILED", error: errorOf(error) };
  }

  /** Why the service does not take an answer. */
  #wrongIn(
    answer: unknown,
    status: DurableInvocation["status"] | undefined,
  ): string | undefined {
    const result = stringAt(answer, "Result");
    if (status === undefined) return "Invalid Status in invocation output.";
    if (status === "SUCCEEDED" && isObject(member(answer, "Error")))
      return "Cannot provide an Error for SUCCEEDED status.";
    if (status === "FAILED" && result !== undefined)
      return "Cannot provide a Result for FAILED status.";
    if (bytesOf(result) > PAYLOAD_BYTES) return TOO_LARGE;
    const { isPending, hasUnseen } = this.ledger;
    if (status === "PENDING" && !isPending && !hasUnseen)
      return "Cannot return PENDING status with no pending operations.";
    return undefined;
  }

  #endBy({ Action, Payload, Error: error }: OperationUpdate): void {
    if (bytesOf(Payload) > PAYLOAD_BYTES) refuse(TOO_LARGE);
    if (Action === "SUCCEED") this.#outcome ??= succeeded(Payload);
    else this.#outcome ??= { status: "FAILED", error: error ?? {} };
  }

  #checkToken(token: string | null | undefined): void {
    if (token === undefined || token !== this.#token)
      refuse("Invalid checkpoint token");
  }

  /** Until there is something that the function does not know. */
  async #untilChanged(): Promise<void> {
    while (this.#outcome === undefined && !this.ledger.hasUnseen) {
      const now = Date.now();
      if (this.#options.skipTime) this.#deadline -= this.ledger.skip(now);
      const dueAt = this.ledger.nextDueAt() ?? Infinity;
      this.#isResting = !this.ledger.hasTimers;
      if (this.#isResting)
        for (const resolve of this.#onRest.splice(0)) resolve();
      await this.#sleepUntil(Math.min(dueAt, this.#deadline));
      this.#isResting = false;
      this.ledger.fireDue(Date.now());
      this.#checkDeadline();
    }
  }

  /** The back-off after an invocation that failed. */
  async #untilTime(delayMs: number): Promise<void> {
    if (this.#options.skipTime) this.#deadline -= delayMs;
    const until = this.#options.skipTime ? 0 : Date.now() + delayMs;
    this.#checkDeadline();
    while (this.#outcome === undefined && Date.now() < until) {
      await this.#sleepUntil(Math.min(until, this.#deadline));
      this.#checkDeadline();
    }
    this.ledger.fireDue(Date.now());
  }

  async #sleepUntil(time: number): Promise<void> {
    const delayMs = Math.min(time - Date.now(), MAX_TIMER_MS);
    if (delayMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = startTimer(delayMs, resolve);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => {};
  }

  #checkDeadline(): void {
    if (Date.now() >= this.#deadline)
      this.#outcome ??= {
        status: "TIMED_OUT",
        error: { ErrorMessage: "The execution has timed out." },
      };
  }

  #context(requestId: string, deadline: number): FunctionContext {
    const { functionName } = this.#options;
    return functionContext(
      { functionName, memoryLimitInMB: 128 },
      requestId,
      deadline,
      traceOf(traceRoot()),
    );
  }
}

const TOO_LARGE = `Execution output payload size must be less than or equal to ${PAYLOAD_BYTES} bytes.`;

const inSeconds = (operation: DurableOperation) =>
  withTimes(operation, (epochMs) => epochMs / 1_000);

function answerOf({ operations, marker }: Page): object {
  return defined({ Operations: operations, NextMarker: marker });
}

function succeeded(result: string | undefined): DurableResult {
  return result === undefined || result === ""
    ? { status: "SUCCEEDED" }
    : { status: "SUCCEEDED", result: JSON.parse(result) };
}

/** What is left of an answer on its way out of a process. */
function asJson(answer: unknown): unknown {
  const json: string | undefined = JSON.stringify(answer);
  return json === undefined ? undefined : JSON.parse(json);
}
