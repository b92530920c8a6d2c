import type { ContentBlock, ToolResultContent } from "@lambdallm/core";

type Block = ContentBlock | ToolResultContent;

/** What is recorded of blocks: texts, and of everything else its kind and its size. Tools by their name, or with what they say. */
export function textOfBlocks(
  blocks: readonly (Block | object)[],
  withTools: boolean,
): string {
  return blocks
    .map((block) => textOfBlock(block, withTools))
    .filter((text) => text !== "")
    .join("\n");
}

function textOfBlock(block: object, withTools: boolean): string {
  const [kind = "", value]: readonly unknown[] = Object.entries(block)[0] ?? [];
  const { text, content, name, input }: Record<string, unknown> = Object(value);
  const blocks: readonly object[] = Array.isArray(content) ? content : [];
  switch (kind) {
    case "text":
      // That of a guarded block is an object.
      return String(text ?? value);
    case "json":
      return jsonText(value);
    case "cachePoint":
      return "";
    case "guardContent":
      return textOfBlock(Object(value), withTools);
    case "citationsContent":
      return textOfBlocks(blocks, withTools);
    case "toolUse":
      return `[tool ${name}${withTools ? `: ${jsonText(input)}` : ""}]`;
    case "toolResult":
      return `[tool result${withTools ? `: ${textOfBlocks(blocks, withTools)}` : ""}]`;
    default:
      return `[${kind}${sizeOf(Object(value))}]`;
  }
}

/** Of a file: its bytes are never recorded. */
function sizeOf({ format, source }: Record<string, unknown>): string {
  const { bytes, text }: Record<string, unknown> = Object(source);
  const ofFormat = typeof format === "string" ? ` ${format}` : "";
  if (ArrayBuffer.isView(bytes))
    return `${ofFormat}, ${bytes.byteLength} bytes`;
  return typeof text === "string"
    ? `${ofFormat}, ${text.length} characters`
    : ofFormat;
}

/** Empty where there is no JSON of a value. @throws for a circle or a BigInt. */
export function jsonText(value: unknown): string {
  const withoutBytes = function (this: unknown, key: string, item: unknown) {
    // Before its `toJSON`, which a Buffer has.
    const own: unknown = Reflect.get(Object(this), key);
    return ArrayBuffer.isView(own) ? `[${own.byteLength} bytes]` : item;
  };
  return JSON.stringify(value, withoutBytes) ?? "";
}
