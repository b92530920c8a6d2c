import type { Failure, JsonValue } from "@lambdallm/core";
import type { StepRecord } from "@lambdallm/core/stores";

/**
 * `running` somewhere at the moment; `suspended`, until a moment or an answer; `failed`, and can be resumed; `interrupted`: its process
 * was killed or did not end it, and it can be resumed; `done`.
 */
export type RunState =
  | "running"
  | "suspended"
  | "failed"
  | "interrupted"
  | "done";

/** What the record of a run was left with. */
export type RunLeft =
  | {
      readonly status: "suspended";
      readonly resumeAt?: number;
      readonly waitingFor: readonly string[];
    }
  | { readonly status: "failed"; readonly failure: Failure }
  | { readonly status: "interrupted" };

/** A run as its record tells it. */
export function runStateOf(
  record: StepRecord | undefined,
  now: number,
): { readonly state: RunState; readonly left?: RunLeft } {
  if (record === undefined || record.status === "done")
    return { state: "done" };
  if (record.status === "running")
    return { state: record.expiresAt > now ? "running" : "interrupted" };
  const left = leftOf(record.error);
  return { state: left.status, left };
}

/** The journal has written it. */
export const leftOf = (error: JsonValue): RunLeft =>
  error as unknown as RunLeft;
