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

/** @param held Until when, in epoch milliseconds, and when others get it. */
export function inProgress(
  runId: string,
  step: string,
  held: { readonly expiresAt: number; readonly freeAt?: number },
): StepInProgressError {
  const { freeAt: expiresAt = held.expiresAt } = held;
  return new StepInProgressError(
    "The run is in progress in another invocation. Resume it later.",
    { runId, step, expiresAt },
  );
}

/** Nobody asks with this token: it is wrong, its run has expired, or it belongs to another tenant. */
export class UnknownTokenError extends LambdaLLMError {
  static override readonly errorName = "UnknownTokenError";

  constructor() {
    super("Nobody waits for an answer with this token.", {
      code: "UNKNOWN_TOKEN",
      statusCode: 404,
    });
  }
}

const ANSWER_CONFLICTS = {
  answered: "The question was answered before, and with another answer.",
  late: "The answer comes too late: the time of the question is over.",
} as const;

/** The question has another answer, or the answer comes too late. */
export class AnswerConflictError extends LambdaLLMError {
  static override readonly errorName = "AnswerConflictError";

  constructor(why: "answered" | "late") {
    super(ANSWER_CONFLICTS[why], {
      code: "ANSWER_CONFLICT",
      statusCode: 409,
    });
  }
}
