import { hide, LambdaLLMError } from "./errors.ts";

/** What a step is told. */
export interface StepInfo {
  /** Stays the same when the step runs again: the idempotency key for services that take one. */
  readonly key: string;
  /** From 1; counts the retries that `retry` asked for. */
  readonly attempt: number;
  /** Aborts when the time for the step is over. */
  readonly signal: AbortSignal;
  /** USD that the model calls of this step have cost so far; undefined once one of an unknown price was made. */
  readonly costUsd: number | undefined;
}

/** Whether a step that failed is tried again, and when. `attempt` is the one that failed, from 1. */
export type Retry = (
  error: StepFailure,
  attempt: number,
) => false | { readonly delayMs: number };

export interface StepOptions {
  /** @default no retry */
  readonly retry?: Retry | undefined;
  /** How much JSON the result may have, in bytes. @default the journal's own limit, 250 KB where it has none */
  readonly maxBytes?: number | undefined;
  /**
   * Awaited before the step is started, for programs that bound how many run at the same time; a step that is recorded waits for
   * nobody. A journal may leave it to `fn` to wait.
   */
  readonly turn?: (() => Promise<void>) | undefined;
}

/** How a branch ended. */
export type Settled<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: StepFailure };

/**
 * A part of a program, with a journal of its own.
 *
 * @param outcomes How the branches end, this one too, in their order. A branch that needs another one's value waits for it
 * here, and nowhere else: a branch that is done is not run again, and what it left in variables is not there.
 */
export type Branch<T> = (
  journal: Journal,
  outcomes: readonly Promise<Settled<T>>[],
) => Promise<T>;

/**
 * Makes each step of a program run once. The program is an async function that runs from its top each time; a step that is
 * done returns what was recorded, and whatever the host is (memory, a store, a durable function), the results and the
 * errors are equal.
 *
 * Its position is a step's identity: the program may depend on its input and on what steps return, and on nothing else, such as
 * the clock, chance or variables of the module. What a step returns passes through JSON (bytes stay bytes, and undefined
 * stays undefined).
 */
export interface Journal {
  readonly runId: string;
  /**
   * Runs `fn`, or returns what was recorded at this position. Steps that are started together, as by `Promise.all`, run
   * together; a step does not start another one.
   *
   * @throws {StepFailure} `fn` failed, now or then; its result has no JSON (`RESULT_NOT_JSON`) or too much of it
   * (`RESULT_TOO_LARGE`); it never came to its end (`STEP_NEVER_ENDED`).
   * @throws {Suspended} There is no time left for it. Let it pass.
   * @throws {JournalMismatchError} Another step was recorded here.
   */
  step<T>(
    name: string,
    fn: (info: StepInfo) => Promise<T>,
    options?: StepOptions,
  ): Promise<T>;
  /** Runs branches at the same time, and returns how they ended, in their order. Their failures are outcomes and not thrown. */
  all<T>(
    name: string,
    branches: readonly Branch<T>[],
    options?: {
      /** How many run at the same time. Then a branch may wait for the outcomes of earlier ones only. @default all */
      readonly concurrency?: number | undefined;
    },
  ): Promise<Settled<T>[]>;
  /** Waits, without keeping the process where the host can. */
  sleep(name: string, ms: number): Promise<void>;
  /**
   * Asks somebody outside and returns the answer, which is JSON.
   *
   * @param submit Passes the token on, to whoever answers. It is a step: it is called again, with the same token, when its
   * process was killed or had no time left, and its failure is that of the question.
   * @throws {StepFailure} `ASK_TIMEOUT`: no answer within `timeoutMs`. `submit` has failed.
   * @throws {Suspended} There is no answer yet. Let it pass.
   */
  ask<T>(
    name: string,
    submit: (token: string, info: StepInfo) => Promise<void>,
    options?: {
      /** In milliseconds from the moment it was asked. @default no limit */
      readonly timeoutMs?: number | undefined;
    },
  ): Promise<T>;
}

