import { createHash } from "node:crypto";
import type {
  ContentBlock,
  ToolResultBlock,
  ToolUseBlock,
} from "@lambdallm/core";
import { isObject } from "@lambdallm/core/feature";
import type { BedrockRequest } from "../bedrock/types.ts";
import { member, stringAt } from "../json.ts";
import { lastUserText, spokenText } from "./conversation.ts";
import { fillSchema, findMembers } from "./fill-schema.ts";
import { termsOf, wordsOfName } from "./text.ts";

interface ToolSpec {
  readonly name: string;
  readonly description: string;
  readonly schema: unknown;
}

/**
 * The call of a tool: the forced one, the best of those when any must be called, and otherwise one whose name or
 * description shares words with the last question and whose required arguments are in the conversation.
 */
export function toolCall(
  request: BedrockRequest,
  hasResults: boolean,
): ContentBlock | undefined {
  const choice = request.toolConfig?.toolChoice ?? { auto: {} };
  const question = lastUserText(request);
  const ranked = toolsOf(request)
    .map((tool) => ({ tool, score: likeness(tool, question) }))
    .sort((left, right) => right.score - left.score);
  const best = ranked[0];
  if (best === undefined) return undefined;
  if ("tool" in choice) {
    const forced = ranked.find(({ tool }) => tool.name === choice.tool.name);
    return forced === undefined ? undefined : callOf(forced.tool, request);
  }
  if ("any" in choice) return callOf(best.tool, request);
  return hasResults ||
    best.score < LIKENESS_NEEDED ||
    findMembers(best.tool.schema, question) === undefined
    ? undefined
    : callOf(best.tool, request);
}

/** One word of the name, or two of the description. */
const LIKENESS_NEEDED = 2;

function likeness(tool: ToolSpec, question: string): number {
  const asked = new Set(termsOf(question));
  const name = new Set(termsOf(wordsOfName(tool.name).join(" ")));
  const described = new Set(termsOf(tool.description));
  let score = 0;
  for (const term of asked)
    if (name.has(term)) score += 2;
    else if (described.has(term)) score += 1;
  return score;
}

function toolsOf(request: BedrockRequest): ToolSpec[] {
  return (request.toolConfig?.tools ?? []).flatMap((tool) => {
    const spec = member(tool, "toolSpec");
    const name = stringAt(spec, "name");
    return name === undefined
      ? []
      : [
          {
            name,
            description: stringAt(spec, "description") ?? "",
            schema: member(member(spec, "inputSchema"), "json"),
          },
        ];
  });
}

function callOf(tool: ToolSpec, request: BedrockRequest): ContentBlock {
  const question = lastUserText(request);
  const earlier = request.messages
    .map(spokenText)
    .filter((text) => text !== question);
  const filled = fillSchema(
    tool.schema,
    [question, ...earlier.reverse()].join("\n"),
  );
  const input = isObject(filled) ? filled : {};
  const seed = JSON.stringify([tool.name, input, request.messages.length]);
  const digest = createHash("sha256").update(seed).digest("base64url");
  return {
    toolUse: {
      toolUseId: `tooluse_${digest.slice(0, 22)}`,
      name: tool.name,
      input: input as ToolUseBlock["input"],
    },
  };
}

/** What the tools said in the last message, in sentences; undefined when it has no results. */
export function answerFromResults(request: BedrockRequest): string | undefined {
  const results = (request.messages.at(-1)?.content ?? []).flatMap((block) =>
    "toolResult" in block ? [block.toolResult] : [],
  );
  if (results.length === 0) return undefined;
  return results.map((result) => sentenceOf(result, request)).join(" ");
}

function sentenceOf(result: ToolResultBlock, request: BedrockRequest): string {
  const name = nameOf(result.toolUseId, request);
  const said = result.content
    .map((part) => stringAt(part, "text") ?? described(member(part, "json")))
    .filter((text) => text !== "")
    .join(" ");
  if (result.status === "error")
    return `The tool ${name} failed: ${ended(said)}`;
  return said === "" ? `The tool ${name} returned nothing.` : ended(said);
}

function nameOf(toolUseId: string, request: BedrockRequest): string {
  for (const { content } of request.messages)
    for (const block of content)
      if ("toolUse" in block && block.toolUse.toolUseId === toolUseId)
        return block.toolUse.name;
  return toolUseId;
}

function ended(text: string): string {
  return /[.!?…]$/.test(text.trim()) ? text.trim() : `${text.trim()}.`;
}

/** JSON in words: "city is Paris, temperature is 21". */
function described(value: unknown): string {
  if (value === undefined) return "";
  if (value === null) return "none";
  if (Array.isArray(value)) return value.map(described).join("; ");
  if (!isObject(value)) return String(value);
  return Object.entries(value)
    .map(
      ([key, entry]) => `${wordsOfName(key).join(" ")} is ${described(entry)}`,
    )
    .join(", ");
}
