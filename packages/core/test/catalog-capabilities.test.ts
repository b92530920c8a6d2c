import { expect, test } from "@jest/globals";
import { listModels } from "../src/models/catalog.ts";
import type { ModelInfo } from "../src/models/model-info.ts";

type Capability = {
  [K in keyof ModelInfo]-?: ModelInfo[K] extends boolean | undefined
    ? K
    : never;
}[keyof ModelInfo];

const CLAUDE_4 = /^anthropic\.claude-(?:opus|sonnet|haiku|fable)-/;
const CLAUDE_4_6 =
  /^anthropic\.claude-(?:(?:opus|sonnet)-4-[678]|(?:opus|sonnet|haiku)-5|fable-5)/;
const CLAUDE_4_8 =
  /^anthropic\.claude-(?:opus-4-8|(?:opus|sonnet|haiku)-5|fable-5)/;
/** Of these the documentation says nothing. */
const UNTOLD = /^(?:openai\.gpt-[56]|xai\.|zai\.|anthropic\.claude-fable-5-2)/;
const NOVA = /^amazon\.nova-/;
const CLAUDE_WITH_TOOLS = /^anthropic\.claude-(?!v|instant|fable-5-[12])/;
const MISTRAL_LARGE = /^mistral\.mistral-large-/;

const idsOf = (models: readonly ModelInfo[]) => models.map(({ id }) => id);
const matching =
  (...families: readonly RegExp[]) =>
  ({ id }: ModelInfo) =>
    families.some((family) => family.test(id));

/** Each row names all models of the catalog of which it is true, and no others. */
test.each<
  [
    sentence: string,
    Capability,
    value: boolean,
    who: (model: ModelInfo) => boolean,
  ]
>([
  [
    "GPT-5.6 and Claude from Opus 4.7 on refuse temperature and topP",
    "samplingParameters",
    false,
    matching(/^openai\.gpt-5\.6/, /claude-opus-4-7/, CLAUDE_4_8),
  ],
  [
    "GPT-5.6 and gpt-oss refuse stop sequences",
    "stopSequences",
    false,
    matching(/^openai\.gpt-5\.6/, /^openai\.gpt-oss-/),
  ],
  [
    "Claude, Nova and Mistral Large can be made to use any tool",
    "toolChoiceAny",
    true,
    matching(CLAUDE_WITH_TOOLS, NOVA, MISTRAL_LARGE),
  ],
  [
    "Claude and Nova can be made to use a tool by its name",
    "toolChoiceTool",
    true,
    matching(CLAUDE_WITH_TOOLS, NOVA),
  ],
  [
    "Fable 5.1 and every other model with tools refuse to be made to use any",
    "toolChoiceAny",
    false,
    (model) =>
      model.tools === true &&
      !matching(CLAUDE_WITH_TOOLS, NOVA, MISTRAL_LARGE, UNTOLD)(model),
  ],
  [
    "Fable 5.1, Mistral Large and every other model with tools refuse to be made to use one by its name",
    "toolChoiceTool",
    false,
    (model) =>
      model.tools === true && !matching(CLAUDE_WITH_TOOLS, NOVA, UNTOLD)(model),
  ],
  [
    "Claude from 4.6 on refuses to go on with a message of the assistant",
    "prefill",
    false,
    matching(CLAUDE_4_6),
  ],
  [
    "Claude from 4.8 on takes system messages inside a conversation",
    "systemMessages",
    true,
    matching(CLAUDE_4_8),
  ],
  [
    "every other model refuses system messages inside a conversation",
    "systemMessages",
    false,
    (model) => !matching(CLAUDE_4_8)(model),
  ],
  [
    "DeepSeek-R1 refuses its own reasoning",
    "reasoningReplay",
    false,
    matching(/^deepseek\.r1-/),
  ],
  [
    "Claude with 64,000 or 128,000 tokens of output takes only less than these",
    "maxOutputExclusive",
    true,
    ({ id, maxOutputTokens }) =>
      /claude/.test(id) && /^(?:64|128)000$/.test(String(maxOutputTokens)),
  ],
  [
    "GPT and Claude from 4 on need an inference profile, where London does not serve them by itself",
    "onDemand",
    false,
    (model) =>
      matching(/^openai\.gpt-[56]/, CLAUDE_4)(model) &&
      !matching(/claude-(?:opus-4-6|sonnet-4-6|sonnet-5$)/)(model),
  ],
])("%s", (_, capability, value, who) => {
  const models = listModels();
  expect(
    idsOf(models.filter((model) => model[capability] === value)),
  ).toStrictEqual(idsOf(models.filter(who)));
});
