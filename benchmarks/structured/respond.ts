import type { BedrockRequest, ReplyObject } from "@lambdallm/local";
import { BUILDING } from "./building.ts";

const usage = { inputTokens: 900, outputTokens: 240, totalTokens: 1_140 };
const text: ReplyObject = {
  content: [{ text: JSON.stringify(BUILDING) }],
  usage,
};

/** The same value, in the form that was asked for. */
export function respond({ toolConfig }: BedrockRequest): ReplyObject {
  const [tool] = toolConfig?.tools ?? [];
  if (tool === undefined || !("toolSpec" in tool)) return text;
  const { name } = tool.toolSpec;
  return {
    content: [{ toolUse: { toolUseId: "answer-1", name, input: BUILDING } }],
    usage,
  };
}
