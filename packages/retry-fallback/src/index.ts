import { invocationOf, type MiddyMiddleware } from "@lambdallm/core/feature";
import { PersistentCall } from "./persistent-call.ts";
import {
  type RetryFallbackOptions,
  retryFallbackValidateOptions,
  settingsOf,
} from "./settings.ts";

export type { CircuitState } from "./circuit.ts";
export type { CircuitEvent, FallbackEvent, RetryEvent } from "./events.ts";
export {
  type CircuitInfo,
  circuitStates,
  resetRetryState,
} from "./model-states.ts";
export {
  type CircuitOptions,
  type RetryFallbackOptions,
  retryFallbackValidateOptions,
} from "./settings.ts";

/**
 * Sends model calls again that failed for a moment, and asks other models when one cannot answer, as long as there is
 * time before the deadline and the caller has not seen a piece of an answer.
 *
 * @throws {ConfigurationError} once, at cold start, for options that are wrong; and in an invocation for a second
 * middleware that retries, or when no provider's middleware comes before this one.
 * @example
 * export const handler = middy()
 *   .use(bedrock({ model: Model.CLAUDE_HAIKU_4_5 }))
 *   .use(retryFallback({ fallbackModel: Model.NOVA_LITE }))
 *   .handler(async (event, context) => context.invoke("Summarize:\n\n{text}", { text: event.text }));
 */
export function retryFallback(
  options: RetryFallbackOptions = {},
): Required<Pick<MiddyMiddleware, "before">> {
  retryFallbackValidateOptions(options);
  const settings = settingsOf(options);

  const retryFallbackBefore: NonNullable<MiddyMiddleware["before"]> = async ({
    context,
  }) => {
    const invocation = invocationOf(context, "retryFallback");
    invocation.intercept(
      "retry",
      "retryFallback",
      async (request, next, call) =>
        new PersistentCall(request, {
          settings,
          invocation,
          call,
          next,
        }).run(),
    );
  };

  return { before: retryFallbackBefore };
}

export default retryFallback;
