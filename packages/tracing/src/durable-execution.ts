import { type Context, createContextKey } from "@opentelemetry/api";

/** The durable execution that an invocation works on. */
export interface DurableExecution {
  readonly arn: string;
  readonly isResumed: boolean;
  /** End the spans that are open: a program that has to wait never comes back here. */
  readonly suspend: Set<() => void>;
}

const EXECUTION = createContextKey("@lambdallm/tracing durable execution");

export const inExecution = (
  context: Context,
  execution: DurableExecution,
): Context => context.setValue(EXECUTION, execution);

export function executionIn(context: Context): DurableExecution | undefined {
  // Nobody else has the key.
  return context.getValue(EXECUTION) as DurableExecution | undefined;
}
