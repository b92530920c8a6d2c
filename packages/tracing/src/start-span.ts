import {
  type Context,
  type Span,
  type SpanContext,
  type SpanOptions,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { useRunIds, usesRunIds, withIds } from "./run-ids.ts";
import {
  belowRoot,
  isOutermost,
  type RunTrace,
  runTraceIn,
} from "./run-trace.ts";

export interface SpanPlace {
  readonly name: string;
  readonly options: SpanOptions;
  readonly context: Context;
  /** Of a span whose id follows from its run. */
  readonly spanId: string | undefined;
  /** What the invocation is a part of, where the run was entered by somebody who does not know it. */
  invocation(): SpanContext | undefined;
}

/** Starts a span where it belongs. The outermost ones of a run are linked to the invocation that they are made in. */
export function startSpan(tracer: Tracer, place: SpanPlace): Span {
  const run = runTraceIn(place.context);
  if (run === undefined) return start(tracer, place, run);
  if (!isOutermost(place.context, run)) return start(tracer, place, run);
  const { invocation: context = place.invocation() } = run;
  const links = context === undefined ? [] : [{ context }];
  const outermost = { ...place, options: { ...place.options, links } };
  if (usesRunIds()) {
    const span = start(tracer, outermost, run);
    const { traceId } = span.spanContext();
    if (
      traceId === run.traceId ||
      !trace.isSpanContextValid(span.spanContext())
    )
      return span;
    // A generator was made, and this provider does not use it: the span that was started is never ended, so nobody sees it.
    useRunIds(false);
  }
  const below = belowRoot(place.context, run);
  return start(tracer, { ...outermost, context: below }, run);
}

function start(
  tracer: Tracer,
  { name, options, context, spanId }: SpanPlace,
  run: RunTrace | undefined,
): Span {
  if (run === undefined) return tracer.startSpan(name, options, context);
  return withIds({ traceId: run.traceId, spanId }, () =>
    tracer.startSpan(name, options, context),
  );
}
