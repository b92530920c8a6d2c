import { createHash } from "node:crypto";
import type { ToolResultContent } from "@lambdallm/core";

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html */
const MOST_IMAGE_BYTES = 3_750_000;
const MOST_DOCUMENT_BYTES = 4_500_000;

/** Such as a hash or a key, which somebody may want to be told. */
const MOST_BASE64_BYTES = 256;

interface Kind {
  readonly format: string;
  readonly isDocument?: true;
  readonly magic: readonly (readonly [offset: number, bytes: string])[];
}

/** Old and new Office files share their containers with others, and are told apart by their names only. */
const KINDS: readonly Kind[] = [
  { format: "png", magic: [[0, "\x89PNG\r\n\x1a\n"]] },
  { format: "jpeg", magic: [[0, "\xff\xd8\xff"]] },
  { format: "gif", magic: [[0, "GIF87a"]] },
  { format: "gif", magic: [[0, "GIF89a"]] },
  {
    format: "webp",
    magic: [
      [0, "RIFF"],
      [8, "WEBP"],
    ],
  },
  { format: "pdf", isDocument: true, magic: [[0, "%PDF-"]] },
];

/** Bytes as a model can read them: an image or a document by how they begin, text, or a note of what they are. */
export function bytesBlock(bytes: Uint8Array): ToolResultContent {
  // The same memory, for its methods.
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = KINDS.find(({ magic }) =>
    magic.every(
      ([offset, start]) =>
        buffer.toString("latin1", offset, offset + start.length) === start,
    ),
  );
  if (kind !== undefined) return fileBlock(bytes, kind);
  const text = textOf(buffer);
  if (text !== undefined) return { text };
  return {
    text:
      bytes.length <= MOST_BASE64_BYTES
        ? `(${bytes.length} bytes in base64: ${buffer.toString("base64")})`
        : `(${bytes.length} bytes of a kind that cannot be shown)`,
  };
}

function fileBlock(
  bytes: Uint8Array,
  { format, isDocument }: Kind,
): ToolResultContent {
  const most = isDocument ? MOST_DOCUMENT_BYTES : MOST_IMAGE_BYTES;
  if (bytes.length > most)
    return {
      text: `(${format} of ${bytes.length} bytes, which is too large to be shown: ${most} are the most)`,
    };
  const source = { bytes };
  if (!isDocument) return { image: { format, source } };
  // The service takes no two documents of one name.
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
  return { document: { name: `file-${hash}`, format, source } };
}

function textOf(buffer: Buffer): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(buffer);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}
