import { warn } from "../checks/warn.ts";
import { ConfigurationError } from "../contract/errors.ts";
import type { Journal, Suspended } from "../contract/journal.ts";
import {
  type Given,
  type Interceptor,
  type ModelRequest,
  type ModelResponse,
  type Provider,
  type ProviderResponse,
  type Stage,
  ZERO_USAGE,
} from "../contract/model-call.ts";
import { ModelInvocationError } from "../contract/model-error.ts";
import { costInPicoUsd, PICO_USD_PER_USD } from "../models/cost.ts";
import { startTimer } from "../time/timer.ts";
import { within } from "../time/within.ts";
import { cutByDefault, hintOf } from "./answer-cut.ts";
import { Call } from "./call.ts";
import { Events } from "./events.ts";
import { asFailure, Observer } from "./observer.ts";
import { Operations } from "./operations.ts";
import { RunningCalls } from "./running-calls.ts";
import { Stages } from "./stages.ts";
import { stepScope } from "./step-scope.ts";
import { type TimeIsUp, timeIsUp } from "./time-is-up.ts";
import { Totals } from "./totals.ts";

/** What requests inherit from the provider middleware's options. */
export type RequestDefaults = Pick<ModelRequest, "model"> &
  Given<
    Omit<
      ModelRequest,
      | "model"
      | "messages"
      | "signal"
      | "onDelta"
      | "onActivity"
      | "onResponse"
      | "deadline"
    >
  >;

export interface InvocationOptions {
  readonly provider: Provider;
  readonly defaults: RequestDefaults;
  /** Milliseconds left, as Lambda tells it; `Infinity` where nothing limits the time. */
  readonly remainingTimeMs: () => number;
  /** The invocation of an outer provider middleware in the same Lambda invocation. */
  readonly parent?: Invocation | undefined;
  /** Runs at once when the invocation ends, before anything is awaited: the outer chain goes on meanwhile. */
  readonly onClose?: () => void;
}

/** What the invocation keeps to itself before Lambda's kill, so that an error can still be answered. */
const ANSWER_RESERVE_MS = 500;

/** How long after the deadline a call may still hang at most. */
const LONGEST_GRACE_MS = 2_500;

/** What hangs and is given up ends, and is told of, before what was observed is flushed. */
const GIVEN_UP_MS = 5;

/** From here on `shouldCheckpoint` says yes, unless a timeout guard sets its own buffer. */
const DEFAULT_BUFFER_MS = 5_000;

/**
 * One run of the Lambda handler: the interceptors in their stages, the deadline, the totals, the events and the
 * finalizers. Features meet here and nowhere else.
 */
export class Invocation {
  readonly provider: Provider;
  readonly defaults: RequestDefaults;
  readonly events: Events;
  readonly operations: Operations;
  readonly totals: Totals;
  readonly parent: Invocation | undefined;
  /** How much time before Lambda's timeout `shouldCheckpoint` becomes true, in milliseconds. */
  bufferMs: number;
  /**
   * What the caller of `invoke` and `stream` gets of an answer that the deadline cut off: an error, its text so far, or a
   * suspended run.
   */
  timeoutStrategy: TimeIsUp["timeoutStrategy"];
  /** What makes the steps of a program run once; undefined as long as nothing has asked for one. */
  journal: Journal | undefined;
  /** Why the run cannot go on here, where a model call outside of its steps was cut off. */
  suspended: Suspended | undefined;
  /** The share of the budget that is left, from 0 to 1; undefined where nothing keeps a budget. */
  budgetShareLeft: () => number | undefined;

