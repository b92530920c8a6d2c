import {
  ConfigurationError,
  ModelInvocationError,
  StoreError,
} from "@lambdallm/core";
import { startTimer } from "@lambdallm/core/feature";

/** How long the store may still take for what was paid for, after it was ended. */
const GRACE_MS = 500;

/**
 * Runs a turn with a signal that is aborted when one of these is, and then says what a turn fails with that has not asked the
 * model yet.
 */
export async function endedBy<T>(
  signals: readonly AbortSignal[],
  model: string,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const any = AbortSignal.any([...signals]);
  const controller = new AbortController();
  const end = () => controller.abort(notAsked(model, any.reason));
  if (any.aborted) end();
  any.addEventListener("abort", end);
  try {
    return await run(controller.signal);
  } finally {
    any.removeEventListener("abort", end);
  }
}

/** Runs what must not be lost: the signal that it gets is aborted a while after the given one. */
export async function withGrace<T>(
  signal: AbortSignal,
  operation: string,
  run: (late: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    timer = startTimer(GRACE_MS, () => late.abort(notDone(operation)));
  };
  if (signal.aborted) begin();
  signal.addEventListener("abort", begin);
  try {
    return await run(late.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", begin);
  }
}

/** What the invocation's end aborts with. */
export function invocationEnded(): ConfigurationError {
  return new ConfigurationError(
    "The invocation has ended: await what is done with a session before the handler returns.",
  );
}

function notAsked(model: string, cause: unknown): ModelInvocationError {
  return new ModelInvocationError(
    "The turn was ended before the model was asked.",
    { reason: "aborted", model, billed: "none", cause },
  );
}

function notDone(operation: string): StoreError {
  return new StoreError(
    `The session's store had not done what it was asked to (${operation}) when nobody waited for it any more.`,
    { reason: "timeout", operation, retryable: true },
  );
}
