import type {
  ContentBlock,
  JsonValue,
  Message,
  ToolResultContent,
  Usage,
} from "@lambdallm/core";

/**
 * How a run has ended: `completed` with an answer; `max_iterations`, `timeout` and `cost_limit` at a limit; `stopped` by
 * `stopWhen`, `stopAfterTool`, `maxToolCalls` or a model that goes in circles; `suspended` while it waits for an approval and
 * nothing can resume it.
 */
export type AgentStatus =
  | "completed"
  | "max_iterations"
  | "timeout"
  | "cost_limit"
  | "stopped"
  | "suspended";

/** A question: a text, or blocks with images and documents. */
export type AgentQuery = string | readonly ContentBlock[];

/** What the model is told of a call. */
export interface ToolReply {
  readonly status: "success" | "error";
  readonly content: readonly ToolResultContent[];
}

/** A call of a tool, and what came of it. */
export interface ToolCallRecord extends ToolReply {
  readonly toolUseId: string;
  readonly name: string;
  /** As the model has written it; `{}` where that was no object. */
  readonly input: JsonValue;
  /** USD for the model calls that the tool made; undefined when nobody knows. */
  readonly costUsd: number | undefined;
  /** How many calls of tools it has made itself, as an agent. */
  readonly innerToolCalls: number;
}

/** One answer of the model, and the tools that it has called. */
export interface AgentStep {
  /** From 1. */
  readonly iteration: number;
  readonly model: string;
  readonly text: string;
  readonly stopReason: string;
  readonly usage: Usage;
  /** USD of the model call; undefined when nobody knows. */
  readonly costUsd: number | undefined;
  readonly toolCalls: readonly ToolCallRecord[];
}

export interface AgentResult<Value = undefined> {
  /** The text of the last answer; empty when there is none. */
  readonly answer: string;
  readonly status: AgentStatus;
  /** Why the run has ended, when it is not simply complete. For logs and programs. */
  readonly reason?: string | undefined;
  readonly steps: readonly AgentStep[];
  /** Answers of the model, without the last one that a limit has asked for. */
  readonly iterations: number;
  /** Those of agents that are its tools included. */
  readonly toolCalls: number;
  /** USD, tools included; undefined when a price is unknown. */
  readonly totalCostUsd: number | undefined;
  readonly runId: string;
  /** With `outputSchema`: the validated value. Left out when a limit left no room for it. */
  readonly object?: Value | undefined;
}

/** What a caller who watches a run sees of it. `agent` is the name of the agent that it is of. */
export type AgentEvent = { readonly agent: string } & (
  | { readonly type: "iteration"; readonly iteration: number }
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "tool-call";
      readonly toolUseId: string;
      readonly name: string;
      readonly input: JsonValue;
    }
  | ({
      readonly type: "tool-result";
      readonly toolUseId: string;
      readonly name: string;
    } & ToolReply)
);

/** A conversation that the run belongs to; `context.session` of `@lambdallm/session` is one. */
export interface Conversation {
  /** Names it to observers. */
  readonly id?: string | undefined;
  getHistory(): Promise<readonly Message[]>;
  addMessage(
    role: "user" | "assistant",
    content: readonly ContentBlock[],
  ): void;
  /** The same messages under the same key are stored once. */
  save(options: { readonly idempotencyKey: string }): Promise<void>;
}

/** A call that waits for somebody's approval. */
export interface ApprovalRequest {
  /** Names the call to the one who answers. A secret: whoever has it may answer. */
  readonly token: string;
  readonly tool: string;
  readonly input: unknown;
  readonly toolUseId: string;
  readonly runId: string;
  /** The agent that wants to call it. */
  readonly agent: string;
}

export type OnApproval = (request: ApprovalRequest) => void | Promise<void>;

/** What somebody has decided about a call. */
export type ApprovalAnswer =
  | { readonly decision: "approve" }
  | { readonly decision: "edit"; readonly input: unknown }
  | { readonly decision: "reject"; readonly reason?: string };
