import type { ContentBlock, Message } from "@lambdallm/core";
import { isObject } from "@lambdallm/core/feature";
import { arrayAt, type JsonObject, member } from "../json.ts";

/**
 * A value as the service writes it: bytes become base64, and `{ $unknown: [name, value] }` becomes
 * `{ [name]: value }`.
 */
export function toWire(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(toWire);
  if (!isObject(value)) return value;
  const unknown = arrayAt(value, "$unknown");
  const [name, content] = unknown;
  if (typeof name === "string") return { [name]: toWire(content) };
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, toWire(entry)]),
  );
}

const MEDIA = ["image", "document", "video", "audio"];

/** Content blocks as the suite types them: base64 becomes bytes at the places where the service expects bytes. */
export function fromWire(blocks: readonly unknown[]): readonly ContentBlock[] {
  // The cast is the border: what the service would refuse has been refused by the validation before.
  return blocks.map(blockFromWire) as readonly ContentBlock[];
}

/** The messages of a request, decoded. */
export function messagesFromWire(
  messages: readonly unknown[],
): readonly Message[] {
  return messages.map((message) => ({
    role: member(message, "role") as Message["role"],
    content: fromWire(arrayAt(message, "content")),
  }));
}

function blockFromWire(block: unknown): unknown {
  if (!isObject(block)) return block;
  const reasoning = member(block, "reasoningContent");
  if (isObject(reasoning))
    return { reasoningContent: decoded(reasoning, "redactedContent") };
  const result = member(block, "toolResult");
  if (isObject(result))
    return {
      toolResult: {
        ...result,
        content: fromWire(arrayAt(result, "content")),
      },
    };
  for (const kind of MEDIA) {
    const media = member(block, kind);
    const source = member(media, "source");
    if (isObject(media) && isObject(source))
      return { [kind]: { ...media, source: decoded(source, "bytes") } };
  }
  return block;
}

function decoded(value: JsonObject, key: string): JsonObject {
  const text = member(value, key);
  return typeof text === "string"
    ? { ...value, [key]: new Uint8Array(Buffer.from(text, "base64")) }
    : value;
}
