import type { JsonValue, ToolResultContent } from "@lambdallm/core";
import {
  addUsage,
  isObject,
  type OperationOutcome,
  usageOf,
} from "@lambdallm/core/feature";
import type { Ending, Progress } from "./limits.ts";
import type { AgentResult, AgentStep, ToolReply } from "./types.ts";

/** How a run has ended. */
export interface Outcome {
  readonly ending: Ending;
  readonly answer: string;
  readonly object?: unknown;
}

/** What a run has come to. */
export interface RunSoFar {
  readonly steps: readonly AgentStep[];
  readonly iterations: number;
  readonly progress: Progress;
}

/** What whoever has run the agent gets. */
export function resultOf(
  { steps, iterations, progress }: RunSoFar,
  runId: string,
  { ending, answer, object }: Outcome,
): AgentResult<unknown> {
  const { status, reason } = ending;
  return {
    answer,
    status,
    ...(reason !== "" && { reason }),
    steps,
    iterations,
    toolCalls: progress.toolCalls,
    totalCostUsd: progress.costUsd,
    runId,
    ...(object !== undefined && { object }),
  };
}

/** What the agent above is told. */
export function replyOf({ ending, answer, object }: Outcome): ToolReply {
  const { status, reason } = ending;
  const content: ToolResultContent[] = [];
  if (isObject(object)) content.push({ json: object as JsonValue });
  else if (answer.trim() !== "") content.push({ text: answer });
  const hasAnswer = content.length > 0;
  if (status !== "completed")
    content.push({ text: `(The agent did not come to its end. ${reason})` });
  return { status: hasAnswer ? "success" : "error", content };
}

/** For observers. */
export function outcomeOf({
  status,
  steps,
  iterations,
  toolCalls,
  answer,
}: AgentResult<unknown>): OperationOutcome<"agent"> {
  if (status === "suspended") return { status };
  const usage = steps.map((step) => step.usage).reduce(addUsage, usageOf(0, 0));
  const result = { status, iterations, toolCalls, usage, answer };
  return { status: "completed", result };
}

/** For a run that its own rules end: what the model has said last, else what the last of its tools has. */
export function lastSaid(steps: readonly AgentStep[]): string {
  const { text = "", toolCalls = [] } = steps.at(-1) ?? {};
  if (text.trim() !== "") return text;
  const { content = [] } = toolCalls.at(-1) ?? {};
  return content
    .flatMap((part) => {
      if ("text" in part) return part.text;
      return "json" in part ? JSON.stringify(part.json) : [];
    })
    .join("\n");
}
