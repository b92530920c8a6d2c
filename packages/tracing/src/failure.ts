import { LambdaLLMError, StepFailure } from "@lambdallm/core";
import { errorTypeOf } from "@lambdallm/core/feature";
import { type Span, SpanStatusCode } from "@opentelemetry/api";
import {
  ERROR_TYPE,
  EXCEPTION,
  EXCEPTION_MESSAGE,
  EXCEPTION_TYPE,
} from "./semconv.ts";

/** Only the suite's own messages quote nothing; that of a step is the one of the error that it has failed with. */
function safeMessage(error: unknown): string | undefined {
  return LambdaLLMError.isInstance(error) && !StepFailure.isInstance(error)
    ? error.message
    : undefined;
}

export function setFailed(span: Span, error: unknown): void {
  const message = safeMessage(error);
  span.setAttribute(ERROR_TYPE, errorTypeOf(error));
  span.setStatus({
    code: SpanStatusCode.ERROR,
    ...(message !== undefined && { message }),
  });
}

const PLAIN_NAME = /^[A-Za-z_$][\w$]{0,63}$/;

/** In place of `recordException`, which records messages and stacks, whatever they say. */
export function recordFailure(span: Span, error: unknown): void {
  setFailed(span, error);
  const name = plainNameOf(error);
  if (name === undefined) return;
  const message = safeMessage(error);
  span.addEvent(EXCEPTION, {
    [EXCEPTION_TYPE]: name,
    ...(message !== undefined && { [EXCEPTION_MESSAGE]: message }),
  });
}

function plainNameOf(error: unknown): string | undefined {
  try {
    const name: unknown = Reflect.get(Object(error), "name");
    return typeof name === "string" && PLAIN_NAME.test(name) ? name : undefined;
  } catch {
    // Anything can be thrown, also what throws when it is looked at.
    return undefined;
  }
}
