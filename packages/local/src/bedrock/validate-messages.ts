import { arrayAt, isObject, member, stringAt } from "../json.ts";
import { refuse } from "./service-error.ts";

interface Circumstances {
  readonly isClaude: boolean;
  readonly hasTools: boolean;
}

const IMAGE_FORMATS = ["png", "jpeg", "gif", "webp"];

/** Refuses conversations that no model takes. */
export function validateMessages(
  messages: readonly unknown[],
  circumstances: Circumstances,
): void {
  const [first] = messages;
  if (first === undefined)
    refuse(
      "The messages field is empty. Add at least one message to the conversation and try again.",
    );
  if (stringAt(first, "role") === "assistant")
    refuse(
      "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
    );
  for (const [index, message] of messages.entries()) {
    validateMessage(message, `messages.${index}`, circumstances);
    validateToolPairs(messages, index);
  }
}

function validateMessage(
  message: unknown,
  path: string,
  { isClaude, hasTools }: Circumstances,
): void {
  const role = stringAt(message, "role");
  if (role !== "user" && role !== "assistant" && role !== "system")
    refuse(
      `1 validation error detected: Value '${role}' at '${path}.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant]`,
    );
  const content = arrayAt(message, "content");
  if (content.length === 0)
    refuse(
      `The content field in the Message object at ${path} is empty. Add a ContentBlock object to the content field and try again.`,
    );
  for (const [index, block] of content.entries()) {
    if (!isObject(block) || Object.keys(block).length !== 1)
      refuse(
        `The ContentBlock object at ${path}.content.${index} must set one of the following keys: text, image, document, video, audio, toolUse, toolResult, guardContent, cachePoint, reasoningContent, citationsContent, searchResult.`,
      );
    const format = stringAt(member(block, "image"), "format");
    if (format !== undefined && !IMAGE_FORMATS.includes(format))
      refuse(
        `1 validation error detected: Value '${format}' at '${path}.content.${index}.image.format' failed to satisfy constraint: Member must satisfy enum value set: [${IMAGE_FORMATS.join(", ")}]`,
      );
    if (isClaude && stringAt(block, "text")?.trim() === "")
      refuse(
        `The text field in the ContentBlock object at ${path}.content.${index} is blank. Add text to the text field, and try again.`,
      );
  }
  if (!hasTools && (has(content, "toolUse") || has(content, "toolResult")))
    refuse(
      "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
    );
  if (has(content, "document") && !has(content, "text"))
    refuse(
      `The content field in the Message object at ${path} has a document and no text. Include a text content block with the document and try again.`,
    );
}

/** A call is answered in the very next message, and nothing else is. */
function validateToolPairs(messages: readonly unknown[], index: number): void {
  const called = idsOf(messages[index - 1], "toolUse");
  const answered = idsOf(messages[index], "toolResult");
  const missing = [...called].filter((id) => !answered.has(id));
  if (missing.length > 0)
    refuse(
      `Expected toolResult blocks at messages.${index}.content for the following Ids: ${missing.join(", ")}`,
    );
  if ([...answered].some((id) => !called.has(id)))
    refuse(
      `The number of toolResult blocks at messages.${index}.content exceeds the number of toolUse blocks of previous turn.`,
    );
}

function idsOf(
  message: unknown,
  kind: "toolUse" | "toolResult",
): ReadonlySet<string> {
  return new Set(
    arrayAt(message, "content")
      .map((block) => member(block, kind))
      .filter((block) => stringAt(block, "type") === undefined)
      .map((block) => stringAt(block, "toolUseId"))
      .filter((id) => id !== undefined),
  );
}

function has(content: readonly unknown[], kind: string): boolean {
  return content.some((block) => member(block, kind) !== undefined);
}
