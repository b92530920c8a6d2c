export { Agent, type AsToolOptions, type RunOptions } from "./agent.ts";
export { AgentStream } from "./agent-stream.ts";
export type { CachePointOptions } from "./cache-points.ts";
export type {
  AgentOptions,
  PreparedStep,
  PrepareStep,
  StepPreparation,
} from "./settings.ts";
export {
  type AgentTool,
  type NeedsApproval,
  type NoInput,
  type ToolContext,
  type ToolOptions,
  type ToolRun,
  tool,
} from "./tool.ts";
export type {
  AgentEvent,
  AgentQuery,
  AgentResult,
  AgentStatus,
  AgentStep,
  ApprovalAnswer,
  ApprovalRequest,
  Conversation,
  OnApproval,
  ToolCallRecord,
  ToolReply,
} from "./types.ts";
