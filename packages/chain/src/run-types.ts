import type { Journal } from "@lambdallm/core";
import type { Invocation } from "@lambdallm/core/feature";
import type { Budget } from "./budget.ts";
import type { Node } from "./graph.ts";
import type { LastText } from "./last-text.ts";
import type { StepStatus } from "./result.ts";

export type TimeoutStrategy = "fail-fast" | "truncate" | "checkpoint";

/** What becomes of a step while its chain runs. */
export interface StepEvent {
  readonly step: string;
  readonly status: "started" | StepStatus;
}

/** What a chain is run with. */
export interface Run {
  readonly chain: string;
  readonly nodes: readonly Node[];
  readonly invocation: Invocation;
  readonly context: object;
  readonly variables: object;
  readonly journal: Journal;
  readonly strategy: TimeoutStrategy;
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
  readonly budget: Budget | undefined;
  readonly onStep: ((event: StepEvent) => void) | undefined;
  /** For whoever reads the text of the last step while it is written. */
  readonly text: LastText | undefined;
}
