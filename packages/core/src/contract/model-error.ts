import { hide, LambdaLLMError } from "./errors.ts";
import type { ProviderResponse } from "./model-call.ts";
import { hideRetryAfter, type RetryAfterHeaders } from "./retry-after.ts";

/** Why a model call failed. An open set: compare the ones you handle and treat the rest as failures. */
export type FailureReason =
  /** Rate quota of the account or the model. */
  | "throttled"
  /** A quota that will not recover within minutes. */
  | "quota"
  /** The service is overloaded or failed on its side. */
  | "unavailable"
  /** The model itself failed or took too long. */
  | "model-failed"
  /** The answer broke off before its end. */
  | "interrupted"
  /** The answer did not begin, or did not go on, in the time that a timeout guard gives it. */
  | "stalled"
  /** The connection could not be made or was lost. */
  | "connection"
  /** The request is not valid for the service. */
  | "invalid-request"
  /** The model cannot do what the request asks for: tools, system prompt, schema, sampling. */
  | "capability"
  /** The prompt does not fit into the model's context. */
  | "context-overflow"
  | "access-denied"
  /** Missing, expired or wrong credentials. */
  | "credentials"
  | "model-not-found"
  /** The model reached its end of life. */
  | "model-retired"
  /** It failed too often lately, and was not asked. */
  | "circuit-open"
  /** The caller's signal or the end of the invocation. */
  | "aborted"
  | (string & {});

export interface ModelFailure {
  readonly reason: FailureReason;
  readonly model: string;
  readonly retryable?: boolean;
  /** What a failed attempt costs: nothing, something, or nobody knows. */
  readonly billed?: "none" | "partial" | "unknown";
  readonly retryAfterMs?: number;
  /** The service's own name of the error, such as `ThrottlingException`. */
  readonly serviceError?: string;
  /** What the service said, without what it may quote of the request. */
  readonly serviceMessage?: string;
  readonly httpStatusCode?: number;
  readonly requestId?: string;
  /** What had arrived before the failure; usage is estimated. */
  readonly partial?: ProviderResponse;
  /** Every attempt of the call, when it took more than one. */
  readonly errors?: readonly FailedAttempt[];
  readonly cause?: unknown;
}

const COME_BACK_LATER: ReadonlySet<string> = new Set([
  "throttled",
  "quota",
  "circuit-open",
]);

/** These speak of the set-up: of permissions, ids and code, which are no caller's business. */
const ABOUT_THE_SETUP: ReadonlySet<string> = new Set([
  "access-denied",
  "credentials",
  "model-not-found",
  "model-retired",
  "invalid-request",
  "capability",
]);

/** One of the attempts of a call that failed. */
export interface FailedAttempt {
  readonly model: string;
  /** What had been waited before it, in milliseconds. */
  readonly waitMs: number;
  /** Those of `error`: all of it that a log shows. */
  readonly reason: FailureReason;
  readonly message: string;
  /** Not enumerable: a list of stacks and causes is nothing to read. */
  readonly error: ModelInvocationError;
}

/**
 * A model call failed. Its message may be shown to a caller (`expose`), except where it speaks of the set-up: for the reasons
 * `access-denied`, `credentials`, `model-not-found`, `model-retired`, `invalid-request` and `capability` it is for the log.
 */
export class ModelInvocationError extends LambdaLLMError {
  static override readonly errorName: string = "ModelInvocationError";

  readonly reason: FailureReason;
  readonly model: string;
  readonly billed: "none" | "partial" | "unknown";
  /** How long to wait before the next call, when the service or a circuit breaker says it. */
  declare readonly retryAfterMs?: number;
  /** For `@middy/http-error-handler`, of a 503: `retryAfterMs` in seconds. Not enumerable. */
  declare readonly headers?: RetryAfterHeaders;
  declare readonly serviceError?: string;
  declare readonly serviceMessage?: string;
  declare readonly httpStatusCode?: number;
  declare readonly requestId?: string;
  /** Every attempt of the call in order, the last one included, when it took more than one. */
  declare readonly errors?: readonly FailedAttempt[];
  /** What had arrived before the failure. Not enumerable: it holds the model's text. */
  declare readonly partial?: ProviderResponse;

  constructor(message: string, failure: ModelFailure) {
    const { reason, model, retryable, billed, partial, cause, ...facts } =
      failure;
    super(message, {
      code: "MODEL_INVOCATION",
      statusCode: COME_BACK_LATER.has(reason) ? 503 : 502,
      expose: !ABOUT_THE_SETUP.has(reason),
      retryable: retryable ?? false,
      cause,
    });
    this.reason = reason;
    this.model = model;
    this.billed = billed ?? "none";
    Object.assign(this, facts);
    if (partial !== undefined) hide(this, "partial", partial);
    if (this.statusCode === 503) hideRetryAfter(this, facts.retryAfterMs);
  }

  /** The same failure with other facts. */
  with(
    changes: Partial<ModelFailure>,
    message = this.message,
  ): ModelInvocationError {
    const { reason, model, retryable, billed, partial, cause } = this;
    const { retryAfterMs, serviceError, serviceMessage } = this;
    const { httpStatusCode, requestId, errors } = this;
    const facts = {
      partial,
      cause,
      retryAfterMs,
      serviceError,
      serviceMessage,
      httpStatusCode,
      requestId,
      errors,
    };
    const known = Object.entries(facts).filter(
      ([, value]) => value !== undefined,
    );
    return new ModelInvocationError(message, {
      reason,
      model,
      retryable,
      billed,
      ...Object.fromEntries(known),
      ...changes,
    });
  }
}
