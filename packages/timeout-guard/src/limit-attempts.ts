import { findModel, type ModelResponse } from "@lambdallm/core";
import {
  answerState,
  type Interceptor,
  type Invocation,
  isManagedPrompt,
  type ModelRequest,
  maxTokensOf,
  needsOf,
} from "@lambdallm/core/feature";
import { type SilenceLimits, SilenceWatch } from "./silence-watch.ts";
import {
  durationMs,
  MIN_TOKENS,
  type Speed,
  SpeedMeter,
  tokensWithin,
} from "./speed-meter.ts";

export interface AttemptLimits extends SilenceLimits {
  /** The text so far is wanted at the deadline. */
  readonly truncate: boolean;
  readonly adaptMaxTokens: boolean;
}

/** Of a model that nothing has been seen of yet. */
const UNKNOWN_SPEED: Speed = { tokensPerSecond: 30, timeToFirstTokenMs: 1_000 };

/** How much longer than on a slow day an answer may take: to stream one needlessly costs less than to lose it. */
const SLOWER_STILL = 1.5;

/** Of the process on purpose: an invocation is over before it could learn how fast its model is. */
const meter = new SpeedMeter();

/** The interceptor that holds each attempt to its limits, and learns from its answer. */
export function limitAttempts(
  invocation: Invocation,
  limits: AttemptLimits,
): Interceptor {
  const { truncate, adaptMaxTokens } = limits;
  const { firstTokenTimeoutMs, betweenTokensTimeoutMs } = limits;
  const watching =
    firstTokenTimeoutMs !== undefined || betweenTokensTimeoutMs !== undefined;

  return async (given, next, { callId }) => {
    const request = adaptMaxTokens ? endingInTime(given) : given;
    const learn = (response: ModelResponse): ModelResponse => {
      learnFrom(request.model, response);
      const isCut = request !== given && answerState(response) === "cut";
      return isCut ? { ...response, hint: CUT_HINT } : response;
    };
    if (watching && canStream(request)) {
      const watch = new SilenceWatch(request, limits);
      // The time runs from here on: a budget may have to be reserved before, or a connection to become free.
      const { events } = invocation;
      const unsubscribe = [
        events.on("attempt-start", (attempt) => {
          if (attempt.callId === callId) watch.begin();
        }),
        events.on("attempt-queue", ({ isWaiting, ...attempt }) => {
          if (attempt.callId !== callId) return;
          if (isWaiting) watch.pause();
          else watch.begin();
        }),
      ];
      try {
        return learn(await next(watch.request));
      } finally {
        for (const end of unsubscribe) end();
        watch.end();
      }
    }
    return learn(
      await next(
        truncate && losesTextAtDeadline(request)
          ? { ...request, onDelta: showNobody }
          : request,
      ),
    );
  };
}

const showNobody = () => {};

/** In place of a hint to choose a larger `maxTokens`, which would change nothing. */
const CUT_HINT =
  "The answer was cut so that it ended before the deadline (adaptMaxTokens): raise the function's timeout, or choose a faster model.";

/** A model by whatever id it is called. */
const nameOf = (model: string) => findModel(model)?.id ?? model;

function leftMs({ deadline = Number.POSITIVE_INFINITY }: ModelRequest): number {
  return deadline - Date.now();
}

/** What the service would stop at; `Infinity` where a managed prompt says it. */
function longestAnswer(request: ModelRequest): number {
  const { model } = request;
  return isManagedPrompt(model)
    ? Number.POSITIVE_INFINITY
    : maxTokensOf(request, findModel(model));
}

/**
 * The same request with fewer `maxTokens` when the model could not write as many before the deadline. Half of a value is
 * none, a managed prompt takes none, and a model's own settings, such as a budget for thinking, may have to be smaller than
 * `maxTokens`: requests with any of these stay as they are.
 */
function endingInTime(request: ModelRequest): ModelRequest {
  const { model, maxTokens, defaults, output, bedrock } = request;
  const speed = meter.speedOf(nameOf(model));
  if (
    speed === undefined ||
    output !== undefined ||
    isManagedPrompt(model) ||
    bedrock?.additionalModelRequestFields !== undefined
  )
    return request;
  const fitting = tokensWithin(speed, leftMs(request));
  // No speed is known, either, of a provider that gives nonsense for its times.
  if (!(fitting < longestAnswer(request))) return request;
  // What nobody has chosen stays a default, which gives way: a choice of the caller's it must not become.
  return maxTokens === undefined
    ? { ...request, defaults: { ...defaults, maxTokens: fitting } }
    : { ...request, maxTokens: fitting };
}

/** Whether a buffered answer could still be on its way at the deadline, and its text be lost. */
function losesTextAtDeadline(request: ModelRequest): boolean {
  const { onDelta, output, model } = request;
  // Half of a value is none: there is nothing to save.
  if (onDelta !== undefined || output !== undefined) return false;
  const speed = meter.speedOf(nameOf(model)) ?? UNKNOWN_SPEED;
  const inTime =
    durationMs(speed, longestAnswer(request)) * SLOWER_STILL <= leftMs(request);
  return !inTime && canStream(request);
}

/** Some models refuse tools in a stream, also the one that an answer in a shape may need. */
function canStream(request: ModelRequest): boolean {
  const { model, onDelta, output } = request;
  if (onDelta !== undefined) return true;
  if (findModel(model)?.streamingTools !== false) return true;
  return output === undefined && !needsOf(request).tools;
}

function learnFrom(asked: string, response: ModelResponse): void {
  const { usage, latencyMs, timeToFirstTokenMs } = response;
  const { outputTokens } = usage;
  const model = nameOf(asked);
  // It was slower than anything that is known of it, and nobody saw how slow.
  if (answerState(response) === "late" && outputTokens < MIN_TOKENS)
    meter.forget(model);
  else meter.record(model, { outputTokens, latencyMs, timeToFirstTokenMs });
}
