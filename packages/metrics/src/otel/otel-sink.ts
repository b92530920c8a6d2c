import type { ModelResponse } from "@lambdallm/core";
import {
  errorTypeOf,
  type Invocation,
  type ModelRequest,
} from "@lambdallm/core/feature";
import type { Attributes, Counter, Histogram, Meter } from "@opentelemetry/api";
import type { EndedCall, EndedOperation, Recorder, Sink } from "../sink.ts";
import {
  ATTRIBUTE,
  COUNTER,
  HISTOGRAM,
  LEGACY_HISTOGRAM,
  PROVIDER,
} from "./conventions.ts";

export interface OtelSettings {
  readonly meter: Meter;
  readonly legacy: boolean;
  readonly timePerOutputChunk: boolean;
  /** Awaited at the end of an invocation. */
  readonly flush: (() => Promise<void>) | undefined;
}

/** The figures as metrics of OpenTelemetry. */
export function otelSink({
  meter,
  legacy,
  timePerOutputChunk,
  flush,
}: OtelSettings): Sink {
  const histograms = histogramsOf(meter, HISTOGRAM);
  const counters = countersOf(meter);
  const old = legacy ? histogramsOf(meter, LEGACY_HISTOGRAM) : undefined;

  const call = (ended: EndedCall, provider: string): void => {
    const { totals, response, errorType, durationMs } = ended;
    const { usage } = totals;
    const common = callAttributes(provider, ended.request, response);
    const withError = { ...common, ...errorAttribute(errorType) };
    // Bedrock does not tell which tokens are of text and which of images.
    const ofTokens = { ...common, [ATTRIBUTE.modality]: "unknown" };
    const cacheRead = usage.cacheReadInputTokens;
    const cacheWrite = usage.cacheWriteInputTokens;
    const inputTokens = usage.inputTokens + cacheRead + cacheWrite;
    const { outputTokens } = usage;
    const seconds = durationMs / 1000;

    histograms.duration.record(seconds, withError);
    if (response?.timeToFirstTokenMs !== undefined)
      histograms.timeToFirstChunk.record(
        response.timeToFirstTokenMs / 1000,
        common,
      );
    counters.inputTokens.add(inputTokens, ofTokens);
    counters.outputTokens.add(outputTokens, ofTokens);
    if (cacheRead > 0) counters.cacheReadTokens.add(cacheRead, ofTokens);
    if (cacheWrite > 0) counters.cacheWriteTokens.add(cacheWrite, ofTokens);
    histograms.inputTokens.record(inputTokens, withError);
    histograms.outputTokens.record(outputTokens, withError);
    if (old === undefined) return;
    const { tokenType } = ATTRIBUTE;
    old.operationDuration.record(seconds, common);
    old.tokenUsage.record(inputTokens, { ...common, [tokenType]: "input" });
    old.tokenUsage.record(outputTokens, { ...common, [tokenType]: "output" });
  };

  const operation = (ended: EndedOperation): void => {
    const { kind, name } = ended.operation;
    const { outcome } = ended;
    const seconds = ended.durationMs / 1000;
    const error = errorAttribute(
      outcome.status === "failed" ? errorTypeOf(outcome.error) : undefined,
    );
    const { agentName } = ATTRIBUTE;
    if (kind === "tool")
      histograms.toolDuration.record(seconds, {
        [ATTRIBUTE.toolName]: name,
        [ATTRIBUTE.toolType]: "function",
        [agentName]: ended.operation.agent,
        ...error,
      });
    else if (kind !== "step")
      histograms.agentDuration.record(seconds, {
        [ATTRIBUTE.operation]:
          kind === "agent" ? "invoke_agent" : "invoke_workflow",
        [agentName]: name,
        ...error,
      });
    if (kind !== "agent" || outcome.status !== "completed") return;
    // What the run of an agent has come to.
    const { iterations, toolCalls } = Object(outcome.result);
    const ofAgent = { [agentName]: name };
    histograms.agentInferenceCalls.record(iterations, ofAgent);
    histograms.agentToolCalls.record(toolCalls, ofAgent);
  };

  return ({ invocation }): Recorder => {
    const provider = providerName(invocation);
    if (timePerOutputChunk)
      watchChunks(invocation, provider, histograms.timePerOutputChunk);
    return {
      call: (ended) => call(ended, provider),
      operation,
      ...(flush && { flush }),
    };
  };
}

/** Between the pieces that the caller sees of a stream: the others pass by. */
function watchChunks(
  invocation: Invocation,
  provider: string,
  histogram: Histogram,
): void {
  invocation.intercept("attempt", "metrics", async (request, next) => {
    const { onDelta } = request;
    if (onDelta === undefined) return next(request);
    const seconds: number[] = [];
    let last: number | undefined;
    const watched: ModelRequest = {
      ...request,
      onDelta: (delta) => {
        const now = performance.now();
        if (last !== undefined) seconds.push((now - last) / 1000);
        last = now;
        onDelta(delta);
      },
    };
    let response: ModelResponse | undefined;
    try {
      response = await next(watched);
      return response;
    } finally {
      const attributes = callAttributes(provider, request, response);
      for (const one of seconds) histogram.record(one, attributes);
    }
  });
}

function callAttributes(
  provider: string,
  request: Pick<ModelRequest, "model">,
  response: { readonly model: string } | undefined,
): Attributes {
  return {
    [ATTRIBUTE.operation]: "chat",
    [ATTRIBUTE.provider]: provider,
    [ATTRIBUTE.requestModel]: request.model,
    ...(response && { [ATTRIBUTE.responseModel]: response.model }),
  };
}

function errorAttribute(errorType: string | undefined): Attributes {
  return errorType === undefined ? {} : { [ATTRIBUTE.errorType]: errorType };
}

function providerName({ provider }: Invocation): string {
  return provider.name === "bedrock" ? PROVIDER : provider.name;
}

function histogramsOf<Name extends string>(
  meter: Meter,
  instruments: Readonly<
    Record<
      Name,
      {
        readonly name: string;
        readonly unit: string;
        readonly description: string;
        readonly buckets?: readonly number[];
      }
    >
  >,
): Readonly<Record<Name, Histogram>> {
  const entries = Object.entries<(typeof instruments)[Name]>(instruments).map(
    ([key, { name, unit, description, buckets }]) => [
      key,
      meter.createHistogram(name, {
        ...{ unit, description },
        ...(buckets && { advice: { explicitBucketBoundaries: [...buckets] } }),
      }),
    ],
  );
  // The same keys.
  return Object.fromEntries(entries) as Record<Name, Histogram>;
}

function countersOf(
  meter: Meter,
): Readonly<Record<keyof typeof COUNTER, Counter>> {
  const entries = Object.entries(COUNTER).map(
    ([key, { name, unit, description }]) => [
      key,
      meter.createCounter(name, { unit, description }),
    ],
  );
  // The same keys.
  return Object.fromEntries(entries) as Record<keyof typeof COUNTER, Counter>;
}
