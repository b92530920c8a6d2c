import { type Answer, answerOf } from "./answer.ts";
import { eventsOf } from "./answer-events.ts";
import type { PromptUsage } from "./prompt-cache.ts";
import { checkedReply } from "./reply.ts";
import { ServiceError } from "./service-error.ts";
import type { BedrockRequest, Responder, StreamEvent } from "./types.ts";

/** What writes the answers: a responder, or a model elsewhere. */
export interface Backend {
  answer(request: BedrockRequest, prompt: PromptUsage): Promise<Answer>;
  /** Fails before the first event when no answer can be had, so that the status can say so. */
  stream(
    request: BedrockRequest,
    prompt: PromptUsage,
    metadata: () => object,
  ): AsyncIterable<StreamEvent>;
}

/** Answers by a function in this process. */
export function responderBackend(respond: Responder): Backend {
  const answer = async (request: BedrockRequest, prompt: PromptUsage) =>
    answerOf(checkedReply(await respond(request)), request, prompt);
  return {
    answer,
    async *stream(request, prompt, metadata) {
      const written = await answer(request, prompt);
      yield* eventsOf(written, { ...metadata(), ...factsOf(written) });
    },
  };
}

/** What a responder may set beside the message; it wins over what the service would have said. */
export function factsOf({
  metrics,
  trace,
}: Pick<Answer, "metrics" | "trace">): object {
  return {
    ...(metrics !== undefined && { metrics }),
    ...(trace !== undefined && { trace }),
  };
}

/** Whatever was thrown while answering, as an error of the service. */
export function serviceErrorOf(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ServiceError("InternalServerException", {
    message: `The responder of the local Bedrock failed: ${message}`,
    cause: error,
  });
}
