import {
  ConfigurationError,
  type ContentBlock,
  type Message,
} from "@lambdallm/core";
import { checkMessages } from "@lambdallm/core/feature";
import { checkSize } from "./size.ts";
import { snapshot } from "./snapshot.ts";

/** A text, or content blocks: images, documents, tool results. */
export type MessageContent = string | readonly ContentBlock[];

/**
 * A message that can be stored and sent.
 *
 * @param method Which error messages begin with.
 * @throws {ConfigurationError} The content is empty or wrong, or has no JSON.
 * @throws {StoreError} `too-large`
 */
export function messageOf(
  method: string,
  role: "user" | "assistant",
  given: MessageContent,
): Message {
  const isEmpty =
    typeof given === "string"
      ? given.trim() === ""
      : !Array.isArray(given) || given.length === 0;
  if (isEmpty)
    throw new ConfigurationError(
      `${method}: the message must be a text that is not blank, or a list of content blocks.`,
    );
  const content = typeof given === "string" ? [{ text: given }] : given;
  const message = snapshot({ role, content }, `${method}: messages[0]`);
  checkMessages(method, [message]);
  checkSize(`${method}: messages[0].content`, [message]);
  return message;
}
