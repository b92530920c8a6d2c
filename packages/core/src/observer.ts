import { ModelInvocationError } from "./errors.ts";
import type { ModelRequest } from "./model-call.ts";

/** Calls the observer for the kinds it asked for, and remembers what it threw: that is the caller's, not the model's. */
export function observe(request: ModelRequest): {
  request: ModelRequest;
  failed: boolean;
  error: unknown;
} {
  const { onDelta, deltas } = request;
  const observer = { request, failed: false, error: undefined as unknown };
  if (onDelta !== undefined)
    observer.request = {
      ...request,
      onDelta: (delta) => {
        if (deltas !== undefined && !deltas.includes(delta.kind)) return;
        try {
          onDelta(delta);
        } catch (error) {
          observer.failed = true;
          observer.error = error;
          throw error;
        }
      },
    };
  return observer;
}

/**
 * A provider that lets the signal's own reason through still fails as one error type. An interceptor that gives an
 * attempt up aborts it with the error that the attempt then has failed with.
 */
export function asFailure(
  error: unknown,
  request: ModelRequest,
  sent: boolean,
): unknown {
  const { signal, model } = request;
  if (!signal?.aborted) return error;
  const { reason } = signal;
  if (ModelInvocationError.isInstance(reason))
    return ModelInvocationError.isInstance(error) && error.partial
      ? reason.with({ billed: error.billed, partial: error.partial })
      : reason;
  if (error !== reason) return error;
  return new ModelInvocationError("The model call was aborted.", {
    reason: "aborted",
    model,
    billed: sent ? "unknown" : "none",
    cause: error,
  });
}
