import type { ModelRequest } from "../contract/model-call.ts";

/** How a request asks a model to think before it answers. */
export interface Thinking {
  /** What the model may spend on it; undefined where it decides itself. */
  readonly budgetTokens: number | undefined;
}

/** Anthropic's own name, and the one that some clients of the service use. */
const FIELDS = ["thinking", "reasoning_config"] as const;

/**
 * Whether a request turns on Claude's thinking, with a budget of tokens or an adaptive one. While it thinks, a model takes
 * neither sampling settings nor a tool that it must call, and `maxTokens` must be above the budget.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html
 */
export function thinkingOf({
  bedrock,
}: Pick<ModelRequest, "bedrock">): Thinking | undefined {
  const fields: unknown = bedrock?.additionalModelRequestFields;
  for (const name of FIELDS) {
    const thinking: unknown = Reflect.get(Object(fields), name);
    if (typeof thinking !== "object" || thinking === null) continue;
    const { type, budget_tokens: budget }: Record<string, unknown> = {
      ...thinking,
    };
    if (type === "disabled") continue;
    return { budgetTokens: typeof budget === "number" ? budget : undefined };
  }
  return undefined;
}
