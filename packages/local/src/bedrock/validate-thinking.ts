import { type ModelRequest, thinkingOf } from "@lambdallm/core/feature";
import { arrayAt, member, numberAt, objectAt } from "../json.ts";
import { type Checked, isClaudeModel, modelError } from "./known-model.ts";

const DOCS =
  "https://docs.claude.com/en/docs/build-with-claude/extended-thinking";
const CONSULT = `Please consult our documentation at ${DOCS}#important-considerations-when-using-extended-thinking`;

const LEAST_BUDGET_TOKENS = 1_024;
const LEAST_TOP_P = 0.95;

/**
 * Refuses what Claude does not take while it thinks.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html
 */
export function validateThinking(request: Checked): void {
  const { body, model } = request;
  const fields = objectAt(body, "additionalModelRequestFields");
  const thinking = thinkingOf({
    // Parsed JSON, whatever is in it.
    bedrock: { additionalModelRequestFields: fields } as NonNullable<
      ModelRequest["bedrock"]
    >,
  });
  if (
    thinking === undefined ||
    model?.reasoning !== true ||
    !isClaudeModel(request)
  )
    return;
  const choice = objectAt(member(body, "toolConfig"), "toolChoice");
  if (
    member(choice, "any") !== undefined ||
    member(choice, "tool") !== undefined
  )
    modelError("Thinking may not be enabled when tool_choice forces tool use.");
  const config = objectAt(body, "inferenceConfig");
  if ((numberAt(config, "temperature") ?? 1) !== 1)
    modelError(
      `\`temperature\` may only be set to 1 when thinking is enabled or in adaptive mode. ${CONSULT}`,
    );
  if ((numberAt(config, "topP") ?? 1) < LEAST_TOP_P)
    modelError(
      `\`top_p\` must be greater than or equal to ${LEAST_TOP_P} or unset when thinking is enabled or in adaptive mode. ${CONSULT}`,
    );
  if (member(fields, "top_k") !== undefined)
    modelError(`\`top_k\` must be unset when thinking is enabled. ${CONSULT}`);
  const { budgetTokens } = thinking;
  if (budgetTokens === undefined) return;
  if (budgetTokens < LEAST_BUDGET_TOKENS)
    modelError(
      `thinking.enabled.budget_tokens: Input should be greater than or equal to ${LEAST_BUDGET_TOKENS}`,
    );
  const maxTokens = numberAt(config, "maxTokens") ?? Number.POSITIVE_INFINITY;
  if (maxTokens <= budgetTokens && !isInterleaved(fields))
    modelError(
      `\`max_tokens\` must be greater than \`thinking.budget_tokens\`. Please consult our documentation at ${DOCS}#max-tokens-and-context-window-size`,
    );
}

/** Thinking between calls of tools has its budget over all of them. */
function isInterleaved(fields: unknown): boolean {
  return arrayAt(fields, "anthropic_beta").some((beta) =>
    String(beta).startsWith("interleaved-thinking"),
  );
}
