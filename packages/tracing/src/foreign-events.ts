import type { Invocation } from "@lambdallm/core/feature";

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
  // The events of features are known to those who import them.
  events.on("run-start" as never, (event: unknown) => {
    if (Reflect.get(Object(event), "isResumed") === true)
      resumed.add(String(Reflect.get(Object(event), "runId")));
  });
  return resumed;
}
