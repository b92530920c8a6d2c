import {
  type Invocation,
  invocationOf,
  type MiddyMiddleware,
  type MiddyRequest,
  ObservedInvocations,
} from "@lambdallm/core/feature";
import { type Fields, failureFacts, usageFacts, valuesOf } from "./facts.ts";
import { recordForeignEvents, wantedForeignEvents } from "./foreign-events.ts";
import { DEFAULT_LEVELS, type LogEvent } from "./levels.ts";
import { consoleLogger } from "./logger.ts";
import {
  contentSettings,
  type LoggingOptions,
  loggingValidateOptions,
} from "./options.ts";
import { recordCalls } from "./record-calls.ts";
import { recordPrograms } from "./record-programs.ts";
import { Recorder, type RecorderSettings } from "./recorder.ts";

const recorded = new ObservedInvocations("logging");

/**
 * Writes a record for each model call, for what happens around it, and for the invocation at its end. Nothing of prompts and
 * answers is in them, unless `content` asks for it. Goes right after the provider's middleware.
 *
 * @throws {ConfigurationError} once, at cold start, for options that are wrong; in an invocation without a provider, or with
 * another `logging`.
 * @example
 * export const handler = middy<{ text: string }>()
 *   .use(bedrock())
 *   .use(logging({ logger: new Logger({ serviceName: "summaries" }) }))
 *   .handler(async ({ text }, context) => context.invoke("Summarize:\n\n{text}", { text }));
 */
export function logging(
  options: LoggingOptions = {},
): Required<Pick<MiddyMiddleware, "before" | "onError">> {
  loggingValidateOptions(options);
  const settings = settingsOf(options);
  const errors = new WeakMap<object, unknown>();

  const loggingBefore = async (request: MiddyRequest): Promise<void> => {
    const { context } = request;
    const invocation = invocationOf(context, "logging");
    if (!recorded.add(invocation)) return;
    const start = performance.now();
    const recorder = new Recorder(settings, requestIdOf(context));
    const calls = recordCalls(invocation, recorder);
    recordPrograms(invocation, recorder);
    recordForeignEvents(invocation, recorder, calls);
    invocation.addFinalizer(async () => {
      const failure = errors.has(request)
        ? failureFacts(errors.get(request))
        : { status: "completed" };
      recorder.write(
        failure.status === "failed" ? "invocation-error" : "invocation-end",
        () => ({
          ...totalsOf(invocation),
          durationMs: performance.now() - start,
          ...failure,
        }),
      );
      await recorder.flush();
    });
  };

  const loggingOnError = async (request: MiddyRequest): Promise<void> => {
    errors.set(request, request.error);
  };

  return { before: loggingBefore, onError: loggingOnError };
}

function settingsOf({
  logger = consoleLogger,
  levels = {},
  sampleRate = 1,
  content,
}: LoggingOptions): RecorderSettings {
  const levelOf = (event: LogEvent) => levels[event] ?? DEFAULT_LEVELS[event];
  return {
    ...{ logger, levelOf, sampleRate },
    foreignEvents: wantedForeignEvents((event) => levelOf(event) !== false),
    content: contentSettings(content),
  };
}

function requestIdOf(context: object): string | undefined {
  const { awsRequestId, lambdaContext }: Record<string, unknown> =
    Object(context);
  // A durable context carries Lambda's own.
  const id = awsRequestId ?? Object(lambdaContext).awsRequestId;
  return typeof id === "string" ? id : undefined;
}

/** Of all its calls; `knownCostUsd` where an unknown price keeps the whole cost from being known. */
function totalsOf({ totals }: Invocation): Fields {
  const { usage, totalCostUsd: costUsd, knownCostUsd } = totals;
  return {
    ...valuesOf(totals, ["calls", "attempts", "failedAttempts"]),
    ...usageFacts(usage),
    costUsd,
    ...(costUsd === undefined && { knownCostUsd }),
    ...valuesOf(totals, ["modelLatencyMs"]),
  };
}
