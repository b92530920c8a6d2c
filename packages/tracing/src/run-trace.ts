import { createHash } from "node:crypto";
import {
  type Context,
  createContextKey,
  isSpanContextValid,
  type SpanContext,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { usesRunIds } from "./run-ids.ts";

/** The trace of a run that several invocations work on, in whatever process. */
export interface RunTrace {
  readonly runId: string;
  readonly traceId: string;
  /** A span that nobody makes: the parent of the outermost ones, where their trace id cannot be chosen. */
  readonly rootSpanId: string;
  /** What the invocation itself is a part of. */
  readonly invocation: SpanContext | undefined;
}

// The API makes the same key of the same text, also in a second copy of this package.
const RUN = createContextKey("@lambdallm/tracing run");

export function runTraceIn(context: Context): RunTrace | undefined {
  // Nobody else has the key.
  return context.getValue(RUN) as RunTrace | undefined;
}

/** Hexadecimal, and never zero, which is no id. */
function idOf(text: string, from: number, bytes: number): string {
  const id = createHash("sha256").update(text).digest("hex");
  return id
    .slice(from * 2, (from + bytes) * 2)
    .replace(/^(?<zeros>0*)0$/, "$<zeros>1");
}

/** The same in every process. */
export const traceIdOf = (runId: string): string => idOf(runId, 0, 16);

export const spanIdOf = (...parts: readonly unknown[]): string =>
  idOf(parts.join("\n"), 0, 8);

/** The surroundings of what belongs to the run: spans that begin in them are in its trace, whoever makes them. */
export function enterRun(base: Context, runId: string): Context {
  if (runTraceIn(base)?.runId === runId) return base;
  const outer = trace.getSpanContext(base);
  // One that no SDK has made says nothing, of the sampling neither.
  const invocation = outer && isSpanContextValid(outer) ? outer : undefined;
  const traceId = traceIdOf(runId);
  const rootSpanId = idOf(runId, 16, 8);
  const run: RunTrace = { runId, traceId, rootSpanId, invocation };
  const entered = base.setValue(RUN, run);
  return usesRunIds() ? trace.deleteSpan(entered) : belowRoot(entered, run);
}

/** For a provider that makes ids of its own. */
export function belowRoot(context: Context, run: RunTrace): Context {
  return trace.setSpanContext(context, {
    traceId: run.traceId,
    spanId: run.rootSpanId,
    traceFlags: run.invocation?.traceFlags ?? TraceFlags.SAMPLED,
    isRemote: true,
  });
}

/** Whether a span that begins here is one of the outermost of its run. */
export function isOutermost(context: Context, run: RunTrace): boolean {
  const parent = trace.getSpanContext(context);
  return parent === undefined || parent.spanId === run.rootSpanId;
}
