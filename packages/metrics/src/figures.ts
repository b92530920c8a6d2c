import type { MetricUnit } from "./emf/rules.ts";

/** What the middleware counts for CloudWatch, and in which units. */
export const FIGURES = {
  Calls: "Count",
  Attempts: "Count",
  Errors: "Count",
  Throttles: "Count",
  Retries: "Count",
  Fallbacks: "Count",
  IncompleteAnswers: "Count",
  InputTokens: "Count",
  OutputTokens: "Count",
  CacheReadTokens: "Count",
  CacheWriteTokens: "Count",
  CostUsd: "None",
  UnpricedCalls: "Count",
  Latency: "Milliseconds",
  TimeToFirstToken: "Milliseconds",
  ToolCalls: "Count",
  ToolErrors: "Count",
  Iterations: "Count",
  Steps: "Count",
  RunsResumed: "Count",
  RunsSuspended: "Count",
  BudgetUsed: "Percent",
  BudgetRefusals: "Count",
} as const satisfies Readonly<Record<string, MetricUnit>>;

export type Figure = keyof typeof FIGURES;

/** The dimension of `Errors` by their code. */
export const ERROR_TYPE = "errorType";
/** The dimension of `IncompleteAnswers` by the reason for which they stopped. */
export const STOP_REASON = "stopReason";
/** Says in each document which request of Lambda it is of. */
export const REQUEST_ID = "requestId";

export const DEFAULT_NAMESPACE = "LambdaLLM";
