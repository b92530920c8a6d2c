import { InvocationTimeoutError } from "../contract/errors.ts";
import { type Journal, Suspended } from "../contract/journal.ts";
import type { ProviderResponse } from "../contract/model-call.ts";
import { stepScope } from "./step-scope.ts";

/** What decides between an error and a run that goes on later. */
export interface TimeIsUp {
  readonly timeoutStrategy: "fail-fast" | "truncate" | "checkpoint";
  readonly journal: Journal | undefined;
  /** Set by a call outside of the steps, whatever the program makes of what it throws. */
  suspended?: Suspended | undefined;
}

/** What a call ends with that the deadline cut off: the strategy `checkpoint` suspends the run. */
export function timeIsUp(
  owner: TimeIsUp,
  message: string,
  partial?: ProviderResponse,
): InvocationTimeoutError | Suspended {
  const { timeoutStrategy, journal } = owner;
  if (timeoutStrategy !== "checkpoint" || journal === undefined)
    return new InvocationTimeoutError(message, partial);
  const suspended = new Suspended(journal.runId, { resumeAt: Date.now() });
  (stepScope() ?? owner).suspended = suspended;
  return suspended;
}
