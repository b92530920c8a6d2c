import { LambdaLLMError, StepInProgressError } from "@lambdallm/core";

/** There is no run with this id: it is wrong, has expired, or belongs to another tenant. */
export class RunNotFoundError extends LambdaLLMError {
  static override readonly errorName = "RunNotFoundError";

  constructor() {
    super("There is no run with this id, or it has expired.", {
      code: "RUN_NOT_FOUND",
      statusCode: 404,
    });
  }
}

/** @param expiresAt When to come back, in epoch milliseconds. */
export function inProgress(
  runId: string,
  step: string,
  expiresAt: number,
): StepInProgressError {
  return new StepInProgressError(
    "The run is in progress in another invocation. Resume it later.",
    { runId, step, expiresAt },
  );
}
