import {
  type AgentOperation,
  type ChainOperation,
  enclosing,
  type ToolOperation,
} from "@lambdallm/core/feature";
import type { Attributes } from "@opentelemetry/api";
import * as names from "./semconv.ts";

export type SpannedProgram = ChainOperation | AgentOperation | ToolOperation;

const OPERATION_NAMES = {
  chain: "invoke_workflow",
  agent: "invoke_agent",
  tool: "execute_tool",
} as const;

export const programSpanName = ({ kind, name }: SpannedProgram): string =>
  `${OPERATION_NAMES[kind]} ${name}`;

/** What a sampler can decide by. */
export function programAttributesAtStart({
  kind,
  name,
}: SpannedProgram): Attributes {
  return {
    [names.OPERATION_NAME]: OPERATION_NAMES[kind],
    [kind === "tool" ? names.TOOL_NAME : names.AGENT_NAME]: name,
  };
}

export function programAttributes(operation: SpannedProgram): Attributes {
  switch (operation.kind) {
    case "chain":
      return {};
    case "agent":
      return {
        [names.REQUEST_MODEL]: operation.model,
        [names.CONVERSATION_ID]: operation.conversationId,
        [names.OUTPUT_TYPE]: operation.hasSchema ? "json" : undefined,
      };
    case "tool":
      return {
        [names.AGENT_NAME]: operation.agent,
        [names.CONVERSATION_ID]: enclosing(operation, "agent")?.conversationId,
        [names.TOOL_CALL_ID]: operation.toolUseId,
        [names.TOOL_TYPE]: "function",
        [names.TOOL_DESCRIPTION]: operation.description || undefined,
        [names.STEP_NAME]: enclosing(operation, "step")?.name,
      };
  }
}
