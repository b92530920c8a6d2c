import { ConfigurationError, type ModelId } from "@lambdallm/core";
import {
  check,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";

/** When a model that keeps failing is left alone, and for how long. */
export interface CircuitOptions {
  /**
   * Failures in a row that open the circuit. Attempts that fail at the same time count as one failure.
   * @default 5, or maxRetries + 1 when that is more, so that a call does not cut its own retries off
   */
  readonly failureThreshold?: number | undefined;
  /** How long an open circuit keeps requests away before one of them may probe the model. @default 30_000 */
  readonly coolDownMs?: number | undefined;
}

export interface RetryFallbackOptions {
  /** Retries of each model. A call makes at most `(maxRetries + 1) * models` attempts. @default 3 */
  readonly maxRetries?: number | undefined;
  /** The wait before retry n is drawn evenly from 0 to `baseDelayMs * 2 ** (n - 1)`. @default 200 */
  readonly baseDelayMs?: number | undefined;
  /** The same after the model was throttled. @default 1_000 */
  readonly throttledBaseDelayMs?: number | undefined;
  /** The most that is drawn; what the service asks for with Retry-After comes on top. @default 20_000 */
  readonly maxDelayMs?: number | undefined;
  /**
   * What an attempt needs at least. Nothing but a call's first attempt is started, or waited for, when less than this
   * would be left before the deadline. @default 1_000
   */
  readonly minAttemptMs?: number | undefined;
  /** Answers when the model cannot; passed over when the catalog says that it does not fit the request, or its life has ended. */
  readonly fallbackModel?: ModelId | undefined;
  /** Several of them, asked in this order. */
  readonly fallbackModels?: readonly ModelId[] | undefined;
  /**
   * Tokens that retries of a model may take in this process; false for no limit. A retry takes 14, one after throttling
   * 5; a success gives back what its last retry took, or 1. Time gives nothing back. @default 500
   */
  readonly retryBudget?: number | false | undefined;
  /** The circuit of each model and Region; false for none. */
  readonly circuit?: CircuitOptions | false | undefined;
  /** From 0 up to 1, for the waits. @default Math.random */
  readonly random?: (() => number) | undefined;
}

export interface CircuitSettings {
  readonly failureThreshold: number;
  readonly coolDownMs: number;
}

/** The options, complete. */
export interface Settings {
  readonly maxRetries: number;
  readonly baseDelayMs: number;
  readonly throttledBaseDelayMs: number;
  readonly maxDelayMs: number;
  readonly minAttemptMs: number;
  readonly fallbackModels: readonly string[];
  /** `Infinity` without a limit. */
  readonly retryBudget: number;
  readonly circuit: CircuitSettings | undefined;
  readonly random: () => number;
}

const orFalse =
  (accepts: OptionCheck): OptionCheck =>
  (value) => {
    const expected = value === false ? undefined : accepts(value);
    return expected && `${expected}, or false`;
  };

const modelIds: OptionCheck = (value) =>
  Array.isArray(value) && value.every((id) => check.text(id) === undefined)
    ? undefined
    : "an array of model ids";

const checks = {
  maxRetries: check.wholeNumber,
  baseDelayMs: check.atLeastZero,
  throttledBaseDelayMs: check.atLeastZero,
  maxDelayMs: check.atLeastZero,
  minAttemptMs: check.atLeastZero,
  fallbackModel: check.text,
  fallbackModels: modelIds,
  retryBudget: orFalse(check.atLeastZero),
  circuit: orFalse(check.object),
  random: check.function,
};

const circuitChecks = {
  failureThreshold: check.positiveInteger,
  coolDownMs: check.atLeastZero,
};

const BASE_DELAYS = ["baseDelayMs", "throttledBaseDelayMs"] as const;
const DEFAULT_MAX_DELAY_MS = 20_000;

/** @throws {ConfigurationError} naming the option that does not exist or has a wrong value. */
export function retryFallbackValidateOptions(options: unknown): void {
  validateOptions("retryFallback", checks, options);
  // Checked just now.
  const given = options as RetryFallbackOptions;
  if (given.circuit)
    validateOptions("retryFallback: circuit", circuitChecks, given.circuit);
  const { maxDelayMs = DEFAULT_MAX_DELAY_MS } = given;
  for (const name of BASE_DELAYS)
    if ((given[name] ?? 0) > maxDelayMs)
      throw new ConfigurationError(
        `retryFallback: the option "${name}" must not be above maxDelayMs, which is ${maxDelayMs}.`,
      );
  if (given.fallbackModel !== undefined && given.fallbackModels !== undefined)
    throw new ConfigurationError(
      'retryFallback: the options "fallbackModel" and "fallbackModels" exclude each other: put all models into fallbackModels.',
    );
}

/** The options with their defaults. */
export function settingsOf(options: RetryFallbackOptions): Settings {
  const { fallbackModel, fallbackModels, retryBudget = 500 } = options;
  const { maxRetries = 3 } = options;
  const { circuit = {}, maxDelayMs = DEFAULT_MAX_DELAY_MS } = options;
  return {
    maxRetries,
    baseDelayMs: options.baseDelayMs ?? 200,
    throttledBaseDelayMs: options.throttledBaseDelayMs ?? 1_000,
    maxDelayMs,
    minAttemptMs: options.minAttemptMs ?? 1_000,
    fallbackModels:
      fallbackModel === undefined
        ? [...(fallbackModels ?? [])]
        : [fallbackModel],
    retryBudget: retryBudget === false ? Number.POSITIVE_INFINITY : retryBudget,
    circuit:
      circuit === false
        ? undefined
        : {
            failureThreshold:
              circuit.failureThreshold ?? Math.max(5, maxRetries + 1),
            coolDownMs: circuit.coolDownMs ?? 30_000,
          },
    random: options.random ?? Math.random,
  };
}
