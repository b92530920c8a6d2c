import type { ModelRequest } from "../contract/model-call.ts";
import { estimateFileTokens, type RequestFile } from "./estimate-media.ts";

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

type Input = Pick<ModelRequest, "messages" | "system" | "tools">;

/**
 * A rough number of input tokens of a request, for usage the service did not report and for comparing: its texts by
 * {@link estimateTokens}, its files by their kind (an image, a page, a second), not by their bytes.
 */
export function estimateRequestTokens(request: Input): number {
  const { texts, files } = partsOf(request);
  let tokens = texts;
  for (const file of files) tokens += estimateFileTokens(file);
  return tokens;
}

/**
 * The same without the files. What files come to is known to nobody before the service has read them, so this is what may
 * say that a request is too long for a model.
 */
export function estimateTextTokens(request: Input): number {
  return partsOf(request).texts;
}

/** Comes up behind all parts of an object. */
class End {
  readonly of: object;

  constructor(of: object) {
    this.of = of;
  }
}

/**
 * The tokens of all texts, those in JSON included, and the files. Not recursive: what a model calls a tool with is nested as
 * deeply as it likes. What contains itself is for the provider to refuse.
 */
function partsOf({ messages, system = [], tools = [] }: Input): {
  readonly texts: number;
  readonly files: readonly RequestFile[];
} {
  let texts = 0;
  const files: RequestFile[] = [];
  const open = new Set<object>();
  const left: unknown[] = [system, tools];
  for (const { content } of messages) left.push(content);
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value === "string") texts += estimateTokens(value);
    else if (value instanceof End) open.delete(value.of);
    else if (value instanceof Uint8Array)
      files.push({ kind: "other", bytes: value });
    else if (typeof value === "object" && value !== null && !open.has(value)) {
      open.add(value);
      left.push(new End(value));
      for (const [name, part] of Object.entries(value)) {
        const file = fileOf(name, part);
        if (file === undefined) {
          left.push(part);
          continue;
        }
        const text = textIn(file);
        if (text === undefined) files.push(file);
        else left.push(text);
        left.push(part.name, part.context);
      }
    }
  }
  return { texts, files };
}

/** The file of a block, by the block's name. A document of text or of pieces is none. */
function fileOf(name: string, block: unknown): RequestFile | undefined {
  if (!isFileKind(name)) return undefined;
  const { format, source }: Record<string, unknown> = { ...Object(block) };
  if (typeof source !== "object" || source === null) return undefined;
  const bytes: unknown = Reflect.get(source, "bytes");
  if (bytes instanceof Uint8Array) return { kind: name, format, bytes };
  return name === "document" && !("s3Location" in source)
    ? undefined
    : { kind: name, format, bytes: undefined };
}

const FILE_KINDS: ReadonlySet<string> = new Set([
  "image",
  "document",
  "video",
  "audio",
]);

function isFileKind(name: string): name is RequestFile["kind"] {
  return FILE_KINDS.has(name);
}

const TEXT_FORMATS: ReadonlySet<unknown> = new Set(["txt", "md", "csv"]);

/** What is in a file that is text as it is. */
function textIn({ kind, format, bytes }: RequestFile): string | undefined {
  return kind === "document" && TEXT_FORMATS.has(format) && bytes !== undefined
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
    : undefined;
}
