import { StepFailure } from "@lambdallm/core";
import { askTimeout, failureOf } from "@lambdallm/core/stores";

const BAD_ANSWER = { statusCode: 502, expose: false, retryable: false };

/** @throws {StepFailure} `ANSWER_NOT_JSON` */
export function answerOf(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new StepFailure({
      step: name,
      code: "ANSWER_NOT_JSON",
      message: `The answer to "${name}" is not JSON.`,
      ...BAD_ANSWER,
    });
  }
}

/** Why there is no answer: its time is over, or the one who was asked has said so. */
export function unanswered(name: string, error: unknown): StepFailure {
  if (Reflect.get(Object(error), "errorType") === "CallbackTimeoutError")
    return new StepFailure(askTimeout(name));
  const cause: unknown = Reflect.get(Object(error), "cause");
  const { code, message } = failureOf(cause ?? error, name);
  return new StepFailure({ step: name, code, message, ...BAD_ANSWER });
}
