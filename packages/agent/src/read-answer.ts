import type {
  ContentBlock,
  JsonValue,
  Message,
  ToolUseBlock,
} from "@lambdallm/core";
import {
  answerState,
  isObject,
  isTooDeep,
  withoutProto,
} from "@lambdallm/core/feature";

/** Why a call cannot be made as the model has written it. */
export type Spoilt = "cut" | "no-object" | "too-deep";

export interface SpoiltCall {
  readonly toolUseId: string;
  readonly problem: Spoilt;
}

/** What a model has answered, as it can be recorded and sent back. */
export interface ReadAnswer {
  readonly message: Message;
  /** The calls whose input is not what the model meant; they are sent back with `{}`. */
  readonly spoilt: readonly SpoiltCall[];
}

/** Deeper than tools need, and flat enough for every program that walks through it. */
const MOST_LEVELS = 200;

/**
 * Makes an answer one that the service takes back: each call has an id of its own and an object as its input. Arguments
 * that were cut at `maxTokens`, sent back as text, would refuse the conversation for ever.
 */
export function readAnswer(
  content: readonly ContentBlock[],
  stopReason: string,
): ReadAnswer {
  const isCut = answerState({ stopReason }) === "cut";
  const last = content.length - 1;
  const ids = new Set<string>();
  const spoilt: SpoiltCall[] = [];
  const blocks = content.map((block, index) => {
    if (!isOwnCall(block)) return block;
    const { toolUse } = block;
    const toolUseId = freeId(toolUse.toolUseId, ids);
    ids.add(toolUseId);
    const problem =
      isCut && index === last ? "cut" : problemOf(toolUse.input, isCut);
    if (problem !== undefined) spoilt.push({ toolUseId, problem });
    const input = problem === undefined ? withoutProto(toolUse.input) : {};
    // Taken out of a JSON value.
    return { toolUse: { ...toolUse, toolUseId, input: input as JsonValue } };
  });
  return { message: { role: "assistant", content: blocks }, spoilt };
}

/** The calls that are for this side: those with a `type` are the service's own, and it answers them itself. */
export function callsIn({ content }: Message): readonly ToolUseBlock[] {
  return content.filter(isOwnCall).map(({ toolUse }) => toolUse);
}

function isOwnCall(
  block: ContentBlock,
): block is { readonly toolUse: ToolUseBlock } {
  return "toolUse" in block && block.toolUse.type === undefined;
}

function freeId(id: string, taken: ReadonlySet<string>): string {
  let free = id;
  for (let count = 2; taken.has(free); count++) free = `${id}-${count}`;
  return free;
}

function problemOf(input: JsonValue, isCut: boolean): Spoilt | undefined {
  // The provider keeps what it could not parse as text.
  if (typeof input === "string") return isCut ? "cut" : "no-object";
  if (!isObject(input)) return "no-object";
  return isTooDeep(input, MOST_LEVELS) ? "too-deep" : undefined;
}

/** The texts of the blocks alone: what is left of an answer whose calls are not made. */
export function withoutCalls({ role, content }: Message): Message {
  if (!content.some((block) => "toolUse" in block)) return { role, content };
  return { role, content: content.filter((block) => "text" in block) };
}
