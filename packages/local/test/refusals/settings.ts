import { HAIKU, LLAMA } from "../helpers.ts";
import {
  FIND,
  fromModel,
  GPT,
  GPT_OSS,
  HI,
  type Input,
  OPUS_5,
  type Refusal,
  text,
  user,
} from "./refusal.ts";

/** About so many tokens, by the estimate. */
const long = (tokens: number): Input => ({
  messages: [user(text("word".repeat(tokens)))],
});

export const context: readonly Refusal[] = [
  {
    what: "the prompt and the room for the answer are too much for Claude",
    refused: { ...long(199_759), inferenceConfig: { maxTokens: 8_192 } },
    taken: { ...long(199_759), inferenceConfig: { maxTokens: 241 } },
    text: fromModel(
      "input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000, decrease input length or `max_tokens` and try again",
    ),
  },
  {
    what: "the prompt alone is too long for Claude",
    refused: long(200_001),
    taken: long(200_000),
    text: fromModel("prompt is too long: 200001 tokens > 200000 maximum"),
  },
  ...["zai.glm-5", "minimax.minimax-m2", "qwen.qwen3-32b-v1:0"].map(
    (modelId): Refusal => {
      const limit = { z: 200_000, m: 128_000, q: 131_072 }[
        modelId.charAt(0) as "z" | "m" | "q"
      ];
      const prompt = { ...long(limit - 100), modelId };
      return {
        what: `the prompt and the room for the answer are too much for ${modelId}`,
        refused: { ...prompt, inferenceConfig: { maxTokens: 101 } },
        taken: { ...prompt, inferenceConfig: { maxTokens: 100 } },
        text: fromModel(
          `This model's maximum context length is ${limit} tokens. However, you requested 101 output tokens and your prompt contains at least ${limit - 100} input tokens, for a total of at least ${limit + 1} tokens. Please reduce the length of the input prompt or the number of requested output tokens.`,
        ),
      };
    },
  ),
  {
    what: "the prompt is too long for another model",
    refused: { ...long(8_193), modelId: LLAMA },
    taken: { ...long(8_192), modelId: LLAMA },
    text: "Input is too long for requested model.",
  },
  {
    what: "tools count as part of the prompt",
    refused: {
      ...long(199_990),
      toolConfig: FIND,
    },
    taken: long(199_990),
    text: fromModel("prompt is too long: 200008 tokens > 200000 maximum"),
  },
];

const field = (name: string) =>
  `This model doesn't support the ${name} field. Remove ${name} and try again.`;
const config = (inferenceConfig: object, modelId = HAIKU): Input => ({
  modelId,
  inferenceConfig,
});

export const settings: readonly Refusal[] = [
  {
    what: "GPT-5.6 takes no temperature",
    refused: config({ temperature: 0 }, GPT),
    taken: config({ maxTokens: 9 }, GPT),
    text: field("temperature"),
  },
  {
    what: "GPT-5.6 takes no topP",
    refused: config({ topP: 0.5 }, GPT),
    taken: config({ maxTokens: 9 }, GPT),
    text: field("topP"),
  },
  {
    what: "GPT-5.6 takes no stop sequences",
    refused: config({ stopSequences: ["END"] }, GPT),
    taken: config({ stopSequences: ["END"] }),
    text: field("stopSequences"),
  },
  {
    what: "gpt-oss takes no stop sequences, not even an empty list",
    refused: config({ stopSequences: [] }, GPT_OSS),
    taken: config({ temperature: 0 }, GPT_OSS),
    text: field("stopSequences"),
  },
  {
    what: "newer Claude takes no temperature",
    refused: config({ temperature: 0 }, OPUS_5),
    taken: config({ temperature: 0 }),
    text: fromModel("`temperature` is deprecated for this model."),
  },
  {
    what: "the limit of newer Claude is exclusive",
    refused: config({ maxTokens: 64_000 }),
    taken: config({ maxTokens: 63_999 }),
    text: "The maximum tokens you requested exceeds the model limit of 64000. Try again with a maximum tokens value that is lower than 64000.",
  },
  {
    what: "the limit of other models is not exclusive",
    refused: config({ maxTokens: 2_049 }, LLAMA),
    taken: config({ maxTokens: 2_048 }, LLAMA),
    text: "The maximum tokens you requested exceeds the model limit of 2048. Try again with a maximum tokens value that is lower than 2048.",
  },
];

const system = (...blocks: string[]): Input => ({
  messages: [HI],
  system: blocks.map(text),
});

export const systemPrompts: readonly Refusal[] = [
  {
    what: "a system prompt is not empty",
    refused: system("Be kind.", ""),
    taken: system("Be kind."),
    text: "1 validation error detected: Value '' at 'system.2.member.text' failed to satisfy constraint: Member must have length greater than or equal to 1",
  },
  {
    what: "Claude's system prompt is not blank",
    refused: system(" \n"),
    taken: { ...system(" \n"), modelId: "mistral.mistral-large-2402-v1:0" },
    text: fromModel(
      "system: text content blocks must contain non-whitespace text",
    ),
  },
];
