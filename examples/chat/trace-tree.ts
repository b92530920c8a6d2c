import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";

/** What a layer or the handler's own start-up does on Lambda, with an exporter that keeps the spans. */
export function startTracing(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  trace.setGlobalTracerProvider(
    new TracerProvider({
      spanProcessors: [new SimpleSpanProcessor({ exporter })],
    }),
  );
  return exporter;
}

/** The spans of one trace, each below the one that it is a part of. */
export function traceTree(
  spans: readonly ReadableSpan[],
  parentId?: string,
  indent = "  ",
): string {
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  return spans
    .filter(({ parentSpanContext }) => {
      const id = parentSpanContext?.spanId;
      return parentId === undefined ? !ids.has(id ?? "") : id === parentId;
    })
    .sort((a, b) => msOf(a.startTime) - msOf(b.startTime))
    .map(
      (span) =>
        `${indent}${lineOf(span)}\n${traceTree(spans, span.spanContext().spanId, `${indent}  `)}`,
    )
    .join("");
}

const SHOWN = [
  "error.type",
  "gen_ai.response.model",
  "gen_ai.usage.input_tokens",
  "gen_ai.usage.output_tokens",
  "gen_ai.response.finish_reasons",
  "lambdallm.cost.usd",
];

function lineOf({ name, attributes, duration }: ReadableSpan): string {
  const facts = SHOWN.flatMap((key) =>
    attributes[key] === undefined
      ? []
      : `${key.split(".").at(-1)}=${attributes[key]}`,
  );
  return [name, `${Math.round(msOf(duration))} ms`, ...facts].join("  ");
}

function msOf([seconds, nanoseconds]: readonly [number, number]): number {
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
