import type { BedrockRequest, Reply } from "../bedrock/types.ts";
import { parseJson } from "../json.ts";
import {
  converse,
  lastUserText,
  spokenText,
  systemText,
} from "./conversation.ts";
import { fillSchema } from "./fill-schema.ts";
import {
  asksForSummary,
  lengthOf,
  splitInstruction,
  summarize,
} from "./summary.ts";
import { answerFromResults, toolCall } from "./tools.ts";

/** Fewer words than this are no text to summarise: what is meant was said before. */
const SHORTEST_TEXT_WORDS = 8;

/**
 * Answers without a model, the same way every time: summarises, calls tools, fills JSON schemas, and answers
 * questions from the conversation itself. Good enough to see a program work; it knows nothing of the world.
 */
export function defaultResponder(request: BedrockRequest): Reply {
  const results = answerFromResults(request);
  const call = toolCall(request, results !== undefined);
  if (call !== undefined) return { content: [call] };
  const schema = parseJson(
    request.outputConfig?.textFormat?.structure.jsonSchema.schema ?? "",
  );
  if (schema !== undefined)
    return JSON.stringify(fillSchema(schema, materialOf(request)));
  return results ?? summaryOf(request) ?? converse(request);
}

/** The text that values are taken from: what the user said last, then everything before it. */
function materialOf(request: BedrockRequest): string {
  const earlier = request.messages.map(spokenText).reverse();
  return [lastUserText(request), ...earlier.filter((text) => text !== "")]
    .filter((text, index, texts) => texts.indexOf(text) === index)
    .join("\n");
}

function summaryOf(request: BedrockRequest): string | undefined {
  const prompt = lastUserText(request);
  const system = systemText(request);
  if (asksForSummary(prompt)) {
    const { instruction, text } = splitInstruction(prompt);
    return summarize(
      text.split(/\s+/).length < SHORTEST_TEXT_WORDS
        ? earlierText(request)
        : text,
      lengthOf(instruction),
    );
  }
  return asksForSummary(system)
    ? summarize(prompt, lengthOf(system))
    : undefined;
}

function earlierText(request: BedrockRequest): string {
  const prompt = lastUserText(request);
  const texts = request.messages
    .map(spokenText)
    .filter((text) => text !== prompt);
  return texts.join("\n") === "" ? prompt : texts.join("\n");
}
