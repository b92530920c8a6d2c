import {
  callFacts,
  type Invocation,
  presentOperation,
} from "@lambdallm/core/feature";
import { errorFacts, valuesOf } from "./facts.ts";
import type { LogEvent } from "./levels.ts";
import type { OpenCalls } from "./record-calls.ts";
import type { Recorder } from "./recorder.ts";

/**
 * The events of features, and what is recorded of each. Packages do not import each other: these are their names and fields, as
 * their READMEs have them.
 */
const FOREIGN_EVENTS = {
  retry: ["model", "attempt", "waitMs"],
  fallback: ["from", "to"],
  circuit: ["provider", "region", "model", "state", "failures", "retryAt"],
  route: ["model", "reason", "rule"],
  "budget-alert": ["scope", "period", "share", "usedUsd", "limitUsd"],
  "budget-exceeded": [
    ...["scope", "period", "usedUsd", "limitUsd", "neededUsd"],
    ...["model", "action", "toModel", "shadow"],
  ],
  "budget-problem": [
    ...["kind", "operation", "scope", "usd"],
    ...["model", "reservedUsd", "actualUsd"],
  ],
  "session-load": ["messages", "durationMs"],
  "session-save": ["messages", "incomplete", "attempts", "durationMs"],
  "session-repair": ["repairs"],
  "session-conflict": ["mode", "newerMessages"],
  "session-replay": ["messages"],
  "session-summary": ["messages", "saved"],
  "session-summary-error": [],
  "run-start": ["runId", "isResumed"],
  "run-suspend": ["runId", "resumeAt", "questions"],
  "run-end": ["runId", "status"],
} as const satisfies Partial<Record<LogEvent, readonly string[]>>;

type ForeignEvent = keyof typeof FOREIGN_EVENTS;

/** The names of those that are wanted: what nobody listens to becomes a process warning, and what is not recorded still has to. */
export function wantedForeignEvents(
  isWanted: (event: LogEvent) => boolean,
): ReadonlySet<string> {
  // The keys of an object of literals are its type's.
  const names = Object.keys(FOREIGN_EVENTS) as ForeignEvent[];
  return new Set(
    names.filter((name) => isWanted(name) || isWanted(failed(name))),
  );
}

/** Records what features tell, each where it is a part of a call with the facts of that. */
export function recordForeignEvents(
  { events }: Invocation,
  recorder: Recorder,
  calls: OpenCalls,
): void {
  events.onForeign(recorder.foreignEvents, (fields, given) => {
    // One of the names that are listened to.
    const name = given as ForeignEvent;
    const { callId, status, error } = fields;
    recorder.write(status === "failed" ? failed(name) : name, () => ({
      ...(typeof callId === "number"
        ? { callId, ...calls.get(callId) }
        : callFacts({}, presentOperation())),
      ...valuesOf(fields, FOREIGN_EVENTS[name]),
      ...(error !== undefined && errorFacts(error)),
    }));
  });
}

const failed = (name: ForeignEvent): LogEvent =>
  name === "run-end" ? "run-error" : name;
