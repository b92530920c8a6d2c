import type { ContentBlock, Message } from "@lambdallm/core";
import { allText } from "../bedrock/answer.ts";
import type { BedrockRequest } from "../bedrock/types.ts";
import { literally, sentencesOf, termsOf } from "./text.ts";

interface Statement {
  readonly text: string;
  readonly speaker: "user" | "assistant" | "system";
}

/** What an answer says when the conversation has nothing to answer with. */
export const NOTHING_FOUND =
  "I found nothing in this conversation that answers this. (Local Bedrock: answers come from the conversation alone; use an upstream for a real model.)";

/** The text blocks of a message; what tools said is left out. */
export function spokenText(message: Message | undefined): string {
  const spoken = (message?.content ?? []).filter(
    (block: ContentBlock) => !("toolResult" in block || "toolUse" in block),
  );
  return allText(spoken).trim();
}

/** The last message in which the user said something. */
export function lastUserText(request: BedrockRequest): string {
  const message = request.messages.findLast(
    (candidate) => candidate.role === "user" && spokenText(candidate) !== "",
  );
  return spokenText(message);
}

export function systemText(request: BedrockRequest): string {
  return allText(request.system as readonly ContentBlock[]);
}

/** Answers from what was said: a remembered fact, else the sentence closest to the question. */
export function converse(request: BedrockRequest): string {
  const text = lastUserText(request);
  const question = sentencesOf(text).findLast(isQuestion) ?? text;
  return (
    introduction(text) ??
    remembered(question, request) ??
    closest(question, request) ??
    greeting(text, request) ??
    NOTHING_FOUND
  );
}

const NAME =
  /\b(?:my name is|my name's|call me|i am called|i'm called)\s+(\p{Lu}[\p{L}'’-]*(?:\s+\p{Lu}[\p{L}'’-]*)?)/iu;

function isQuestion(sentence: string): boolean {
  return (
    sentence.endsWith("?") ||
    /^(?:who|what|when|where|which|why|how|is|are|do|does|did|can|tell me|name|list)\b/i.test(
      sentence,
    )
  );
}

/** The name that somebody gave himself in a text. */
export function ownName(text: string): string | undefined {
  // Case does not matter for the phrase but does for the name, which the flag would ignore.
  const name = NAME.exec(text)?.[1];
  const capitalised = name
    ?.split(/\s+/)
    .filter((word) => /^\p{Lu}/u.test(word))
    .join(" ");
  return capitalised === "" ? undefined : capitalised;
}

function introduction(text: string): string | undefined {
  const name = ownName(text);
  return name === undefined || sentencesOf(text).some(isQuestion)
    ? undefined
    : `Nice to meet you, ${name}.`;
}

function greeting(text: string, request: BedrockRequest): string | undefined {
  if (!/^\s*(?:hi|hello|hey|good (?:morning|afternoon|evening))\b/i.test(text))
    return undefined;
  const name = ownName(userTexts(request).join("\n"));
  return name === undefined
    ? "Hello! How can I help you?"
    : `Hello, ${name}! How can I help you?`;
}

function userTexts(request: BedrockRequest): string[] {
  return request.messages.filter(({ role }) => role === "user").map(spokenText);
}

/** "What is my X?" after "my X is Y"; the last thing said wins. */
function remembered(
  question: string,
  request: BedrockRequest,
): string | undefined {
  const texts = userTexts(request).reverse();
  if (/\bmy name\b|\bwho am i\b/i.test(question)) {
    const name = texts.map(ownName).find((found) => found !== undefined);
    return name === undefined ? undefined : `Your name is ${name}.`;
  }
  const [, thing] =
    /\bmy\s+([\p{L}\p{N} '’-]+?)\s*[?.!]*$/iu.exec(question) ?? [];
  if (thing === undefined) return undefined;
  const fact = new RegExp(
    `\\bmy\\s+${literally(thing)}\\s+(is|are|was)\\s+([^.!?\\n]+)`,
    "i",
  );
  for (const text of texts) {
    const [, verb, value] = fact.exec(text) ?? [];
    if (value !== undefined) return `Your ${thing} ${verb} ${value.trim()}.`;
  }
  return undefined;
}

/** The statement that shares most with the question; rare words count more, and the latest of equals wins. */
function closest(
  question: string,
  request: BedrockRequest,
): string | undefined {
  const statements = statementsOf(request).filter(
    ({ text }) => !(text === question || isQuestion(text)),
  );
  const terms = statements.map(({ text }) => new Set(termsOf(text)));
  const asked = new Set(termsOf(question));
  let found: Statement | undefined;
  let bestScore = 0;
  for (const [index, statement] of statements.entries()) {
    let score = 0;
    for (const term of asked)
      if (terms[index]?.has(term) === true)
        score += 1 / terms.filter((others) => others.has(term)).length;
    if (score > 0 && score >= bestScore) {
      bestScore = score;
      found = statement;
    }
  }
  if (found === undefined) return undefined;
  return found.speaker === "user" ? turned(found.text) : found.text;
}

function statementsOf(request: BedrockRequest): Statement[] {
  const system = sentencesOf(systemText(request)).map((text) => ({
    text,
    speaker: "system" as const,
  }));
  const said = request.messages.flatMap(({ role, content }) =>
    sentencesOf(allText(content)).map((text) => ({ text, speaker: role })),
  );
  return [...system, ...said];
}

const TURNED: ReadonlyMap<string, string> = new Map([
  ["i was", "you were"],
  ["i", "you"],
  ["i'm", "you are"],
  ["i've", "you have"],
  ["am", "are"],
  ["my", "your"],
  ["mine", "yours"],
  ["me", "you"],
  ["myself", "yourself"],
]);

/** What the user said of himself, said to him. */
function turned(sentence: string): string {
  const text = sentence.replace(
    /\b(?:i was|i'm|i've|i|am|myself|mine|my|me)\b/gi,
    (word) => String(TURNED.get(word.toLowerCase())),
  );
  return text.charAt(0).toUpperCase() + text.slice(1);
}
