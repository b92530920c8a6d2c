import { type FailedAttempt, ModelInvocationError } from "@lambdallm/core";
import { type ModelRequest, modelName } from "@lambdallm/core/feature";

/** What cannot be retried, but another model may be able to do. */
export const CURED_BY_FALLBACK: ReadonlySet<string> = new Set([
  "capability",
  "context-overflow",
  "model-retired",
  "quota",
]);

/** Whether the error says that the model is down. Throttling says that there is too much of us. */
export function isOutage({ reason, retryable }: ModelInvocationError): boolean {
  return retryable && reason !== "throttled";
}

export function circuitOpen(
  model: string,
  retryAfterMs: number | undefined,
): ModelInvocationError {
  return new ModelInvocationError(
    `The model ${modelName(model)} was not asked: it has failed too often lately, and its circuit is open.`,
    {
      reason: "circuit-open",
      model,
      retryable: true,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    },
  );
}

export function notAsked(
  model: string,
  misfits: readonly string[],
): ModelInvocationError {
  return new ModelInvocationError(
    `The model ${modelName(model)} was not asked: ${misfits.join(", ")}.`,
    { reason: "capability", model },
  );
}

/** An entry of the last error's list: a few words for the log, and the whole error for programs. */
export function failedAttempt(
  model: string,
  waitMs: number,
  error: ModelInvocationError,
): FailedAttempt {
  const { reason, message } = error;
  const printed = { model, waitMs, reason, message, error };
  return Object.defineProperty(printed, "error", { enumerable: false });
}

/** The caller, or the end of the invocation, came before the next attempt. */
export function aborted(
  { model, signal }: ModelRequest,
  errors: readonly FailedAttempt[],
): ModelInvocationError {
  const reason: unknown = signal?.reason;
  // Whoever gives a call up with an error of this kind wants it to fail with that.
  if (ModelInvocationError.isInstance(reason)) return reason;
  return new ModelInvocationError("The model call was aborted.", {
    reason: "aborted",
    model,
    errors,
    cause: reason,
  });
}
