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

/** Nothing of what it says or is told. */
export function callFacts(
  { tags = {}, conversation }: Pick<ModelRequest, "tags" | "conversation">,
  parent: Operation | undefined,
): CallFacts {
  const step = enclosing(parent, "step");
  const tool = enclosing(parent, "tool");
  const agent = enclosing(parent, "agent");
  const chain = enclosing(parent, "chain");
  const facts = {
    promptName: tags["prompt.name"],
    promptVersion: tags["prompt.version"],
    chain: chain?.name,
    agent: agent?.name,
    tool: tool?.name,
    step: step?.name,
    runId: (step ?? tool ?? agent ?? chain)?.run.id,
    conversationId: conversation?.id,
  };
  return Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== undefined),
  );
}
