import type { ModelRequest } from "../contract/model-call.ts";
import { enclosing, type Operation } from "./operation.ts";

/** What a model call is a part of, by names: what records of it are found by. */
export interface CallFacts {
  readonly promptName?: string;
  readonly promptVersion?: string;
  readonly chain?: string;
  readonly agent?: string;
  readonly tool?: string;
  readonly step?: string;
  readonly runId?: string;
  readonly conversationId?: string;
}

const NOTHING: CallFacts = Object.freeze({});

/** Nothing of what it says or is told. */
export function callFacts(
  { tags, conversation }: Pick<ModelRequest, "tags" | "conversation">,
  parent: Operation | undefined,
): CallFacts {
  if ((tags ?? conversation ?? parent) === undefined) return NOTHING;
  const step = enclosing(parent, "step");
  const tool = enclosing(parent, "tool");
  const agent = enclosing(parent, "agent");
  const chain = enclosing(parent, "chain");
  const promptName = tags?.["prompt.name"];
  const promptVersion = tags?.["prompt.version"];
  const runId = (step ?? tool ?? agent ?? chain)?.run.id;
  return {
    ...(promptName !== undefined && { promptName }),
    ...(promptVersion !== undefined && { promptVersion }),
    ...(chain && { chain: chain.name }),
    ...(agent && { agent: agent.name }),
    ...(tool && { tool: tool.name }),
    ...(step && { step: step.name }),
    ...(runId !== undefined && { runId }),
    ...(conversation && { conversationId: conversation.id }),
  };
}
