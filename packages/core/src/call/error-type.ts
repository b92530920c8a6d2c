import { LambdaLLMError } from "../contract/errors.ts";
import { StepFailure } from "../contract/journal.ts";
import { ModelInvocationError } from "../contract/model-error.ts";

/** By the stable codes of the suite's errors. What others call theirs may be anything, and as many things. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ["ANSWER_CONFLICT", "answer-conflict"],
  ["ANSWER_NOT_JSON", "answer-not-json"],
  ["ASK_TIMEOUT", "timeout"],
  ["BUDGET_EXCEEDED", "budget-exceeded"],
  ["CONFIGURATION", "configuration"],
  ["GUARDRAIL_INTERVENED", "guardrail"],
  ["INVOCATION_TIMEOUT", "timeout"],
  ["JOURNAL_MISMATCH", "journal-mismatch"],
  ["RESULT_NOT_JSON", "result-not-json"],
  ["RESULT_TOO_LARGE", "result-too-large"],
  ["RUN_NOT_FOUND", "run-not-found"],
  ["RUN_TOO_LARGE", "run-too-large"],
  ["SESSION_CONFLICT", "session-conflict"],
  ["SESSION_ID", "session-id"],
  ["STEP_IN_PROGRESS", "step-in-progress"],
  ["STEP_NEVER_ENDED", "step-never-ended"],
  ["STORE", "store"],
  ["STRUCTURED_OUTPUT", "structured-output"],
  ["SUSPENDED", "suspended"],
  ["TOOL_TIMEOUT", "timeout"],
  ["UNKNOWN_TOKEN", "unknown-token"],
]);

const OTHER = "_OTHER";

/** As the suite has them: another error may only look like one of ours, with a sentence in its place. */
const REASON = /^[a-z]+(?:-[a-z]+){0,3}$/;

/**
 * A short name of an error, for records that are counted by it: the reason of a model call that failed, such as `throttled`;
 * `timeout`, `guardrail`, `budget-exceeded`, `structured-output` and the like for the suite's other errors, also when a step has
 * failed with them; `_OTHER` for whatever was made elsewhere.
 */
export function errorTypeOf(error: unknown): string {
  if (ModelInvocationError.isInstance(error)) return error.reason;
  if (!LambdaLLMError.isInstance(error)) return OTHER;
  const { code } = error;
  if (StepFailure.isInstance(error) && code === "MODEL_INVOCATION") {
    const reason: unknown = Reflect.get(Object(error.data), "reason");
    return typeof reason === "string" && REASON.test(reason) ? reason : OTHER;
  }
  return TYPES.get(code) ?? OTHER;
}
