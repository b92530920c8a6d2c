import { isObject } from "@lambdallm/core/feature";
import { arrayAt, member, stringAt } from "../json.ts";
import {
  type Checked,
  isClaudeModel,
  isConverse,
  modelError,
} from "./known-model.ts";
import { has } from "./placed-blocks.ts";
import { refuse } from "./service-error.ts";
import { validateBlocks } from "./validate-blocks.ts";

/** Refuses conversations that no model takes, or not this one. */
export function validateMessages(
  messages: readonly unknown[],
  request: Checked,
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
    const path = `messages.${index}`;
    validateMessage(message, path, request);
    validateToolPairs(messages, index);
    validateRole(messages, index, request);
    validateBlocks(message, path, request);
  }
  if (
    request.model?.prefill === false &&
    stringAt(messages.at(-1), "role") === "assistant"
  )
    modelError(
      "This model does not support assistant message prefill. The conversation must end with a user message.",
    );
}

function validateMessage(
  message: unknown,
  path: string,
  request: Checked,
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
  for (const [index, block] of content.entries())
    if (!isObject(block) || Object.keys(block).length !== 1)
      refuse(
        `The ContentBlock object at ${path}.content.${index} must set one of the following keys: text, image, document, video, audio, toolUse, toolResult, guardContent, cachePoint, reasoningContent, citationsContent, searchResult.`,
      );
  const callsTools = has(content, "toolUse") || has(content, "toolResult");
  if (callsTools && !isObject(member(request.body, "toolConfig")))
    refuse(
      "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
    );
  if (isConverse(request) && has(content, "document") && !has(content, "text"))
    refuse(
      "A text block must be included when using documents. Add a text block and retry your request.",
    );
}

function validateRole(
  messages: readonly unknown[],
  index: number,
  request: Checked,
): void {
  const role = stringAt(messages[index], "role");
  if (role === "system") validateSystemRole(index, request);
  else if (role === stringAt(messages[index - 1], "role"))
    refuse(
      "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.",
    );
}

/** Messages of the system inside of a conversation: for the newest models only, and never in front of it. */
function validateSystemRole(index: number, request: Checked): void {
  const { model } = request;
  if (model === undefined) return;
  if (model.systemMessages !== true) {
    if (isClaudeModel(request))
      modelError("role 'system' is not supported on this model");
    refuseSystem();
  }
  if (index === 0)
    modelError(
      "messages.0: use the top-level 'system' parameter for the initial system prompt",
    );
}

/** For models without a system prompt. */
export function refuseSystem(): never {
  refuse(
    "This model doesn't support system messages. Try again without a system message or use a model that supports system messages.",
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
