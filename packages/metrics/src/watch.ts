import { ModelInvocationError, Suspended } from "@lambdallm/core";
import {
  callFacts,
  errorTypeOf,
  type Invocation,
  type InvocationEvents,
} from "@lambdallm/core/feature";
import type { EndedCall, Recorder } from "./sink.ts";

type Counts = Pick<EndedCall, "throttles" | "retries" | "fallbacks">;

/** Those of features, which are not imported here. */
const FOREIGN_EVENTS: ReadonlySet<string> = new Set([
  ...["retry", "fallback", "budget-exceeded", "run-start", "run-suspend"],
]);

/** Tells recorders of what happens in an invocation. */
export function watch(
  invocation: Invocation,
  recorders: readonly Recorder[],
): void {
  const { events } = invocation;
  const counts = new RunningCounts();
  const call = (ended: EndedCall) => {
    for (const recorder of recorders) recorder.call(ended);
  };
  const occurrence = (
    name: Parameters<NonNullable<Recorder["occurrence"]>>[0],
  ) => {
    for (const recorder of recorders) recorder.occurrence?.(name);
  };

  events.on("attempt-error", ({ callId, error }) => {
    if (errorTypeOf(error) === "throttled") counts.add(callId, "throttles");
  });
  events.on("call-end", (event) => {
    const { response } = event;
    call({
      ...commonOf(event, counts),
      ...{ response, errorType: undefined, model: response.model },
    });
  });
  events.on("call-error", (event) => {
    const { error, request } = event;
    const known = ModelInvocationError.isInstance(error) ? error : undefined;
    call({
      ...commonOf(event, counts),
      response: known?.partial,
      // A run that has to wait has not failed.
      errorType: Suspended.isInstance(error) ? undefined : errorTypeOf(error),
      model: known?.model ?? request.model,
    });
  });
  events.on("operation-end", ({ operation, outcome, durationMs }) => {
    const facts = callFacts({}, operation);
    for (const recorder of recorders)
      recorder.operation({ operation, outcome, durationMs, facts });
  });

  events.onForeign(FOREIGN_EVENTS, (event, name) => {
    switch (name) {
      case "retry":
        counts.add(event["callId"], "retries");
        break;
      case "fallback":
        counts.add(event["callId"], "fallbacks");
        break;
      case "budget-exceeded":
        if (event["action"] === "block" && event["shadow"] !== true)
          occurrence("BudgetRefusals");
        break;
      case "run-start":
        if (event["isResumed"] === true) occurrence("RunsResumed");
        break;
      case "run-suspend":
        occurrence("RunsSuspended");
    }
  });
}

function commonOf(
  {
    callId,
    request,
    parent,
    provider,
    totals,
    durationMs,
  }: InvocationEvents["call-end"] | InvocationEvents["call-error"],
  counts: RunningCounts,
) {
  const facts = callFacts(request, parent);
  const ended = { callId, request, provider, totals, durationMs };
  return { ...ended, facts, ...counts.take(callId) };
}

/** What has happened in the calls that still run. */
class RunningCounts {
  readonly #calls = new Map<unknown, Record<keyof Counts, number>>();

  add(callId: unknown, name: keyof Counts): void {
    const counts = this.#calls.get(callId) ?? noCounts();
    counts[name] += 1;
    this.#calls.set(callId, counts);
  }

  take(callId: number): Counts {
    const counts = this.#calls.get(callId) ?? noCounts();
    this.#calls.delete(callId);
    return counts;
  }
}

const noCounts = () => ({ throttles: 0, retries: 0, fallbacks: 0 });
