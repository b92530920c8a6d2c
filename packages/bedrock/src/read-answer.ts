import type { Message as SdkMessage } from "@aws-sdk/client-bedrock-runtime";
import type {
  ContentBlock,
  JsonValue,
  Message,
  StopReason,
} from "@lambdallm/core";
import { plainNumbers } from "./plain-numbers.ts";
import { toolName } from "./request/names.ts";

/** The way back from the words of the model to those of the caller. */
export interface ToolReader {
  unwrapInput(name: string, input: JsonValue): JsonValue;
}

/** The message of an answer. One without content, or none at all, is an empty answer. */
export function readAnswer(
  message: SdkMessage | undefined,
  tools: ToolReader,
): Message {
  // In Converse's own shapes, which the core's types describe.
  const { role = "assistant", content } = (message ?? {}) as Partial<Message>;
  return {
    role,
    content: (content ?? []).map((block) => readBlock(block, tools)),
  };
}

function readBlock(block: ContentBlock, tools: ToolReader): ContentBlock {
  if ("toolUse" in block) {
    const { toolUse } = block;
    const name = toolName(toolUse.name);
    const input = tools.unwrapInput(name, plainNumbers(toolUse.input));
    return { toolUse: { ...toolUse, name, input } };
  }
  if (
    "reasoningContent" in block &&
    "reasoningText" in block.reasoningContent
  ) {
    // A thought that is signed and not shown has no text.
    const { text = "", ...rest } = block.reasoningContent.reasoningText as {
      readonly text?: string;
    };
    return { reasoningContent: { reasoningText: { text, ...rest } } };
  }
  return block;
}

/**
 * `tool_use` exactly when there is a call to answer: some models say that they are done beside one, some that they call a
 * tool and then do not.
 */
export function reasonOf(said: StopReason, { content }: Message): StopReason {
  const calls = content.some(
    // Those with a type are the service's own, and it answers them itself.
    (block) => "toolUse" in block && block.toolUse.type === undefined,
  );
  if (said === "end_turn" && calls) return "tool_use";
  if (said === "tool_use" && !calls) return "end_turn";
  return said;
}
