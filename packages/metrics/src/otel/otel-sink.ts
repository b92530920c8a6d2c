import {
  errorTypeOf,
  type Invocation,
  type ModelRequest,
  serverOf,
} from "@lambdallm/core/feature";
import type { Attributes, Histogram, Meter } from "@opentelemetry/api";
import type { EndedCall, EndedOperation, Recorder, Sink } from "../sink.ts";
import {
  AGENT_NAME,
  COUNTER,
  ERROR_TYPE,
  HISTOGRAM,
  type Instrument,
  LEGACY_HISTOGRAM,
  MODALITY,
  OPERATION,
  PROVIDER,
  PROVIDER_NAME,
  REQUEST_MODEL,
  RESPONSE_MODEL,
  SERVER_ADDRESS,
  SERVER_PORT,
  TOKEN_TYPE,
  TOOL_NAME,
  TOOL_TYPE,
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
  const counters = instrumentsOf(COUNTER, ([name, unit]) =>
    meter.createCounter(name, { unit }),
  );
  const old = legacy ? histogramsOf(meter, LEGACY_HISTOGRAM) : undefined;

  const call = (ended: EndedCall, chunks: readonly number[]): void => {
    const { totals, response, errorType, durationMs } = ended;
    const { usage } = totals;
    const common = callAttributes(ended);
    const withError = { ...common, ...errorAttribute(errorType) };
    // Bedrock does not tell which tokens are of text and which of images.
    const ofTokens = { ...common, [MODALITY]: "unknown" };
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
    for (const chunk of chunks)
      histograms.timePerOutputChunk.record(chunk, common);
    counters.inputTokens.add(inputTokens, ofTokens);
    counters.outputTokens.add(outputTokens, ofTokens);
    if (cacheRead > 0) counters.cacheReadTokens.add(cacheRead, ofTokens);
    if (cacheWrite > 0) counters.cacheWriteTokens.add(cacheWrite, ofTokens);
    histograms.inputTokens.record(inputTokens, withError);
    histograms.outputTokens.record(outputTokens, withError);
    if (old === undefined) return;
    old.operationDuration.record(seconds, common);
    old.tokenUsage.record(inputTokens, { ...common, [TOKEN_TYPE]: "input" });
    old.tokenUsage.record(outputTokens, { ...common, [TOKEN_TYPE]: "output" });
  };

  const operation = (ended: EndedOperation): void => {
    const { kind, name } = ended.operation;
    const { outcome } = ended;
    const seconds = ended.durationMs / 1000;
    const error = errorAttribute(
      outcome.status === "failed" ? errorTypeOf(outcome.error) : undefined,
    );
    if (kind === "tool")
      histograms.toolDuration.record(seconds, {
        [TOOL_NAME]: name,
        [TOOL_TYPE]: "function",
        [AGENT_NAME]: ended.operation.agent,
        ...error,
      });
    else if (kind !== "step")
      histograms.agentDuration.record(seconds, {
        [OPERATION]: kind === "agent" ? "invoke_agent" : "invoke_workflow",
        [AGENT_NAME]: name,
        ...error,
      });
    if (kind !== "agent" || outcome.status !== "completed") return;
    // What the run of an agent has come to.
    const { iterations, toolCalls } = Object(outcome.result);
    const ofAgent = { [AGENT_NAME]: name };
    histograms.agentInferenceCalls.record(iterations, ofAgent);
    histograms.agentToolCalls.record(toolCalls, ofAgent);
  };

  return ({ invocation }): Recorder => {
    const chunks = new Map<number, number[]>();
    if (timePerOutputChunk) watchChunks(invocation, chunks);
    return {
      call: (ended) => {
        call(ended, chunks.get(ended.callId) ?? []);
        chunks.delete(ended.callId);
      },
      operation,
      ...(flush && { flush }),
    };
  };
}

/** The seconds between the pieces that the caller sees of a stream, by its call: the others pass by. */
function watchChunks(
  invocation: Invocation,
  chunks: Map<number, number[]>,
): void {
  invocation.intercept("attempt", "metrics", async (request, next, info) => {
    const { onDelta } = request;
    if (onDelta === undefined) return next(request);
    const seconds = chunks.get(info.callId) ?? [];
    chunks.set(info.callId, seconds);
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
    return next(watched);
  });
}

function callAttributes({
  provider,
  request,
  response,
}: EndedCall): Attributes {
  const server = serverOf(provider, request.model);
  return {
    [OPERATION]: "chat",
    [PROVIDER_NAME]: provider.name === "bedrock" ? PROVIDER : provider.name,
    [REQUEST_MODEL]: request.model,
    ...(response && { [RESPONSE_MODEL]: response.model }),
    ...(server && {
      [SERVER_ADDRESS]: server.address,
      [SERVER_PORT]: server.port,
    }),
  };
}

function errorAttribute(errorType: string | undefined): Attributes {
  return errorType === undefined ? {} : { [ERROR_TYPE]: errorType };
}

function histogramsOf<Name extends string>(
  meter: Meter,
  instruments: Readonly<Record<Name, Instrument>>,
): Readonly<Record<Name, Histogram>> {
  return instrumentsOf(instruments, ([name, unit, buckets]) =>
    meter.createHistogram(name, {
      unit,
      ...(buckets && { advice: { explicitBucketBoundaries: [...buckets] } }),
    }),
  );
}

function instrumentsOf<Name extends string, Made>(
  instruments: Readonly<Record<Name, Instrument>>,
  make: (instrument: Instrument) => Made,
): Readonly<Record<Name, Made>> {
  const entries = Object.entries<Instrument>(instruments);
  // The same keys.
  return Object.fromEntries(
    entries.map(([key, instrument]) => [key, make(instrument)]),
  ) as Record<Name, Made>;
}