  readonly #remainingTimeMs: () => number;
  readonly #onClose: (() => void) | undefined;
  readonly #timeoutAt: number;
  #deadline: number;
  readonly #stages: Stages;
  readonly #running = new RunningCalls((message) => timeIsUp(this, message));
  readonly #finalizers: (() => unknown)[] = [];
  readonly #flushes: (() => unknown)[] = [];
  #flushTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: InvocationOptions) {
    const { provider, defaults, parent } = options;
    this.provider = provider;
    this.defaults = defaults;
    this.parent = parent;
    this.#onClose = options.onClose;
    this.#stages = new Stages(
      parent === undefined ? undefined : parent.#stages,
    );
    this.events = new Events(parent?.events);
    this.operations = new Operations(this.events, parent?.operations);
    this.totals = new Totals(parent?.totals);
    this.#remainingTimeMs = options.remainingTimeMs;
    this.#timeoutAt = Date.now() + this.#remainingTimeMs();
    this.#deadline = Math.min(
      this.#timeoutAt - ANSWER_RESERVE_MS,
      parent?.deadline ?? Number.POSITIVE_INFINITY,
    );
    this.bufferMs = parent?.bufferMs ?? DEFAULT_BUFFER_MS;
    this.timeoutStrategy = parent?.timeoutStrategy ?? "fail-fast";
    this.journal = parent?.journal;
    this.budgetShareLeft = () => parent?.budgetShareLeft();
  }

  /** When model calls stop, in epoch milliseconds; `Infinity` without a Lambda deadline. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Moves the deadline forward; a later one than the present is ignored. */
  tightenDeadline(deadline: number): void {
    if (deadline < this.#deadline) this.#deadline = deadline;
  }

  /**
   * When what still hangs is given up, in epoch milliseconds: after the deadline, so that a model that stops there can be
   * answered for, and early enough before Lambda's timeout.
   */
  get backstop(): number {
    return this.#backstop(this.#deadline);
  }

  #backstop(deadline: number): number {
    if (deadline === Number.POSITIVE_INFINITY) return deadline;
    const graceMs = Math.max(0, (this.#timeoutAt - deadline) / 2);
    return deadline + Math.min(graceMs, LONGEST_GRACE_MS);
  }

  /** Milliseconds until Lambda's timeout. Can be negative. */
  get remainingTimeMs(): number {
    return this.#remainingTimeMs();
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Adds an interceptor to its stage, for the rest of the invocation.
   *
   * @throws {ConfigurationError} for a second one in the stage `retry`: two retry layers multiply their attempts.
   */
  intercept(stage: Stage, name: string, intercept: Interceptor): void {
    this.#stages.add(stage, name, intercept);
  }

  /**
   * Adds a flush that is awaited after the response, or after a streamed body's last byte; the last added runs first.
   *
   * @throws {ConfigurationError} after the end of the invocation.
   */
  addFinalizer(finalizer: () => unknown): void {
    if (this.closed) throw ended("add finalizers");
    this.#finalizers.push(finalizer);
  }

  /**
   * Adds a finalizer that is also run shortly before Lambda's timeout, when the invocation is still open then: what was
   * observed by that time outlives the kill.
   *
   * @throws {ConfigurationError} after the end of the invocation.
   */
  addFlush(flush: () => unknown): void {
    this.addFinalizer(flush);
    this.#flushes.push(flush);
    const delayMs = this.backstop + GIVEN_UP_MS - Date.now();
    this.#flushTimer ??= startTimer(delayMs, () => {
      // Beside each other: there is no time to wait for one that hangs.
      for (const one of this.#flushes) void finish("A flush failed", [one]);
    });
  }

  /** Sends a request through all stages. Every way to reach a model ends here. */
  async callModel(request: ModelRequest): Promise<ModelResponse> {
    if (this.closed) throw ended("await every model call");
    const response = await this.#observed(request);
    request.onResponse?.(response);
    return response;
  }

  /** Asks the provider for the number of input tokens; no interceptor sees it, because nothing is generated. */
  countTokens(request: ModelRequest): Promise<number> {
    if (this.closed) return Promise.reject(ended("await every model call"));
    const { provider } = this;
    return this.#send(request, async (sent) => {
      if (provider.countTokens === undefined)
        throw new ConfigurationError(
          `The provider "${provider.name}" cannot count tokens.`,
        );
      sent.signal?.throwIfAborted();
      return provider.countTokens(sent);
    });
  }

  /** With the deadline and the signal that hold for the call. */
  #send<T>(
    given: ModelRequest,
    run: (request: ModelRequest) => Promise<T>,
  ): Promise<T> {
    const request = inItsStep(tightened(given, this.#deadline));
    const backstop = this.#backstop(request.deadline ?? this.#deadline);
    return this.#running.run(request, backstop, run);
  }

  /**
   * Runs what the handler's code is given a promise of. It may fail while another one is awaited, or after the invocation has
   * ended: an unhandled rejection would end the process. Whoever awaits it sees its error, and so do the listeners of
   * `call-error`.
   */
  track<T>(run: () => Promise<T>): Promise<T> {
    const promise = run();
    promise.catch(() => {});
    return promise;
  }

  /** Observers see the call end also when it is given up. */
  async #observed(given: ModelRequest): Promise<ModelResponse> {
    const call = new Call(this.totals);
    const { callId, totals } = call;
    const request = call.watch(tightened(given, this.#deadline));
    const { provider } = this;
    const start = performance.now();
    return this.operations.run(
      { kind: "call", callId, request, provider, totals },
      async ({ parent }) => {
        const facts = { callId, request, parent };
        this.events.emit("call-start", facts);
        try {
          const response = await this.#send(request, (sent) =>
            this.#run(sent, call),
          );
          const durationMs = performance.now() - start;
          const ended = { ...facts, provider, totals, durationMs };
          this.events.emit("call-end", { ...ended, response });
          return response;
        } catch (error) {
          call.giveUp(error);
          const durationMs = performance.now() - start;
          const ended = { ...facts, provider, totals, durationMs };
          this.events.emit("call-error", { ...ended, error });
          throw error;
        }
      },
      completed,
    );
  }

  async #run(request: ModelRequest, call: Call): Promise<ModelResponse> {
    const { deadline = Number.POSITIVE_INFINITY } = request;
    const send = this.#stages.around((given) => {
      const asked = tightened(given, deadline);
      const { callId, totals } = call;
      totals.countAttempt();
      const attempt = totals.attempts;
      return this.operations.run(
        { kind: "attempt", callId, attempt, request: asked },
        () => this.#attempt(asked, call, attempt),
        completed,
      );
    }, call);
    const answered = await send(request);
    return { ...answered, attempts: call.totals.attempts };
  }

  async #attempt(
    request: ModelRequest,
    call: Call,
    attempt: number,
  ): Promise<ModelResponse> {
    const { totals } = call;
    const facts = { callId: call.callId, attempt, request };
    this.events.emit("attempt-start", facts);
    const fail = (error: unknown) => {
      this.events.emit("attempt-error", { ...facts, error });
    };
    const hasEnded = call.openAttempt(fail);
    const observer = new Observer(request);
    let answered: ProviderResponse | undefined;
    let sent = false;
    let isFitted = false;
    try {
      request.signal?.throwIfAborted();
      sent = true;
      answered = await this.provider.call(observer.request, {
        onAdapted: (adaptations) => {
          isFitted ||= adaptations.some(
            ({ setting }) => setting === "maxTokens",
          );
          this.events.emit("request-adapted", { ...facts, adaptations });
        },
        onQueue: (isWaiting) => {
          this.events.emit("attempt-queue", { ...facts, isWaiting });
        },
      });
      const costUsd = count(answered, totals);
      observer.end();
      // One that had to fit beside the prompt is no default: a larger one would be refused.
      const maxTokens = isFitted ? undefined : cutByDefault(request, answered);
      const response: ModelResponse = {
        ...answered,
        costUsd,
        attempts: attempt,
        ...(maxTokens !== undefined && { hint: hintOf(maxTokens) }),
      };
      if (hasEnded()) this.events.emit("attempt-end", { ...facts, response });
      if (maxTokens !== undefined)
        this.events.emit("answer-cut", { ...facts, response, maxTokens });
      return response;
    } catch (failure) {
      const { thrown } = observer;
      const error = thrown ? thrown.error : asFailure(failure, request, sent);
      totals.countFailure();
      // What an observer has thrown says nothing of the attempt, whatever it is; what the provider says counts.
      if (answered === undefined)
        countFailure(failure, thrown !== undefined, totals);
      if (hasEnded()) fail(error);
      throw error;
    }
  }

  /**
   * Aborts what is in flight, waits for it, and runs the finalizers, last added first. Runs once; what a finalizer
   * throws becomes a process warning.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#onClose?.();
    clearTimeout(this.#flushTimer);
    if (this.#running.size === 0 && this.#finalizers.length === 0) return;
    // A store that never answers must not keep the response from being sent.
    const leftMs = this.#timeoutAt - Date.now();
    const limitMs = leftMs - Math.min(ANSWER_RESERVE_MS, leftMs) / 2;
    const onTimeUp = () =>
      warn("The end of the invocation took too long", "not waited for");
    await within({ limitMs, onTimeUp }, () => this.#finish());
  }

  async #finish(): Promise<void> {
    if (this.#running.size > 0) await this.#running.abort();
    await finish("A finalizer failed", this.#finalizers.reverse());
  }
}

function countFailure(failure: unknown, begun: boolean, totals: Totals): void {
  const known = ModelInvocationError.isInstance(failure);
  if (known && failure.partial !== undefined) count(failure.partial, totals);
  else if (begun || (known && failure.billed !== "none"))
    // Something may have been billed, and nobody knows what: the totals are estimates from here on.
    totals.countUsage({ ...ZERO_USAGE, estimated: true }, 0, 0);
}

function count(answered: ProviderResponse, totals: Totals): number | undefined {
  const picoUsd = costInPicoUsd(answered);
  totals.countUsage(answered.usage, answered.latencyMs, picoUsd);
  stepScope()?.spending.add(picoUsd);
  return picoUsd === undefined ? undefined : picoUsd / PICO_USD_PER_USD;
}

async function finish(
  failed: string,
  finalizers: readonly (() => unknown)[],
): Promise<void> {
  for (const finalizer of finalizers)
    try {
      await finalizer();
    } catch (error) {
      warn(failed, error);
    }
}

function completed(result: ModelResponse) {
  return { status: "completed", result } as const;
}

/** Interceptors may only tighten the deadline; a looser one counts as this one. */
function tightened(request: ModelRequest, deadline: number): ModelRequest {
  const { deadline: own = Number.POSITIVE_INFINITY } = request;
  return own <= deadline ? request : { ...request, deadline };
}

function inItsStep(request: ModelRequest): ModelRequest {
  const ofStep = stepScope()?.signal;
  if (ofStep === undefined) return request;
  const { signal = ofStep } = request;
  return { ...request, signal: AbortSignal.any([signal, ofStep]) };
}

function ended(what: string): ConfigurationError {
  return new ConfigurationError(
    `The invocation has ended: ${what} before the handler returns.`,
  );
}
