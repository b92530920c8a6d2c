import {
  type Context,
  isSpanContextValid,
  type SpanContext,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { runTraceIn } from "./run-trace.ts";

const ROOT = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/i;
const PARENT = /^[0-9a-f]{16}$/i;

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

/** @see https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
function parse(header: string): SpanContext | undefined {
  const parts = new Map<string, string>();
  for (const part of header.split(";")) {
    const [name = "", value = ""] = part.trim().split("=");
    parts.set(name, value);
  }
  const [, seconds, unique] = ROOT.exec(parts.get("Root") ?? "") ?? [];
  const spanId = parts.get("Parent") ?? "";
  if (unique === undefined || !PARENT.test(spanId)) return undefined;
  if (parts.get("Sampled") !== "1") return undefined;
  const parent: SpanContext = {
    traceId: `${seconds}${unique}`.toLowerCase(),
    spanId: spanId.toLowerCase(),
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  };
  return isSpanContextValid(parent) ? parent : undefined;
}
