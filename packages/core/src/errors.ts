import type { ProviderResponse, Usage } from "./model-call.ts";

const MARKER = Symbol.for("@lambdallm/core.error");

interface ErrorDetails {
  readonly code: string;
  readonly statusCode: number;
  /** @default true */
  readonly expose?: boolean;
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/**
 * What every error of the suite is. Its message is safe to show to a caller: it names models, options and
 * variables, never prompts, answers or credentials.
 */
export class LambdaLLMError extends Error {
  /** Stable name of the failure for programs. */
  readonly code: string;
  /** For `@middy/http-error-handler`. */
  readonly statusCode: number;
  /** For `@middy/http-error-handler`: whether the message may be shown; those that speak of the set-up may not. */
  readonly expose: boolean;
  /** Whether the same request may succeed when it is sent again. */
  readonly retryable: boolean;

  constructor(message: string, details: ErrorDetails) {
    super(
      message,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = details.code;
    this.statusCode = details.statusCode;
    this.expose = details.expose ?? true;
    this.retryable = details.retryable ?? false;
    hide(this, "name", new.target.errorName);
    hide(this, MARKER, lineage(new.target));
  }

  /** @internal */
  static readonly errorName: string = "LambdaLLMError";

  /** Like `instanceof`, but true across two copies of this package as well. */
  static isInstance<T>(this: ErrorClass<T>, error: unknown): error is T {
    if (typeof error !== "object" || error === null) return false;
    const names: unknown = Reflect.get(error, MARKER);
    // biome-ignore lint/complexity/noThisInStatic: the class it is called on decides, subclasses included
    return Array.isArray(names) && names.includes(this.errorName);
  }
}

type ErrorClass<T> = (abstract new (
  ...args: never[]
) => T) & { readonly errorName: string };

/** The names of an error's class and of those it extends: classes of another copy of this package are other objects. */
function lineage(errorClass: typeof LambdaLLMError): readonly string[] {
  const names: string[] = [];
  for (
    let current: object | null = errorClass;
    current !== null && "errorName" in current;
    current = Object.getPrototypeOf(current)
  )
    names.push(String(current.errorName));
  return names;
}

/** Prompts, answers and bodies sit in fields that `console.error` and `JSON.stringify` do not print. */
export function hide(target: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(target, key, {
    value,
    enumerable: false,
    configurable: true,
    writable: true,
  });
}

/** The code that uses the suite is wrong: an option, a variable, a model id, the order of the middlewares. */
export class ConfigurationError extends LambdaLLMError {
  static override readonly errorName = "ConfigurationError";

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, {
      ...options,
      code: "CONFIGURATION",
      statusCode: 500,
      expose: false,
    });
  }
}

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

/** A model call failed. */
export class ModelInvocationError extends LambdaLLMError {
  static override readonly errorName: string = "ModelInvocationError";

  readonly reason: FailureReason;
  readonly model: string;
  readonly billed: "none" | "partial" | "unknown";
  declare readonly retryAfterMs?: number;
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
      retryable: retryable ?? false,
      cause,
    });
    this.reason = reason;
    this.model = model;
    this.billed = billed ?? "none";
    Object.assign(this, facts);
    if (partial !== undefined) hide(this, "partial", partial);
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

/** The time was over before the model had answered. */
export class InvocationTimeoutError extends LambdaLLMError {
  static override readonly errorName = "InvocationTimeoutError";

  /** What had arrived. Not enumerable: it holds the model's text. */
  declare readonly partial?: ProviderResponse;

  constructor(message: string, partial?: ProviderResponse) {
    super(message, { code: "INVOCATION_TIMEOUT", statusCode: 504 });
    if (partial !== undefined) hide(this, "partial", partial);
  }
}

/** A guardrail or content filter replaced the answer. */
export class GuardrailError extends LambdaLLMError {
  static override readonly errorName = "GuardrailError";

  readonly model: string;
  readonly stopReason: string;
  /** The answer with the guardrail's own text and trace. Not enumerable. */
  declare readonly response: ProviderResponse;

  constructor(message: string, response: ProviderResponse) {
    super(message, { code: "GUARDRAIL_INTERVENED", statusCode: 422 });
    this.model = response.model;
    this.stopReason = response.stopReason;
    hide(this, "response", response);
  }
}

export interface StructuredOutputFailure {
  /** What is wrong with the answer, and where. */
  readonly issues: readonly string[];
  /** How many answers were asked for. */
  readonly attempts: number;
  /** Tokens of all of them. */
  readonly usage: Usage;
  /** The last answer. */
  readonly text: string;
  readonly cause?: unknown;
}

/** The model did not give a value that its schema accepts. */
export class StructuredOutputError extends LambdaLLMError {
  static override readonly errorName = "StructuredOutputError";

  /** What was wrong with the last answer, and where; names of properties are the only part of the answer in it. */
  readonly issues: readonly string[];
  /** How many answers were asked for. */
  readonly attempts: number;
  /** Tokens of all of them. */
  readonly usage: Usage;
  /** The last answer. Not enumerable: it is the model's text. */
  declare readonly text: string;

  constructor(message: string, failure: StructuredOutputFailure) {
    const { issues, attempts, usage, text, cause } = failure;
    super(message, { code: "STRUCTURED_OUTPUT", statusCode: 502, cause });
    this.issues = issues;
    this.attempts = attempts;
    this.usage = usage;
    hide(this, "text", text);
  }
}
