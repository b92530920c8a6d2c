import {
  ConfigurationError,
  type ContentBlock,
  type Message,
  type ModelInfo,
  type SystemBlock,
} from "@lambdallm/core";
import { isManagedPrompt, type ModelRequest } from "@lambdallm/core/feature";
import { type Blocks, wellFormed } from "./blocks.ts";
import { withUsefulPoints } from "./cache-points.ts";
import { type Changes, incapable } from "./changes.ts";
import { blocksOf, type Placed, placed } from "./placed.ts";

interface Circumstances {
  readonly modelId: string;
  readonly info: ModelInfo | undefined;
  readonly changes: Changes;
  readonly blocks: Blocks;
}

export interface Conversation {
  readonly messages: readonly Message[];
  readonly system?: readonly SystemBlock[];
}

/**
 * The conversation in the words of the service: what a model does not take back is left out, and the roles alternate. Every
 * place that a change or an error names is one of the caller's own request.
 */
export function conversationOf(
  { system = [], messages }: ModelRequest,
  circumstances: Circumstances,
): Conversation {
  const { info, modelId, changes, blocks } = circumstances;
  for (const { content } of messages) blocks.reserve(content);
  // The messages of a managed prompt come before those of the request.
  let hasBegun = isManagedPrompt(modelId);
  let hasSpoken = hasBegun;
  const compiled = joined(
    messages.map((message, index) => {
      const place = `messages[${index}]`;
      if (message.role === "assistant" && !hasBegun) {
        // Of thoughts and cache points alone: anything else has been refused before.
        changes.leftOut(place, "a conversation begins with the user");
        return { ...message, content: [] };
      }
      const role = roleOf(message, place, hasSpoken, circumstances);
      const content = contentOf(message, role, place, circumstances);
      hasBegun ||= content.length > 0;
      hasSpoken ||= hasBegun && message.role !== "system";
      return { role, content };
    }),
  );
  if (info?.prefill === false && compiled.at(-1)?.role === "assistant")
    throw incapable(
      modelId,
      `messages[${messages.length - 1}]`,
      "takes no answer to continue, and the conversation ends with one of the assistant",
    );
  const usable = placed(system, "system").filter((one) =>
    isUsableInSystem(one, circumstances),
  );
  const systemBlocks = withUsefulPoints(usable, changes).map(
    ({ block, place }) => wellFormed(block, place),
  );
  if (systemBlocks.length === 0) return { messages: compiled };
  if (info?.systemPrompt !== false)
    return { messages: compiled, system: systemBlocks };
  changes.changed(
    "system",
    "the model has no system prompt: it goes in front of the first message",
  );
  return { messages: prependSystem(systemBlocks, compiled) };
}

function isUsableInSystem(
  { block, place }: Placed<SystemBlock>,
  { info, changes }: Circumstances,
): boolean {
  if ("text" in block && block.text.trim() === "") {
    changes.leftOut(place, "the service takes no blank text");
    return false;
  }
  return isCacheable(block, place, info, changes);
}

/** Whether a block may stay, as far as caching goes. */
function isCacheable(
  block: object,
  place: string,
  info: ModelInfo | undefined,
  changes: Changes,
): boolean {
  if (!("cachePoint" in block) || info?.promptCaching !== false) return true;
  changes.leftOut(place, "the model has no prompt caching");
  return false;
}

/** Messages of the system stand inside of a conversation, and only some models take them there. */
function roleOf(
  { role }: Message,
  place: string,
  hasSpoken: boolean,
  { info, changes }: Circumstances,
): Message["role"] {
  if (role !== "system" || (hasSpoken && info?.systemMessages !== false))
    return role;
  changes.changed(
    `${place}.role`,
    info?.systemMessages === false
      ? "the model takes no system messages inside of a conversation: it is the user's"
      : "a conversation begins with the user: it is the user's",
  );
  return "user";
}

function contentOf(
  { role: given, content }: Message,
  role: Message["role"],
  place: string,
  circumstances: Circumstances,
): readonly Placed<ContentBlock>[] {
  const { info, changes, blocks } = circumstances;
  const surroundings = {
    ...circumstances,
    ofUser: role !== given,
    signed: info?.reasoningReplay !== false && content.some(isSigned),
  };
  const usable = placed(content, `${place}.content`).filter((one) =>
    isTaken(one, surroundings),
  );
  return withUsefulPoints(usable, changes).map((one) => ({
    ...one,
    block: blocks.compile(one.block, one.place),
  }));
}

