import type { ReplyObject } from "@lambdallm/local";

const chunks = Array.from(
  { length: 20 },
  (_, index) => `piece ${index + 1} of the summary, `,
);
const reply: ReplyObject = {
  content: [{ text: chunks.join("") }],
  chunks,
  usage: { inputTokens: 250, outputTokens: 120, totalTokens: 370 },
};

/** A text, or a stream of 20 deltas. */
export const respond = () => reply;
