import type { Message, ToolResultBlock } from "@lambdallm/core";

/**
 * The messages with other results of tools. What stays the same stays the same object.
 *
 * @param change Called for the last result first.
 */
export function mapResults(
  messages: readonly Message[],
  change: (result: ToolResultBlock, message: Message) => ToolResultBlock,
): readonly Message[] {
  let isChanged = false;
  const mapped = messages.toReversed().map((message) => {
    const content = message.content.toReversed().map((block) => {
      if (!("toolResult" in block)) return block;
      const toolResult = change(block.toolResult, message);
      return toolResult === block.toolResult ? block : { toolResult };
    });
    if (content.every((block) => message.content.includes(block)))
      return message;
    isChanged = true;
    return { ...message, content: content.reverse() };
  });
  return isChanged ? mapped.reverse() : messages;
}
