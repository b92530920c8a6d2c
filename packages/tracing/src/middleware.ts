import {
  check,
  type Invocation,
  invocationOf,
  type MiddyMiddleware,
  type MiddyRequest,
  ObservedInvocations,
  type OptionCheck,
  validateOptions,
  warn,
} from "@lambdallm/core/feature";
import { context as present, trace } from "@opentelemetry/api";
import type { Context as LambdaContext } from "aws-lambda";
import { type CaptureContent, ContentCapture } from "./capture-content.ts";
import { executionIn } from "./durable-execution.ts";
import { Flush } from "./flush.ts";
import { resumedRuns } from "./foreign-events.ts";
import { SpanObserver } from "./observer.ts";
import { olderApi } from "./older-api.ts";
import {
  DEFAULT_FLUSH_TIMEOUT_MS,
  type ExportOptions,
  exportChecks,
  SCOPE,
} from "./options.ts";

export interface TracingOptions extends ExportOptions {
  /**
   * What was said: `true` records it on the spans, prompts, answers, and the inputs and results of tools. A function gets it after each
   * call, whatever the sampling, and may store it elsewhere, or change it: what it returns is recorded.
   *
   * @default false
   */
  readonly captureContent?: CaptureContent | boolean | undefined;
  /**
   * Whether spans that the AWS SDK's instrumentation would make of the same requests are left out: with them each call has two, and its
   * tokens count twice.
   *
   * @default true
   */
  readonly suppressSdkSpans?: boolean | undefined;
}

const captureContent: OptionCheck = (value) =>
  typeof value === "function" || typeof value === "boolean"
    ? undefined
    : "true, false or a function";

const checks: Readonly<Record<keyof TracingOptions, OptionCheck>> = {
  ...exportChecks,
  captureContent,
  suppressSdkSpans: check.boolean,
};

/** @throws {ConfigurationError} naming the option that is unknown or wrong. */
export function tracingValidateOptions(options: unknown): void {
  validateOptions("tracing", checks, options);
}

/** What core waits for at the end of an invocation ends half of this before Lambda's timeout; a flush ends before that. */
const KEPT_MS = 500;

const traced = new ObservedInvocations("tracing");

/**
 * Makes OpenTelemetry spans, by the GenAI conventions, of model calls and their attempts, tools, agents and chains. A run that several
 * invocations work on is one trace.
 *
 * @throws {ConfigurationError} once, at cold start, for options that are wrong; in an invocation without a provider, or with another
 * tracing.
 * @example
 * export const handler = middy<{ text: string }>()
 *   .use(bedrock())
 *   .use(tracing())
 *   .handler(async ({ text }, context) => context.invoke("Summarize:\n{text}", { text }));
 */
export function tracing(
  options: TracingOptions = {},
): Required<Pick<MiddyMiddleware<LambdaContext>, "before">> {
  tracingValidateOptions(options);
  let isFirst = true;

  const tracingBefore = async (request: MiddyRequest): Promise<void> => {
    const { context } = request;
    const invocation = invocationOf(context, "tracing");
    // The observer of an outer invocation sees the operations of this one too.
    if (!traced.add(invocation)) return;
    // Not at cold start: the SDK may be set up after the middleware was made.
    if (isFirst && options.provider === undefined) warnOfOlderApi();
    isFirst = false;
    observe(invocation, context, options);
  };

  return { before: tracingBefore };
}

function warnOfOlderApi(): void {
  const version = olderApi();
  if (version !== undefined)
    warn(
      "tracing: nothing is recorded",
      `OpenTelemetry was set up with version ${version} of @opentelemetry/api, which a newer copy does not find; install one that is not newer`,
    );
}

function observe(
  invocation: Invocation,
  lambdaContext: object,
  options: TracingOptions,
): void {
  const { provider, suppressSdkSpans = true } = options;
  const { flushTimeoutMs = DEFAULT_FLUSH_TIMEOUT_MS } = options;
  const capture = new ContentCapture(options.captureContent ?? false);
  const resumed = resumedRuns(invocation);
  const observer = new SpanObserver({
    tracer: (provider ?? trace).getTracer(SCOPE),
    ...{ capture, suppressSdkSpans, lambdaContext },
    isResumed: (runId) => {
      const execution = executionIn(present.active());
      return execution?.arn === runId
        ? execution.isResumed
        : resumed.has(runId);
    },
  });
  invocation.operations.observe(observer.observe);
  const flush = new Flush(provider);
  invocation.addFlush(async () => {
    const limitMs = flushTimeoutMs || DEFAULT_FLUSH_TIMEOUT_MS;
    const until = Date.now() + Math.min(limitMs, leftMs(invocation));
    await capture.settle(until - Date.now());
    if (flushTimeoutMs > 0) await flush.run(Math.max(0, until - Date.now()));
  });
}

function leftMs({ remainingTimeMs }: Invocation): number {
  return remainingTimeMs - Math.min(KEPT_MS, remainingTimeMs) * 0.6;
}
