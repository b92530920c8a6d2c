import type { Limits } from "./sub-agent.ts";
import type { AgentStatus, AgentStep } from "./types.ts";

/** Why a run ends before the model has come to its own end. */
export interface Ending {
  readonly status: AgentStatus;
  readonly reason: string;
  /** Whether the model may say something to what it has. */
  readonly mayAnswer: boolean;
}

/** What the run has come to. */
export interface Progress {
  readonly steps: readonly AgentStep[];
  /** Those of agents that are tools included. */
  readonly toolCalls: number;
  /** USD; undefined when nobody knows. */
  readonly costUsd: number | undefined;
  /** The tool that the model calls with the same input again and again. */
  readonly repeated: string | undefined;
}

/** How many equal calls in a row are too many. */
export const MOST_EQUAL_CALLS = 3;

export interface StopRules {
  readonly stopWhen:
    | ((steps: readonly AgentStep[]) => boolean | Promise<boolean>)
    | undefined;
  readonly stopAfterTool: readonly string[];
}

/** Whether the run ends here: by its rules, or at one of its limits but money and time. */
export async function endingOf(
  progress: Progress,
  { stopWhen, stopAfterTool }: StopRules,
  { maxIterations, maxToolCalls }: Limits,
): Promise<Ending | undefined> {
  const { steps, toolCalls, repeated } = progress;
  const last = steps.at(-1);
  if (last === undefined) return undefined;
  const called = last.toolCalls.find(
    ({ name, status }) => status === "success" && stopAfterTool.includes(name),
  );
  if (called !== undefined)
    return ended("stopped", `The tool "${called.name}" was called.`, false);
  if ((await stopWhen?.(steps)) === true)
    return ended("stopped", "stopWhen has ended the run.", false);
  if (repeated !== undefined)
    return ended(
      "stopped",
      `The model has called the tool "${repeated}" ${MOST_EQUAL_CALLS} times in a row with the same input.`,
    );
  if (steps.length >= maxIterations)
    return ended(
      "max_iterations",
      `The model has answered ${maxIterations} times (maxIterations).`,
    );
  if (toolCalls >= maxToolCalls)
    return ended(
      "stopped",
      `${maxToolCalls} tool calls were made (maxToolCalls).`,
    );
  return undefined;
}

export function ended(
  status: AgentStatus,
  reason: string,
  mayAnswer = true,
): Ending {
  return { status, reason, mayAnswer };
}
