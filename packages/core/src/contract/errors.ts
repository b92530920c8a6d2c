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
  /**
   * For `@middy/http-error-handler` and the last record of a streamed body: whether code and message may be shown. Those that
   * speak of the set-up may not.
   */
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
    try {
      const names: unknown = Reflect.get(error, MARKER);
      // biome-ignore lint/complexity/noThisInStatic: the class it is called on decides, subclasses included
      return Array.isArray(names) && names.includes(this.errorName);
    } catch {
      // Anything can be thrown, also what throws when it is looked at.
      return false;
    }
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
