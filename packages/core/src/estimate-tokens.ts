import type { ModelRequest } from "./model-call.ts";

/**
 * A rough number of tokens of a text: a quarter of its ASCII characters and one for every other one.
 * For usage the service did not report and for planning; never for a bill that could be exact.
 */
export function estimateTokens(text: string): number {
  // Counted natively: a prompt of a million characters would take milliseconds.
  if (Buffer.byteLength(text) === text.length)
    return Math.ceil(text.length / 4);
  let quarters = 0;
  for (let index = 0; index < text.length; index++)
    quarters += text.charCodeAt(index) < 0x80 ? 1 : 4;
  return Math.ceil(quarters / 4);
}

/** What the service counts an image as, about: (width x height) / 750 at the size it scales to. */
const TOKENS_PER_IMAGE = 1_600;

/** A rough number of input tokens of a request, for usage the service did not report. */
export function estimateRequestTokens({
  messages,
  system = [],
  tools = [],
}: Pick<ModelRequest, "messages" | "system" | "tools">): number {
  let tokens = 0;
  const add = (value: unknown): void => {
    if (typeof value === "string") tokens += estimateTokens(value);
    else if (value instanceof Uint8Array)
      tokens += Math.ceil(value.byteLength / 4);
    else if (typeof value === "object" && value !== null)
      if ("image" in value && value.image !== undefined)
        tokens += TOKENS_PER_IMAGE;
      else for (const part of Object.values(value)) add(part);
  };
  add(system);
  add(tools);
  for (const { content } of messages) add(content);
  return tokens;
}
