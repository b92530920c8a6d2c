import { isUint8Array } from "node:util/types";
import type { JsonValue, ToolResultContent } from "@lambdallm/core";
import { isObject, wrongInBlock } from "@lambdallm/core/feature";
import { bytesBlock } from "./bytes-block.ts";
import { readableJson } from "./readable-json.ts";

/** The result of a tool in the words of the service. */
export interface ToolOutcome {
  readonly content: readonly ToolResultContent[];
  readonly status: "success" | "error";
}

/** The service takes no empty result, and no blank text. */
const NO_OUTPUT = { text: "(no output)" } as const;

/** Of an error: a message can be a whole page of HTML. */
const MOST_ERROR_LENGTH = 2_000;

const IMAGE_FORMATS = ["png", "jpeg", "jpg", "gif", "webp"];

/**
 * Whatever a tool has returned, as blocks that the service takes: text as it is, an object as JSON, any other value as the text
 * of its JSON, bytes as the image or document that they are, content blocks (in a list, or one of a file) as they were given, an
 * `Error` as its message with the status `"error"`, nothing as `(no output)`. What has no JSON is said in words. Never throws.
 *
 * What it gives comes back unchanged: a tool that wants to say its status returns `{ content, status }`.
 */
export function resultBlocks(value: unknown): ToolOutcome {
  try {
    if (value instanceof Error) return errorBlocks(value);
    const outcome = outcomeOf(value);
    const content =
      outcome?.content.length === 0 ? [] : contentOf(outcome?.content ?? value);
    return {
      content: content.length > 0 ? content : [NO_OUTPUT],
      status: outcome?.status ?? "success",
    };
  } catch {
    // A proxy or a getter of the tool's own.
    return {
      content: [{ text: "(a result that cannot be read)" }],
      status: "success",
    };
  }
}

/** What a tool has thrown, for the model: the name and the message of an error, never its stack or its cause. Never throws. */
export function errorBlocks(error: unknown): ToolOutcome {
  let text = "The tool failed, and what it threw cannot be read.";
  try {
    text = messageOf(error);
  } catch {
    // A proxy or a getter of the tool's own.
  }
  return { content: [{ text }], status: "error" };
}

function messageOf(error: unknown): string {
  const said =
    error instanceof Error
      ? [error.name, error.message]
      : [textOf(readableJson(error))];
  const text = said
    .map((part) => String(part).trim().slice(0, MOST_ERROR_LENGTH))
    .filter(Boolean)
    .join(": ")
    .toWellFormed();
  return text || "The tool failed without a message.";
}

function outcomeOf(value: unknown): ToolOutcome | undefined {
  if (!isObject(value) || Object.keys(value).length !== 2) return undefined;
  const { content, status } = value;
  return Array.isArray(content) && (status === "success" || status === "error")
    ? { content, status }
    : undefined;
}

function contentOf(value: unknown): readonly ToolResultContent[] {
  if (isBytes(value)) return blockOf(bytesBlock(bytesOf(value)));
  if (isFile(value)) return [value];
  const isContent =
    Array.isArray(value) &&
    value.length > 0 &&
    (value.every(isBlock) || value.some((one) => isBytes(one) || isFile(one)));
  if (!isContent) return jsonBlocks(value);
  return value.flatMap((one) => (isBlock(one) ? blockOf(one) : contentOf(one)));
}

function isBytes(value: unknown): value is Uint8Array | ArrayBuffer {
  return isUint8Array(value) || value instanceof ArrayBuffer;
}

function bytesOf(value: Uint8Array | ArrayBuffer): Uint8Array {
  return isUint8Array(value) ? value : new Uint8Array(value);
}

const FILES: ReadonlySet<string | undefined> = new Set([
  "image",
  "document",
  "video",
]);

const KINDS: ReadonlySet<string | undefined> = new Set([
  ...FILES,
  "text",
  "json",
  "searchResult",
]);

function kindOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  const [kind, ...others] = Object.keys(value);
  return others.length === 0 ? kind : undefined;
}

/** Alone, `{ text }` and `{ json }` are data as well, and say the same as that. */
function isFile(value: unknown): value is ToolResultContent {
  return FILES.has(kindOf(value)) && isBlock(value);
}

function isBlock(value: unknown): value is ToolResultContent {
  const kind = kindOf(value);
  if (kind === undefined || !KINDS.has(kind)) return false;
  const result = { toolUseId: "id", content: [value] };
  return (
    wrongInBlock({ toolResult: result }, true) === undefined &&
    fitsService(kind, Reflect.get(Object(value), kind))
  );
}

/** What the service refuses, or cannot read, beside what `wrongInBlock` knows. */
function fitsService(kind: string, fields: unknown): boolean {
  const { format, source, title, content } = { ...Object(fields) };
  switch (kind) {
    case "image":
      return IMAGE_FORMATS.includes(format) && isMedia(source);
    case "video":
      return isMedia(source);
    case "document":
      return (
        isMedia(source) || !isBlank(source.text) || isTexts(source.content)
      );
    case "searchResult":
      return !isBlank(source) && !isBlank(title) && isTexts(content);
    default:
      return true;
  }
}

function isMedia({ bytes, s3Location }: Record<string, unknown>): boolean {
  return isUint8Array(bytes) || isObject(s3Location);
}

function isTexts(content: unknown): boolean {
  return (
    Array.isArray(content) &&
    content.length > 0 &&
    content.every((part) => kindOf(part) === "text" && !isBlank(part.text))
  );
}

function isBlank(text: unknown): boolean {
  return typeof text !== "string" || text.trim() === "";
}

function blockOf(block: ToolResultContent): readonly ToolResultContent[] {
  if ("json" in block) return jsonBlocks(block.json);
  if ("text" in block) return textBlocks(block.text);
  return [block];
}

function jsonBlocks(value: unknown): readonly ToolResultContent[] {
  const json = readableJson(value);
  return isObject(json)
    ? [{ json: json as JsonValue }]
    : textBlocks(textOf(json));
}

function textBlocks(text: string): readonly ToolResultContent[] {
  return isBlank(text) ? [] : [{ text: text.toWellFormed() }];
}

/** Text stays as it is, whatever else becomes its JSON. */
function textOf(json: JsonValue | undefined): string {
  if (json === undefined) return "";
  return typeof json === "string" ? json : JSON.stringify(json);
}
