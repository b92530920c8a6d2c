import type { Invocation } from "@lambdallm/core/feature";

const LONGEST_MS = 1_000;

/**
 * How long a call may wait for a ledger that does not answer. After the deadline the core still waits for half of what is left
 * until Lambda's timeout: half of that leaves the other half for the answer.
 */
export function patienceMs({ remainingTimeMs }: Invocation): number {
  return Math.min(LONGEST_MS, Math.max(0, remainingTimeMs) / 4);
}

const LONGEST_FINISH_MS = 10_000;

/**
 * How long the handler's answer may wait for what is written when the invocation ends: HTTP callers give up after 29 seconds. The
 * core gives up a finalizer at half of what is left, or later, and knows less to say of it.
 */
export function finishPatienceMs({ remainingTimeMs }: Invocation): number {
  return Math.min(LONGEST_FINISH_MS, Math.max(0, remainingTimeMs) * 0.4);
}
