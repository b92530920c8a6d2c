import { GuardrailError, InvocationTimeoutError } from "../contract/errors.ts";
import type { ModelResponse } from "../contract/model-call.ts";
import {
  type FailureReason,
  ModelInvocationError,
} from "../contract/model-error.ts";
import { modelName } from "../models/model-name.ts";
import type { Invocation } from "./invocation.ts";

/** Answers that are none: empty, or broken off by the model itself. */
const BROKEN_ANSWERS: ReadonlyMap<string, FailureReason> = new Map([
  ["malformed_model_output", "interrupted"],
  ["malformed_tool_use", "interrupted"],
  ["model_context_window_exceeded", "context-overflow"],
]);

/**
 * What a caller who wants the text of an answer gets: the response, or the error that its `stopReason` stands for. An
 * answer that the deadline cut off is one or the other, as the invocation's `timeoutStrategy` says.
 *
 * @throws {InvocationTimeoutError | GuardrailError | ModelInvocationError}
 */
export function textAnswer(
  invocation: Pick<Invocation, "timeoutStrategy">,
  response: ModelResponse,
): ModelResponse {
  const { stopReason, text } = response;
  const truncated = stopReason === "timeout" && text !== "";
  return truncated && invocation.timeoutStrategy === "truncate"
    ? response
    : wholeAnswer(response);
}

/** The response, unless its `stopReason` says that the answer is not a whole one. */
export function wholeAnswer(response: ModelResponse): ModelResponse {
  const { stopReason, attempts } = response;
  const model = modelName(response.model);
  const which = attempts > 1 ? ` (attempt ${attempts})` : "";
  if (stopReason === "timeout")
    throw new InvocationTimeoutError(
      `The model ${model} had not answered when the time was over${which}: raise the function's timeout, lower maxTokens, or choose a faster model.`,
      response,
    );
  if (
    stopReason === "guardrail_intervened" ||
    stopReason === "content_filtered"
  )
    throw new GuardrailError(
      "A guardrail or content filter replaced the model's answer.",
      response,
    );
  const reason = BROKEN_ANSWERS.get(stopReason);
  if (reason !== undefined)
    throw new ModelInvocationError(
      `The model ${model} ended with ${stopReason}: there is no complete answer.`,
      {
        reason,
        model: response.model,
        retryable: reason === "interrupted",
        billed: "partial",
        partial: response,
      },
    );
  return response;
}
