import { hide, LambdaLLMError } from "../contract/errors.ts";
import {
  hideRetryAfter,
  type RetryAfterHeaders,
} from "../contract/retry-after.ts";
import type { Turn } from "./session-store.ts";

export interface BudgetFailure {
  /** Whose budget, such as a tenant or a chain. */
  readonly scope: string;
  readonly period: "daily" | "monthly" | "run";
  readonly limitUsd: number;
  /** Spent and reserved at that moment. */
  readonly usedUsd: number;
  /** The upper bound of what the refused call could have cost; left out when no call was being made. */
  readonly neededUsd?: number;
  /** Until the budget starts again; left out when waiting does not help. */
  readonly retryAfterMs?: number;
}

/** The budget does not allow the call. Nothing was sent. */
export class BudgetExceededError extends LambdaLLMError {
  static override readonly errorName = "BudgetExceededError";

  readonly scope: string;
  readonly period: "daily" | "monthly" | "run";
  readonly limitUsd: number;
  readonly usedUsd: number;
  declare readonly neededUsd?: number;
  declare readonly retryAfterMs?: number;
  /** For `@middy/http-error-handler`: `retryAfterMs` in seconds. Not enumerable. */
  declare readonly headers?: RetryAfterHeaders;

  constructor(message: string, failure: BudgetFailure) {
    super(message, { code: "BUDGET_EXCEEDED", statusCode: 429 });
    this.scope = failure.scope;
    this.period = failure.period;
    this.limitUsd = failure.limitUsd;
    this.usedUsd = failure.usedUsd;
    const { neededUsd, retryAfterMs } = failure;
    if (neededUsd !== undefined) Object.assign(this, { neededUsd });
    if (retryAfterMs !== undefined) Object.assign(this, { retryAfterMs });
    hideRetryAfter(this, retryAfterMs);
  }
}

/** Somebody else has written to the session since it was loaded. */
export class SessionConflictError extends LambdaLLMError {
  static override readonly errorName = "SessionConflictError";

  /** The turns that were written meanwhile. Not enumerable: they hold what was said. */
  declare readonly newerTurns: readonly Turn[];

  constructor(message: string, newerTurns: readonly Turn[] = []) {
    super(message, {
      code: "SESSION_CONFLICT",
      statusCode: 409,
      retryable: true,
    });
    hide(this, "newerTurns", newerTurns);
  }
}

/** The step is running somewhere else. */
export class StepInProgressError extends LambdaLLMError {
  static override readonly errorName = "StepInProgressError";

  readonly runId: string;
  readonly step: string;
  /** Epoch milliseconds, when the other's lease is over. */
  readonly expiresAt: number;
  /** From now, when the error is made, until then. At least 0. */
  readonly retryAfterMs: number;
  /** For `@middy/http-error-handler`: `retryAfterMs` in seconds. Not enumerable. */
  declare readonly headers?: RetryAfterHeaders;

  constructor(
    message: string,
    step: {
      readonly runId: string;
      readonly step: string;
      readonly expiresAt: number;
    },
  ) {
    super(message, {
      code: "STEP_IN_PROGRESS",
      statusCode: 409,
      retryable: true,
    });
    this.runId = step.runId;
    this.step = step.step;
    this.expiresAt = step.expiresAt;
    this.retryAfterMs = Math.max(0, step.expiresAt - Date.now());
    hideRetryAfter(this, this.retryAfterMs);
  }
}

/** Why a store failed. An open set. */
export type StoreFailureReason =
  | "throttled"
  | "unavailable"
  /** The deadline of the operation came first. */
  | "timeout"
  | "access-denied"
  /** The table, or whatever holds the data, does not exist. */
  | "not-found"
  /** What was to be stored is larger than the store can hold. */
  | "too-large"
  /** What was read is not what was written. */
  | "corrupt"
  | "invalid-request"
  | (string & {});

/** The others are of the set-up, and no caller's business. */
const PASSING: ReadonlySet<string> = new Set([
  "throttled",
  "unavailable",
  "timeout",
  "too-large",
]);

/** A store could not do what it was asked to. What was acknowledged before is safe. */
export class StoreError extends LambdaLLMError {
  static override readonly errorName = "StoreError";

  readonly reason: StoreFailureReason;
  /** The operation, such as `append`. */
  readonly operation: string;
  /** The service's own name of the error. */
  declare readonly serviceError?: string;

  constructor(
    message: string,
    failure: {
      readonly reason: StoreFailureReason;
      readonly operation: string;
      readonly retryable?: boolean;
      readonly serviceError?: string | undefined;
      readonly cause?: unknown;
    },
  ) {
    const { reason, operation, retryable, serviceError, cause } = failure;
    super(message, {
      code: "STORE",
      statusCode: reason === "too-large" ? 413 : 503,
      expose: PASSING.has(reason),
      retryable: retryable ?? false,
      cause,
    });
    this.reason = reason;
    this.operation = operation;
    if (serviceError !== undefined) Object.assign(this, { serviceError });
  }
}
