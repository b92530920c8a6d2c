import { JournalMismatchError } from "../contract/journal.ts";
import { StepInProgressError, StoreError } from "../stores/state-errors.ts";

/** What a run has ended with that can go on only when it is resumed. */
export interface RunOver {
  readonly error: unknown;
}

/** Whether an error ends the run here, and is no outcome of a step or a branch: the next resume has another one. */
export function runOver(
  error: unknown,
  signal: AbortSignal | undefined,
): RunOver | undefined {
  // Whatever came of it.
  if (signal?.aborted === true) return { error: signal.reason };
  const isOver =
    JournalMismatchError.isInstance(error) ||
    StepInProgressError.isInstance(error) ||
    StoreError.isInstance(error);
  return isOver ? { error } : undefined;
}
