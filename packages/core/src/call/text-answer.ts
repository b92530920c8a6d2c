import { GuardrailError } from "../contract/errors.ts";
import type { ModelResponse } from "../contract/model-call.ts";
import { ModelInvocationError } from "../contract/model-error.ts";
import { modelName } from "../models/model-name.ts";
import { answerState } from "./stop-reasons.ts";
import { type TimeIsUp, timeIsUp } from "./time-is-up.ts";

/**
 * What a caller who wants the text of an answer gets: the response, or the error that its `stopReason` stands for. An
 * answer that the deadline cut off is one or the other, as the invocation's `timeoutStrategy` says.
 *
 * @throws {InvocationTimeoutError | Suspended | GuardrailError | ModelInvocationError}
 */
export function textAnswer(
  invocation: TimeIsUp,
  response: ModelResponse,
): ModelResponse {
  const truncated = answerState(response) === "late" && response.text !== "";
  return truncated && invocation.timeoutStrategy === "truncate"
    ? response
    : wholeAnswer(invocation, response);
}

/** The response, unless its `stopReason` says that the answer is not a whole one. */
export function wholeAnswer(
  invocation: TimeIsUp,
  response: ModelResponse,
): ModelResponse {
  const { attempts, model } = response;
  const which = attempts > 1 ? ` (attempt ${attempts})` : "";
  const state = answerState(response);
  if (state === "late")
    throw timeIsUp(
      invocation,
      `The model ${modelName(model)} had not answered when the time was over${which}: raise the function's timeout, lower maxTokens, or choose a faster model.`,
      response,
    );
  if (state === "blocked")
    throw new GuardrailError(
      "A guardrail or content filter replaced the model's answer.",
      response,
    );
  const error = brokenAnswer(response);
  if (error !== undefined) throw error;
  return response;
}

/** The failure that an answer is which the model itself broke off. Undefined for all others. */
export function brokenAnswer(
  response: ModelResponse,
): ModelInvocationError | undefined {
  const { model, stopReason } = response;
  const state = answerState(response);
  if (state !== "broken" && state !== "overflowed") return undefined;
  return new ModelInvocationError(
    `The model ${modelName(model)} ended with ${stopReason}: there is no complete answer.`,
    {
      reason: state === "broken" ? "interrupted" : "context-overflow",
      model,
      retryable: state === "broken",
      billed: "partial",
      partial: response,
    },
  );
}
