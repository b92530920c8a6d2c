import type { Invocation } from "@lambdallm/core/feature";

const RUN_START: ReadonlySet<string> = new Set(["run-start"]);

/**
 * Which runs of an invocation were begun in an earlier one. The checkpoint middleware tells it, whichever of the two is used first: this
 * package reads what it needs of that, and does not import it.
 */
export function resumedRuns({
  journal,
  events,
}: Invocation): ReadonlySet<string> {
  const resumed = new Set<string>();
  if (Reflect.get(Object(journal), "begun") === true)
    resumed.add(String(journal?.runId));
  events.onForeign(RUN_START, ({ isResumed, runId }) => {
    if (isResumed === true) resumed.add(String(runId));
  });
  return resumed;
}
