import { ConfigurationError } from "@lambdallm/core";
import {
  check,
  invocationOf,
  type MiddyMiddleware,
  type MiddyRequest,
  validateOptions,
} from "@lambdallm/core/feature";
import { limitAttempts } from "./limit-attempts.ts";

/** What the caller of `invoke` and `stream` gets of an answer that the deadline cut off. */
export type TimeoutStrategy = "fail-fast" | "truncate" | "checkpoint";

export interface TimeoutGuardOptions {
  /**
   * What happens to an answer that is not complete at the deadline. `fail-fast`: an InvocationTimeoutError. `truncate`: its
   * text so far, or the same error when there is none. `checkpoint`: the run is suspended and goes on when it is resumed;
   * it needs `.use(checkpoint({ ... }))` of `@lambdallm/checkpoint`.
   * @default "fail-fast"
   */
  readonly strategy?: TimeoutStrategy | undefined;
  /**
   * Milliseconds before Lambda's timeout at which model calls stop, so that the handler can still answer. From then on
   * `context.shouldCheckpoint` is true.
   * @default 5_000
   */
  readonly bufferMs?: number | undefined;
  /**
   * Milliseconds that a model may be silent before its first token; then the attempt fails, and a retry or a fallback takes
   * over. They count from sending the attempt, and once more from the opening of the message, which is not an answer yet.
   * Hidden thoughts, citations and all other events are. Streams every call.
   * @default no limit
   */
  readonly firstTokenTimeoutMs?: number | undefined;
  /**
   * Milliseconds that a model may be silent between two tokens, or other events of the answer; then the attempt fails.
   * Streams every call.
   * @default no limit
   */
  readonly betweenTokensTimeoutMs?: number | undefined;
  /**
   * Lowers `maxTokens` (4,096 for a call without) so that the answer ends before the deadline, by the speed that this
   * process has seen of the model. `response.hint` tells when an answer was cut for it.
   * @default false
   */
  readonly adaptMaxTokens?: boolean | undefined;
}

const DEFAULT_BUFFER_MS = 5_000;

const checks = {
  strategy: check.oneOf("fail-fast", "truncate", "checkpoint"),
  bufferMs: check.wholeNumber,
  firstTokenTimeoutMs: check.positiveInteger,
  betweenTokensTimeoutMs: check.positiveInteger,
  adaptMaxTokens: check.boolean,
};

/** @throws {ConfigurationError} naming the option that does not exist or has a wrong value. */
export function timeoutGuardValidateOptions(options: unknown): void {
  validateOptions("timeoutGuard", checks, options);
}

/**
 * Ends model calls before Lambda's timeout, so that the handler always answers.
 *
 * @throws {ConfigurationError} once, at cold start, for options that are wrong; and in an invocation that has no more
 * time left than `bufferMs`, or no provider.
 * @example
 * export const handler = middy()
 *   .use(bedrock())
 *   .use(timeoutGuard({ strategy: "truncate" }))
 *   .handler(async (event, context) => context.invoke("Tell me about {topic}.", { topic: event.topic }));
 */
export function timeoutGuard(
  options: TimeoutGuardOptions = {},
): Required<Pick<MiddyMiddleware, "before">> {
  timeoutGuardValidateOptions(options);
  const { strategy = "fail-fast", bufferMs = DEFAULT_BUFFER_MS } = options;
  const { firstTokenTimeoutMs, betweenTokensTimeoutMs } = options;
  const { adaptMaxTokens = false } = options;
  const truncate = strategy === "truncate";
  const limitsAttempts =
    truncate ||
    adaptMaxTokens ||
    firstTokenTimeoutMs !== undefined ||
    betweenTokensTimeoutMs !== undefined;

  const timeoutGuardBefore = async ({
    context,
  }: MiddyRequest): Promise<void> => {
    const invocation = invocationOf(context, "timeoutGuard");
    const { remainingTimeMs } = invocation;
    if (remainingTimeMs <= bufferMs)
      throw new ConfigurationError(
        `timeoutGuard: the invocation has ${remainingTimeMs} ms left, and bufferMs keeps ${bufferMs} ms of them free, so that no model could be called. Raise the function's timeout (Lambda's default is 3 seconds), or lower bufferMs.`,
      );
    invocation.timeoutStrategy = strategy;
    invocation.bufferMs = bufferMs;
    invocation.tightenDeadline(Date.now() + remainingTimeMs - bufferMs);
    if (strategy === "checkpoint")
      invocation.intercept("call", "timeoutGuard", async (request, next) => {
        if (invocation.journal === undefined)
          throw new ConfigurationError(
            'timeoutGuard: the strategy "checkpoint" needs a journal: add .use(checkpoint({ store })) of @lambdallm/checkpoint.',
          );
        return next(request);
      });
    if (limitsAttempts)
      invocation.intercept(
        "limit",
        "timeoutGuard",
        limitAttempts(invocation, {
          truncate,
          adaptMaxTokens,
          firstTokenTimeoutMs,
          betweenTokensTimeoutMs,
        }),
      );
  };

  return { before: timeoutGuardBefore };
}

export default timeoutGuard;
