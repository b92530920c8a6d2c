import {
  FIND,
  fromModel,
  type Input,
  OPUS_4_6,
  type Refusal,
  SONNET_4,
} from "./refusal.ts";

const DOCS =
  "https://docs.claude.com/en/docs/build-with-claude/extended-thinking";
const CONSULT = `Please consult our documentation at ${DOCS}#important-considerations-when-using-extended-thinking`;

const thinks = (more: Input = {}, thinking: object = {}): Input => ({
  additionalModelRequestFields: {
    thinking: { type: "enabled", budget_tokens: 2_000, ...thinking },
  },
  ...more,
});
const anyTool = { ...FIND, toolChoice: { any: {} } };
const FORCED = fromModel(
  "Thinking may not be enabled when tool_choice forces tool use.",
);

export const thinking: readonly Refusal[] = [
  {
    what: "Claude that thinks takes no forced tool",
    refused: thinks({ toolConfig: anyTool }),
    taken: { toolConfig: anyTool },
    text: FORCED,
  },
  {
    what: "nor one by its name",
    refused: thinks({
      toolConfig: { ...FIND, toolChoice: { tool: { name: "find" } } },
    }),
    taken: thinks({ toolConfig: { ...FIND, toolChoice: { auto: {} } } }),
    text: FORCED,
  },
  {
    what: "thinking has another name",
    refused: {
      toolConfig: anyTool,
      additionalModelRequestFields: {
        reasoning_config: { type: "enabled", budget_tokens: 2_000 },
      },
    },
    taken: {
      toolConfig: anyTool,
      additionalModelRequestFields: { reasoning_config: { type: "disabled" } },
    },
    text: FORCED,
  },
  {
    what: "Claude that thinks takes no temperature but 1",
    refused: thinks({ inferenceConfig: { temperature: 0.7 } }),
    taken: thinks({ inferenceConfig: { temperature: 1 } }),
    text: fromModel(
      `\`temperature\` may only be set to 1 when thinking is enabled or in adaptive mode. ${CONSULT}`,
    ),
  },
  {
    what: "adaptive thinking is thinking, too",
    refused: {
      modelId: OPUS_4_6,
      additionalModelRequestFields: { thinking: { type: "adaptive" } },
      inferenceConfig: { temperature: 0 },
    },
    taken: {
      modelId: OPUS_4_6,
      additionalModelRequestFields: { thinking: { type: "adaptive" } },
    },
    text: fromModel(
      `\`temperature\` may only be set to 1 when thinking is enabled or in adaptive mode. ${CONSULT}`,
    ),
  },
  {
    what: "Claude that thinks takes no topP below 0.95",
    refused: thinks({ inferenceConfig: { topP: 0.9 } }),
    taken: thinks({ inferenceConfig: { topP: 0.95 } }),
    text: fromModel(
      `\`top_p\` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode. ${CONSULT}`,
    ),
  },
  {
    what: "Claude that thinks takes no top_k",
    refused: {
      additionalModelRequestFields: {
        thinking: { type: "enabled", budget_tokens: 2_000 },
        top_k: 5,
      },
    },
    taken: { additionalModelRequestFields: { top_k: 5 } },
    text: fromModel(
      `\`top_k\` must be unset when thinking is enabled. ${CONSULT}`,
    ),
  },
  {
    what: "the budget of thinking has a least value",
    refused: thinks({}, { budget_tokens: 1_023 }),
    taken: thinks({}, { budget_tokens: 1_024 }),
    text: fromModel(
      "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
  },
  {
    what: "the room for the answer is above the budget of thinking",
    refused: thinks({ inferenceConfig: { maxTokens: 2_000 } }),
    taken: thinks({ inferenceConfig: { maxTokens: 2_001 } }),
    text: fromModel(
      `\`max_tokens\` must be greater than \`thinking.budget_tokens\`. Please consult our documentation at ${DOCS}#max-tokens-and-context-window-size`,
    ),
  },
  {
    what: "unless thoughts are interleaved with calls",
    refused: thinks({ inferenceConfig: { maxTokens: 100 } }),
    taken: {
      inferenceConfig: { maxTokens: 100 },
      additionalModelRequestFields: {
        thinking: { type: "enabled", budget_tokens: 2_000 },
        anthropic_beta: ["interleaved-thinking-2025-05-14"],
      },
    },
    text: fromModel(
      `\`max_tokens\` must be greater than \`thinking.budget_tokens\`. Please consult our documentation at ${DOCS}#max-tokens-and-context-window-size`,
    ),
  },
  {
    what: "models that do not think do not mind",
    refused: thinks({ toolConfig: anyTool, modelId: SONNET_4 }),
    taken: thinks({
      toolConfig: anyTool,
      modelId: "anthropic.claude-3-haiku-20240307-v1:0",
    }),
    text: FORCED,
  },
];
