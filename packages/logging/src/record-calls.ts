import {
  type CallFacts,
  callFacts,
  type Invocation,
  type InvocationEvents,
} from "@lambdallm/core/feature";
import {
  errorFacts,
  type Fields,
  failureFacts,
  partialOf,
  responseFacts,
  usageFacts,
} from "./facts.ts";
import type { Recorder } from "./recorder.ts";

type CallEnd = InvocationEvents["call-end"] | InvocationEvents["call-error"];
type AttemptStart = InvocationEvents["attempt-start"];

/** What the calls on their way are a part of, by their numbers: not every event of a call tells it. */
export type OpenCalls = ReadonlyMap<number, CallFacts>;

/** Records calls and their attempts. */
export function recordCalls(
  { events }: Invocation,
  recorder: Recorder,
): OpenCalls {
  const { content } = recorder;
  const calls = new Map<number, CallFacts>();
  const attemptStarts = new Map<string, number>();

  /** What is known of a call is forgotten at its end, whether it is recorded or not. */
  const callEnd = ({ callId, request, totals, durationMs }: CallEnd) => {
    const facts = calls.get(callId);
    calls.delete(callId);
    const { attempts, failedAttempts, usage, totalCostUsd } = totals;
    return () => ({
      ...{ callId, ...facts, model: request.model },
      ...{ attempts, failedAttempts, ...usageFacts(usage) },
      ...{ costUsd: totalCostUsd, durationMs },
    });
  };

  const attemptFacts = ({ callId, attempt, request }: AttemptStart) => ({
    ...{ callId, attempt, ...calls.get(callId), model: request.model },
  });

  const attemptEnd = (event: AttemptStart) => {
    const key = keyOf(event);
    const start = attemptStarts.get(key);
    attemptStarts.delete(key);
    // It may have been on its way before anybody listened.
    const durationMs =
      start === undefined ? undefined : performance.now() - start;
    return () => ({ ...attemptFacts(event), durationMs });
  };

  events.on("call-start", ({ callId, request, parent }) => {
    calls.set(callId, callFacts(request, parent));
  });
  events.on("call-end", (event) => {
    const { request, response } = event;
    const { hint } = response;
    const status = "completed";
    const ended = callEnd(event);
    recorder.write(
      "call-end",
      () => ({
        ...ended(),
        ...{ status, ...responseFacts(response), hint },
      }),
      () => content.ofCall(request, response),
    );
  });
  events.on("call-error", (event) => {
    const { request, error } = event;
    const failure = failureFacts(error);
    const ended = callEnd(event);
    recorder.write(
      failure.status === "failed" ? "call-error" : "call-end",
      () => ({ ...ended(), ...failure }),
      () => content.ofCall(request, partialOf(error)),
    );
  });

  events.on("attempt-start", (event) => {
    attemptStarts.set(keyOf(event), performance.now());
  });
  events.on("attempt-end", (event) => {
    const { response } = event;
    const { costUsd, usage } = response;
    const ended = attemptEnd(event);
    recorder.write("attempt-end", () => ({
      ...{ ...ended(), status: "completed" },
      ...{ ...responseFacts(response), ...usageFacts(usage), costUsd },
    }));
  });
  events.on("attempt-error", (event) => {
    const failure = failureFacts(event.error);
    const ended = attemptEnd(event);
    const partial = partialOf(event.error);
    const used: Fields | undefined = partial && {
      ...responseFacts(partial),
      ...usageFacts(partial.usage),
    };
    recorder.write(
      failure.status === "failed" ? "attempt-error" : "attempt-end",
      () => ({ ...ended(), ...used, ...failure }),
    );
  });
  events.on("attempt-queue", (event) => {
    const { isWaiting } = event;
    recorder.write("attempt-queue", () => ({
      ...{ ...attemptFacts(event), isWaiting },
    }));
  });
  events.on("request-adapted", (event) => {
    const adaptations = event.adaptations.map(
      ({ setting, change, reason }) => `${setting} ${change}: ${reason}`,
    );
    recorder.write("request-adapted", () => ({
      ...{ ...attemptFacts(event), adaptations },
    }));
  });
  events.on("answer-cut", (event) => {
    const { maxTokens } = event;
    recorder.write("answer-cut", () => ({
      ...{ ...attemptFacts(event), maxTokens },
    }));
  });
  // What nobody listens to is printed: what is not recorded still has to be.
  if (recorder.isWanted("body-error"))
    events.on("body-error", ({ error }) => {
      recorder.write("body-error", () => errorFacts(error));
    });
  return calls;
}

const keyOf = ({ callId, attempt }: AttemptStart) => `${callId}/${attempt}`;
