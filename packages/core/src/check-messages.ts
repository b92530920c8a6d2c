import type { Message } from "./content.ts";
import { ConfigurationError } from "./errors.ts";

const ROLES = ["user", "assistant", "system"];

/** What every model refuses is refused here, with the place named. */
export function checkMessages(
  method: string,
  messages: readonly Message[],
): void {
  const refuse = (what: string): never => {
    throw new ConfigurationError(`${method}: ${what}`);
  };
  if (!Array.isArray(messages))
    refuse("messages must be an array of { role, content }.");
  if (messages.length === 0) refuse("messages is empty.");
  for (const [index, message] of messages.entries()) {
    const { role, content }: { role?: unknown; content?: unknown } =
      message ?? {};
    // A model may answer with nothing, or with blank text before a tool call, and that can be sent back.
    const answered = role === "assistant";
    if (!Array.isArray(content) || (content.length === 0 && !answered))
      refuse(
        `messages[${index}].content must be an array with at least one block.`,
      );
    if (!ROLES.includes(String(role)))
      refuse(`messages[${index}].role must be one of ${ROLES.join(", ")}.`);
    for (const [position, block] of (content as unknown[]).entries()) {
      const where = `messages[${index}].content[${position}]`;
      const wrong = wrongIn(block, answered);
      if (wrong !== undefined) refuse(where + wrong);
    }
  }
}

function wrongIn(block: unknown, mayBeBlank: boolean): string | undefined {
  if (typeof block !== "object" || block === null) return " must be an object.";
  for (const [key, value] of Object.entries(block)) {
    const isText = key === "text" && typeof value === "string";
    if (key === "text" && (!isText || (value.trim() === "" && !mayBeBlank)))
      return ".text must be a text that is not blank.";
    if (key !== "text" && (typeof value !== "object" || value === null))
      return `.${key} must be an object.`;
  }
  return undefined;
}
