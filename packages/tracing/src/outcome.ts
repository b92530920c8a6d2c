import type { OperationOutcome } from "@lambdallm/core/feature";
import type { Attributes, Span } from "@opentelemetry/api";
import { setFailed } from "./failure.ts";
import { RUN_SUSPENDED } from "./semconv.ts";

/** A run that has to wait has not failed. */
export function setOutcome(
  span: Span,
  outcome: OperationOutcome,
  attributesOf?: (error: unknown) => Attributes,
): void {
  if (!span.isRecording()) return;
  switch (outcome.status) {
    case "suspended":
      span.setAttribute(RUN_SUSPENDED, true);
      break;
    case "failed":
      setFailed(span, outcome.error);
      if (attributesOf !== undefined)
        span.setAttributes(attributesOf(outcome.error));
  }
}
