import type { ContentBlock, Message } from "../contract/content.ts";
import { ConfigurationError } from "../contract/errors.ts";
import { isManagedPrompt } from "../contract/managed-prompt.ts";
import type { ModelRequest } from "../contract/model-call.ts";
import { wrongInBlock } from "./check-block.ts";
import { plainJson } from "./plain-json.ts";

const ROLES = ["user", "assistant", "system"];

/**
 * What every model refuses in a message, and no provider can say in another way, is refused here with the place named; so
 * is what JSON does not have, and what is nested deeper than 1,000 levels of it.
 *
 * @returns The messages as JSON carries them: a Date in the result of a tool is a text.
 * @throws {ConfigurationError}
 */
export function checkMessages(
  method: string,
  given: readonly Message[],
): readonly Message[] {
  const refuse = (what: string): never => {
    throw new ConfigurationError(`${method}: ${what}`);
  };
  if (!Array.isArray(given))
    refuse("messages must be an array of { role, content }.");
  if (given.length === 0) refuse("messages is empty.");
  const messages = given.map((message, index) =>
    plainMessage(message, `${method}: messages[${index}]`),
  );
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
      const wrong = wrongInBlock(block, answered);
      if (wrong !== undefined)
        refuse(`messages[${index}].content[${position}]${wrong}`);
    }
  }
  return sameItems(messages, given) ? given : messages;
}

function plainMessage(message: Message, place: string): Message {
  const content: unknown = message?.content;
  if (!Array.isArray(content)) return message;
  const plain = content.map((block, position) =>
    plainJson(block, `${place}.content[${position}]`),
  );
  return sameItems(plain, content) ? message : { ...message, content: plain };
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.every((item, index) => Object.is(item, b[index]));
}

/**
 * Checks the messages of a whole request, and that they follow upon one another: the user begins, and the results of an
 * answer's tool calls come right behind it.
 *
 * @returns The messages as JSON carries them.
 * @throws {ConfigurationError}
 */
export function checkConversation(
  method: string,
  {
    messages,
    model,
    bedrock,
  }: Pick<ModelRequest, "messages" | "model" | "bedrock">,
): readonly Message[] {
  const plain = checkMessages(method, messages);
  // The messages of a managed prompt come before those of the request, and nobody knows them here.
  const isContinued =
    isManagedPrompt(model) || bedrock?.promptVariables !== undefined;
  const turns = new Turns(method, isContinued);
  for (const [index, message] of plain.entries())
    turns.add(message, `messages[${index}]`);
  turns.end();
  return plain;
}

/**
 * Messages of one side in a row are joined before they are sent, and what holds nothing to send is left out: neither is a
 * reason to refuse a conversation. System messages are on the user's side, as some models get them.
 */
class Turns {
  readonly #method: string;
  /** Whether anything was said. */
  #hasBegun: boolean;
  #isAnswer = false;
  /** The calls of the last answer by their ids: their places, and whether there is a result. */
  readonly #calls = new Map<string, { place: string; hasResult: boolean }>();

  constructor(method: string, isContinued: boolean) {
    this.#method = method;
    this.#hasBegun = isContinued;
  }

  add({ role, content }: Message, place: string): void {
    if (content.every(canBeLeftOut)) return;
    const isAnswer = role === "assistant";
    if (isAnswer && !this.#hasBegun)
      this.#refuse(
        `${place} is of the assistant: a conversation must begin with a message of the user.`,
      );
    if (isAnswer && !this.#isAnswer) this.#closeCalls();
    this.#hasBegun = true;
    this.#isAnswer = isAnswer;
    for (const [position, block] of content.entries()) {
      const call = isAnswer ? idIn(block, "toolUse") : undefined;
      if (call !== undefined)
        this.#addCall(call, `${place}.content[${position}].toolUse`);
      const result = idIn(block, "toolResult");
      if (result !== undefined)
        this.#addResult(result, `${place}.content[${position}].toolResult`);
    }
  }

  end(): void {
    if (!this.#hasBegun)
      this.#refuse("messages[0].content and all others hold nothing to send.");
    this.#closeCalls();
  }

  #addCall(id: string, place: string): void {
    if (this.#calls.has(id))
      this.#refuse(
        `${place}.toolUseId is that of another call of the same answer.`,
      );
    this.#calls.set(id, { place, hasResult: false });
  }

  #addResult(id: string, place: string): void {
    if (this.#isAnswer)
      this.#refuse(`${place} can be in a message of the user only.`);
    const call =
      this.#calls.get(id) ??
      this.#refuse(
        `${place} answers no toolUse of the assistant's message before it.`,
      );
    if (call.hasResult)
      this.#refuse(`${place} answers a toolUse that has a result already.`);
    call.hasResult = true;
  }

  /** The service wants all results of an answer right behind it, at the end of a conversation as well. */
  #closeCalls(): void {
    for (const { place, hasResult } of this.#calls.values())
      if (!hasResult)
        this.#refuse(
          `${place} needs its toolResult in the user's message behind it.`,
        );
    this.#calls.clear();
  }

  #refuse(what: string): never {
    throw new ConfigurationError(`${this.#method}: ${what}`);
  }
}

/** What some models or all of them are not sent. When nothing else is in a message, there may be no message. */
function canBeLeftOut(block: ContentBlock): boolean {
  const { text, cachePoint, reasoningContent }: Record<string, unknown> =
    Object(block);
  if (typeof text === "string") return text.trim() === "";
  return cachePoint !== undefined || reasoningContent !== undefined;
}

/** Those with a `type` are the service's own tools: it calls and answers them itself, in one message. */
function idIn(
  block: ContentBlock,
  kind: "toolUse" | "toolResult",
): string | undefined {
  const { toolUseId, type } = Object(Reflect.get(block, kind));
  return type === undefined ? toolUseId : undefined;
}
