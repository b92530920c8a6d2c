import {
  errorNameOf,
  errorTypeOf,
  safeMessageOf,
} from "@lambdallm/core/feature";
import { type Span, SpanStatusCode } from "@opentelemetry/api";
import {
  ERROR_TYPE,
  EXCEPTION,
  EXCEPTION_MESSAGE,
  EXCEPTION_TYPE,
} from "./semconv.ts";

export function setFailed(span: Span, error: unknown): void {
  const message = safeMessageOf(error);
  span.setAttribute(ERROR_TYPE, errorTypeOf(error));
  span.setStatus({
    code: SpanStatusCode.ERROR,
    ...(message !== undefined && { message }),
  });
}

/** In place of `recordException`, which records messages and stacks, whatever they say. */
export function recordFailure(span: Span, error: unknown): void {
  setFailed(span, error);
  const name = errorNameOf(error);
  if (name === undefined) return;
  const message = safeMessageOf(error);
  span.addEvent(EXCEPTION, {
    [EXCEPTION_TYPE]: name,
    ...(message !== undefined && { [EXCEPTION_MESSAGE]: message }),
  });
}
