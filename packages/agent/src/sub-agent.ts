import type { Journal } from "@lambdallm/core";
import type { Invocation } from "@lambdallm/core/feature";
import type { AgentEvent, OnApproval, ToolReply } from "./types.ts";

/** What is left for a run: of its own limits, and of those of the agent that it is a tool of. */
export interface Limits {
  readonly maxIterations: number;
  readonly maxToolCalls: number;
  /** USD */
  readonly maxCostUsd: number;
  /** What the agents above keep of the invocation's time, in milliseconds. */
  readonly keptMs: number;
}

/** What a run takes place in; the runs of agents that are tools share it. */
export interface Surroundings {
  readonly journal: Journal;
  readonly invocation: Invocation;
  readonly context: object;
  /** Whether somebody resumes a run that is suspended: then it waits for more time instead of ending without it. */
  readonly canResume: boolean;
  /** Of the conversation that the run is a turn of. */
  readonly conversationId: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onApproval: OnApproval | undefined;
  readonly emit: ((event: AgentEvent) => void) | undefined;
}

/** What an agent that is a tool may use: of what its own limits allow, at most that. */
export type Share = Omit<Limits, "maxIterations">;

/** An agent as a tool of another one. */
export interface SubAgent {
  readonly name: string;
  runWithin(
    query: string,
    surroundings: Surroundings,
    share: Share,
  ): Promise<SubAgentReply>;
}

/** What came of the run of an agent that is a tool, its failure included. */
export interface SubAgentReply extends ToolReply {
  readonly costUsd: number | undefined;
  readonly innerToolCalls: number;
}
