import {
  type Context,
  isSpanContextValid,
  type SpanContext,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { runTraceIn } from "./run-trace.ts";

/**
 * The span that Lambda runs the invocation in. Only a sampled one is a parent, as for OpenTelemetry's own instrumentation of
 * Lambda: without active tracing Lambda sets a header that is not sampled, and no span would ever be exported.
 *
 * @param lambdaContext On Managed Instances the only one that has it: the variable is that of a process.
 */
export function xRayParent(lambdaContext?: object): SpanContext | undefined {
  // That of a durable function stands in another one.
  const { lambdaContext: inner, xRayTraceId: own } = contextIn(lambdaContext);
  const { xRayTraceId: header = own } = contextIn(inner);
  return parse(
    typeof header === "string"
      ? header
      : (process.env["_X_AMZN_TRACE_ID"] ?? ""),
  );
}

const contextIn = (
  value: unknown,
): { lambdaContext?: unknown; xRayTraceId?: unknown } => Object(value);

/** The context with a parent for what begins in it: what is active there, or the run, else Lambda's own span. */
export function withParent(base: Context, lambdaContext?: object): Context {
  if (trace.getSpan(base) !== undefined || runTraceIn(base) !== undefined)
    return base;
  const parent = xRayParent(lambdaContext);
  return parent === undefined ? base : trace.setSpanContext(base, parent);
}

const PARTS = {
  root: /(?:^|;)\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})\s*(?:;|$)/i,
  parent: /(?:^|;)\s*Parent=([0-9a-f]{16})\s*(?:;|$)/i,
  sampled: /(?:^|;)\s*Sampled=1\s*(?:;|$)/,
};

/** @see https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
function parse(header: string): SpanContext | undefined {
  const root = PARTS.root.exec(header);
  const spanId = PARTS.parent.exec(header)?.[1];
  if (root === null || spanId === undefined || !PARTS.sampled.test(header))
    return undefined;
  const parent: SpanContext = {
    traceId: `${root[1]}${root[2]}`.toLowerCase(),
    spanId: spanId.toLowerCase(),
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  };
  return isSpanContextValid(parent) ? parent : undefined;
}