/** The service has signed the message as it is: nothing of it may be missing when it comes back. */
function isSigned(block: ContentBlock): boolean {
  if (!("reasoningContent" in block)) return false;
  const { reasoningContent: reasoning } = block;
  if ("redactedContent" in reasoning) return true;
  return (
    "reasoningText" in reasoning &&
    reasoning.reasoningText.signature !== undefined
  );
}

interface Surroundings extends Circumstances {
  /** Of a message of the system that is sent as the user's. */
  readonly ofUser: boolean;
  readonly signed: boolean;
}

/** @throws {ModelInvocationError} for what cannot be left out. */
function isTaken(
  { block, place }: Placed<ContentBlock>,
  { info, modelId, changes, ofUser, signed }: Surroundings,
): boolean {
  if ("reasoningContent" in block && info?.reasoningReplay === false) {
    changes.leftOut(place, "the model does not take its reasoning back");
    return false;
  }
  if ("text" in block && block.text.trim() === "" && !signed) {
    // Models write blank text before a tool call, and do not take it back.
    changes.leftOut(place, "the service takes no blank text");
    return false;
  }
  if (info?.vision === false && imagesIn(block) > 0)
    throw incapable(modelId, place, "reads no images");
  if (
    (info?.systemMessages === false || ofUser) &&
    ("toolAddition" in block || "toolRemoval" in block)
  )
    throw incapable(modelId, place, "takes no changes of its tools");
  return isCacheable(block, place, info, changes);
}

/** Those in the result of a tool, and those that a guardrail is to look at, included. */
function imagesIn(block: object): number {
  if ("image" in block) return 1;
  if ("guardContent" in block) return imagesIn(Object(block.guardContent));
  if (!("toolResult" in block)) return 0;
  // Its content has been checked to be a list of blocks.
  const { content } = block.toolResult as { readonly content: object[] };
  return content.reduce((sum, part) => sum + imagesIn(part), 0);
}

interface PlacedMessage {
  readonly role: Message["role"];
  readonly content: readonly Placed<ContentBlock>[];
}

/** Roles have to alternate, and all results of one answer's calls belong into one message. */
function joined(messages: readonly PlacedMessage[]): Message[] {
  const list: PlacedMessage[] = [];
  for (const { role, content } of messages) {
    if (content.length === 0) continue;
    const last = list.at(-1);
    if (last?.role !== role || role === "system") {
      list.push({ role, content });
      continue;
    }
    const all = [...last.content, ...content];
    // Results come first: models want them right behind their calls.
    const isResult = ({ block }: Placed<ContentBlock>) => "toolResult" in block;
    list[list.length - 1] = {
      role,
      content: [
        ...all.filter(isResult),
        ...all.filter((one) => !isResult(one)),
      ],
    };
  }
  return list.map(({ role, content }) => {
    checkWhole(content);
    return { role, content: blocksOf(content) };
  });
}

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html */
const MOST_IMAGES = 20;

/** @throws {ConfigurationError} for what no message can be once all of it is there. */
function checkWhole(content: readonly Placed<ContentBlock>[]): void {
  const hasText = content.some(({ block }) => "text" in block);
  let images = 0;
  for (const { block, place } of content) {
    images += imagesIn(block);
    if (images > MOST_IMAGES)
      throw new ConfigurationError(
        `${place} brings an image too many: a message takes ${MOST_IMAGES} at most, and messages of one side in a row are sent as one.`,
      );
    if ("document" in block && !hasText)
      throw new ConfigurationError(
        `${place} is a document without a text beside it: add one to the message, such as the question about it.`,
      );
  }
}

/** For models without a system prompt: its text comes before the first message, which is the user's. */
function prependSystem(
  system: readonly SystemBlock[],
  messages: readonly Message[],
): Message[] {
  const text = system.map(systemText).filter(Boolean).join("\n\n");
  const given = messages.slice(0, 1).flatMap(({ content }) => content);
  const [opening, ...others] = given;
  const content: ContentBlock[] =
    opening !== undefined && "text" in opening
      ? [{ text: `${text}\n\n${opening.text}` }, ...others]
      : [{ text }, ...given];
  return [{ role: "user", content }, ...messages.slice(1)];
}

function systemText(block: SystemBlock): string {
  if ("text" in block) return block.text;
  const guarded = "guardContent" in block ? block.guardContent : undefined;
  return guarded && "text" in guarded ? guarded.text.text : "";
}
