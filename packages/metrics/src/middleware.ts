import { ConfigurationError } from "@lambdallm/core";
import {
  type Invocation,
  invocationOf,
  type MiddyMiddleware,
  type MiddyRequest,
  warn,
  within,
} from "@lambdallm/core/feature";
import type { Context as LambdaContext } from "aws-lambda";
import { cloudWatchSink } from "./cloudwatch-sink.ts";
import {
  DEFAULT_MAX_DIMENSION_VALUES,
  DistinctValues,
} from "./emf/distinct-values.ts";
import { documentWriter } from "./emf/document.ts";
import { DEFAULT_NAMESPACE, REQUEST_ID } from "./figures.ts";
import {
  hasCloudWatch,
  type MetricsOptions,
  metricsValidateOptions,
  setsOf,
} from "./options.ts";
import { otelSink } from "./otel/otel-sink.ts";
import { powertoolsWriter } from "./powertools.ts";
import type { Sink } from "./sink.ts";
import { watch } from "./watch.ts";

const DEFAULT_FLUSH_TIMEOUT_MS = 2_000;

/** Those whose figures are recorded already. */
const measured = new WeakSet<Invocation>();

/**
 * Counts model calls, tokens, cost, time, tools and runs, as metrics of CloudWatch or OpenTelemetry. They are written after
 * the response, or after a streamed body's last byte, and shortly before Lambda's timeout.
 *
 * @throws {ConfigurationError} once, at cold start, for options that are wrong; in an invocation without a provider, or with
 * another `metrics()`.
 * @example
 * export const handler = middy()
 *   .use(bedrock())
 *   .use(metrics({ namespace: "Chat", fixedDimensions: { stage: "prod" } }))
 *   .handler(async (event, context) => context.invoke(event.prompt));
 */
// biome-ignore lint/suspicious/noExplicitAny: see MetricsOptions
export function metrics<TEvent = any>(
  options: MetricsOptions<TEvent> = {},
): Required<Pick<MiddyMiddleware, "before">> {
  metricsValidateOptions(options);
  const sinks = sinksOf(options);
  const tellOnce = onceOf(warn);

  const metricsBefore = async (request: MiddyRequest): Promise<void> => {
    const { context, event } = request;
    const invocation = invocationOf(context, "metrics");
    if (measured.has(invocation))
      throw new ConfigurationError(
        "metrics: there is a metrics() in this invocation already. One can have both `namespace` and `meter`.",
      );
    if (isMeasuredAround(invocation)) return;
    measured.add(invocation);
    const recorders = sinks.map((sink) => sink({ invocation, event, context }));
    watch(invocation, recorders);
    for (const { flush } of recorders)
      if (flush !== undefined)
        invocation.addFlush(async () => {
          try {
            await flush();
          } catch (error) {
            tellOnce("metrics: they could not be written", error);
          }
        });
  };

  return { before: metricsBefore };
}

/** Then the events of this one reach the outer one's listeners. */
function isMeasuredAround({ parent }: Invocation): boolean {
  return (
    parent !== undefined && (measured.has(parent) || isMeasuredAround(parent))
  );
}

function sinksOf(options: MetricsOptions): readonly Sink[] {
  const { meter, legacy = false, timePerOutputChunk = false } = options;
  return [
    ...(hasCloudWatch(options) ? [cloudWatchOf(options)] : []),
    ...(meter === undefined
      ? []
      : [
          otelSink({
            ...{ meter, legacy, timePerOutputChunk },
            flush: boundedFlush(options),
          }),
        ]),
  ];
}

function cloudWatchOf(options: MetricsOptions): Sink {
  const { namespace = DEFAULT_NAMESPACE, powertools, write, now } = options;
  const { maxDimensionValues = DEFAULT_MAX_DIMENSION_VALUES } = options;
  return cloudWatchSink({
    ...setsOf(options),
    own: options.dimensionsOf ?? {},
    distinct: new DistinctValues(maxDimensionValues),
    writerOf: (context) => {
      const metadata = metadataOf(context);
      return powertools === undefined
        ? documentWriter({ namespace, metadata, write, now })
        : powertoolsWriter(powertools, metadata);
    },
  });
}

/** A durable context carries Lambda's own at `lambdaContext`. */
function metadataOf(
  context: LambdaContext & { readonly lambdaContext?: LambdaContext },
): Readonly<Record<string, string>> {
  const { awsRequestId = context.lambdaContext?.awsRequestId } = context;
  return awsRequestId === undefined ? {} : { [REQUEST_ID]: awsRequestId };
}

/** An exporter that hangs must not hold the end of every invocation back. */
function boundedFlush({
  flush,
  flushTimeoutMs = DEFAULT_FLUSH_TIMEOUT_MS,
}: MetricsOptions): (() => Promise<void>) | undefined {
  if (flush === undefined) return undefined;
  return () =>
    within(
      {
        limitMs: flushTimeoutMs,
        onTimeUp: () => {
          throw new Error(`the flush took longer than ${flushTimeoutMs} ms`);
        },
      },
      async () => {
        await flush();
      },
    );
}

/** What an observer says of its own failures, it says once in a process. */
function onceOf(tell: (what: string, error: unknown) => void) {
  let isTold = false;
  return (what: string, error: unknown): void => {
    if (!isTold) tell(what, error);
    isTold = true;
  };
}