/** Why a step failed, as it was recorded. */
export interface Failure {
  readonly step: string;
  readonly code: string;
  readonly message: string;
  readonly statusCode: number;
  readonly expose: boolean;
  readonly retryable: boolean;
  /** What the error had of its own, as JSON. */
  readonly data?: unknown;
  readonly stack?: string | undefined;
  /** Null when it is unknown, left out when there were no model calls. */
  readonly costUsd?: number | null | undefined;
}

/**
 * A step failed. Its error was recorded, and comes back equal each time: its `code` (or its name, where it had none), its message,
 * `statusCode`, `expose` and `retryable`, and as `data` what else it had of its own as JSON.
 */
export class StepFailure extends LambdaLLMError {
  static override readonly errorName = "StepFailure";

  /** The name of the step. */
  readonly step: string;
  declare readonly data?: unknown;
  /** USD that the model calls of the step cost; undefined when nobody knows. */
  readonly costUsd: number | undefined;

  constructor(failure: Failure) {
    const { step, message, data, stack, costUsd = 0, ...details } = failure;
    super(message, details);
    this.step = step;
    this.costUsd = costUsd ?? undefined;
    if (data !== undefined) Object.assign(this, { data });
    // Where it was thrown, not where it was read again.
    if (stack !== undefined) hide(this, "stack", stack);
  }
}

/** Somebody's answer that a run is waiting for. */
export interface WaitingFor {
  /** The name of the question. */
  readonly name: string;
  /** Names the question to the one who answers. A secret: whoever has it may answer. */
  readonly token: string;
}

/**
 * The run cannot go on in this invocation: it waits for a moment or for an answer, or there is no time left. It is no failure: let it
 * pass. Whoever asks the journal for more after it gets it again.
 */
export class Suspended extends LambdaLLMError {
  static override readonly errorName = "Suspended";

  readonly runId: string;
  /** Epoch milliseconds from which on the run can be resumed. Left out when only answers help. */
  declare readonly resumeAt?: number;
  /** Not enumerable: it holds the tokens. */
  declare readonly waitingFor: readonly WaitingFor[];

  constructor(
    runId: string,
    reason: {
      readonly resumeAt?: number | undefined;
      readonly waitingFor?: readonly WaitingFor[] | undefined;
    },
  ) {
    super("The run is suspended; it goes on when it is resumed.", {
      code: "SUSPENDED",
      statusCode: 202,
      retryable: true,
    });
    this.runId = runId;
    if (reason.resumeAt !== undefined)
      Object.assign(this, { resumeAt: reason.resumeAt });
    hide(this, "waitingFor", reason.waitingFor ?? []);
  }
}

/** The program has changed since the run began: what it asks for is not what was recorded. Nothing was run or lost. */
export class JournalMismatchError extends LambdaLLMError {
  static override readonly errorName = "JournalMismatchError";

  readonly runId: string;
  /** What was recorded, such as `step "outline"`; left out when nothing was. */
  declare readonly recorded?: string;
  /** What the program asks for; left out when it has ended. */
  declare readonly asked?: string;

  constructor(
    runId: string,
    difference: {
      readonly position: string;
      readonly recorded?: string | undefined;
      readonly asked?: string | undefined;
    },
  ) {
    const { position, recorded, asked } = difference;
    super(
      `The run was recorded with ${recorded ?? "nothing"} at position ${position}, and the program ${asked === undefined ? "ends without it" : `asks for ${asked} there`}: it was changed, by a deployment for example, after the run had begun. Finish the run with the version that began it, or start a new one.`,
      { code: "JOURNAL_MISMATCH", statusCode: 409, expose: false },
    );
    this.runId = runId;
    if (recorded !== undefined) Object.assign(this, { recorded });
    if (asked !== undefined) Object.assign(this, { asked });
  }
}
