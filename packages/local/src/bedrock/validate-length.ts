import { estimateTokens } from "@lambdallm/core";
import { arrayAt, member, numberAt, stringAt } from "../json.ts";
import { allText } from "./answer.ts";
import { type Checked, isClaudeModel, modelError } from "./known-model.ts";
import { refuse } from "./service-error.ts";
import { messagesFromWire } from "./wire-json.ts";

/** Models that count the room for the answer with the prompt, in the words of the engine that serves them. */
const COUNTS_TOGETHER = /^(?:zai\.glm|minimax\.|qwen\.)/;

/** Refuses prompts for which the model has no room, by an estimate. Without `maxTokens` only the prompt counts. */
export function validateLength(request: Checked): void {
  const { body, model } = request;
  if (model?.contextWindowTokens === undefined) return;
  const { contextWindowTokens: limit, id } = model;
  const input = tokensOf(body);
  const maxTokens = numberAt(member(body, "inferenceConfig"), "maxTokens") ?? 0;
  const isTooLong = input > limit;
  const isTooMuch = input + maxTokens > limit;
  if (isClaudeModel(request) && isTooLong)
    modelError(`prompt is too long: ${input} tokens > ${limit} maximum`);
  if (isClaudeModel(request) && isTooMuch)
    modelError(
      `input length and \`max_tokens\` exceed context limit: ${input} + ${maxTokens} > ${limit}, decrease input length or \`max_tokens\` and try again`,
    );
  if (COUNTS_TOGETHER.test(id) && isTooMuch)
    modelError(
      `This model's maximum context length is ${limit} tokens. However, you requested ${maxTokens} output tokens and your prompt contains at least ${input} input tokens, for a total of at least ${input + maxTokens} tokens. Please reduce the length of the input prompt or the number of requested output tokens.`,
    );
  if (isTooLong) refuse("Input is too long for requested model.");
}

function tokensOf(body: Checked["body"]): number {
  const texts = [
    ...arrayAt(body, "system").map((block) => stringAt(block, "text") ?? ""),
    ...messagesFromWire(arrayAt(body, "messages")).map((message) =>
      allText(message.content),
    ),
    ...arrayAt(member(body, "toolConfig"), "tools").map((tool) =>
      JSON.stringify(tool),
    ),
  ];
  return estimateTokens(texts.join("\n"));
}
