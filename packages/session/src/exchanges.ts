import type { ContentBlock, Message } from "@lambdallm/core";
import type { Turn } from "@lambdallm/core/stores";
import { cleanMessage } from "./clean.ts";
import { isPlainQuestion } from "./repair.ts";

/**
 * Turns in the order in which models take them. What others have written in the middle of an exchange with tools comes
 * before it: a call is followed by its results.
 *
 * @param next The message that comes after them.
 */
export function joinExchanges(
  turns: readonly Turn[],
  next?: Message,
): readonly Turn[] {
  const joined: Turn[] = [];
  const join = (message: unknown) => {
    const results = new Set(blocksOf(message).flatMap(resultId));
    if (results.size === 0) return;
    const call = joined.findLastIndex(({ messages }) =>
      blocksOf(messages.at(-1)).some((block) =>
        callId(block).some((id) => results.has(id)),
      ),
    );
    if (call === -1) return;
    const others = joined.splice(call + 1);
    const start = joined.findLastIndex(beginsPlainly);
    joined.splice(Math.max(0, start), 0, ...others);
  };
  for (const turn of turns) {
    join(turn.messages[0]);
    joined.push(turn);
  }
  join(next);
  return joined;
}

/** Whether a turn begins with a question that answers no tool call. */
export function beginsPlainly({ messages: [first] }: Turn): boolean {
  return cleanMessage(first, 0, () => {}).some(({ role, parts }) =>
    isPlainQuestion({ role, content: parts.map(({ block }) => block) }),
  );
}

/** What can be used of a message that can be anything. */
function blocksOf(message: unknown): readonly ContentBlock[] {
  return cleanMessage(message, 0, () => {}).flatMap(({ parts }) =>
    parts.map(({ block }) => block),
  );
}

const callId = (block: ContentBlock) =>
  "toolUse" in block ? [block.toolUse.toolUseId] : [];

const resultId = (block: ContentBlock) =>
  "toolResult" in block ? [block.toolResult.toolUseId] : [];
