import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gunzipSync, gzip, gzipSync } from "node:zlib";
import { StoreError } from "@lambdallm/core";
import { fromJson, toJson } from "@lambdallm/core/stores";
import type { Item, StoredItem } from "../table/attributes.ts";
import { corrupt } from "../table/failure.ts";

/** As JSON, binary content included. */
export const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

const CHUNK_BYTES = 350 * 1024;
/** A write unit. */
const WORTH_ZIPPING_BYTES = 1_024;

/** Below, a thread of its own costs more than the work, which is under a millisecond. */
const WORTH_A_THREAD_BYTES = 32 * 1024;

const zipInThread = promisify(gzip);
const unzipInThread = promisify(gunzip);

/** A value as it goes into the table. */
export interface Payload {
  /** The item's attribute for it: `m` is JSON, `z` zipped JSON, `p` a pointer to chunks of that. */
  readonly name: "m" | "z" | "p";
  readonly value: string | Uint8Array;
  /** To be written before the item. */
  readonly chunks: readonly {
    readonly SK: string;
    readonly bytes: Uint8Array;
  }[];
}

/** Where and how a value is stored. */
export interface PayloadOptions {
  /** What the value is, for errors. */
  readonly name: string;
  readonly operation: string;
  /** As JSON. @default MAX_PAYLOAD_BYTES */
  readonly maxBytes?: number;
  /** Larger ones go into chunks. */
  readonly inlineBytes: number;
  /** The beginning of the chunks' sort keys, which belongs to one writer. */
  readonly chunkPrefix: string;
}

/**
 * @throws {ConfigurationError} The value has no JSON.
 * @throws {StoreError} `too-large`
 */
export async function pack(
  value: unknown,
  options: PayloadOptions,
): Promise<Payload> {
  const { name, operation, inlineBytes, chunkPrefix } = options;
  const { maxBytes = MAX_PAYLOAD_BYTES } = options;
  const json = toJson(name, value);
  const size = Buffer.byteLength(json);
  if (size > maxBytes)
    throw new StoreError(
      `${operation}: the ${name} would take ${size} bytes; at most ${maxBytes} can be stored.`,
      { reason: "too-large", operation },
    );
  const plain: Payload = { name: "m", value: json, chunks: [] };
  if (size <= 2 * WORTH_ZIPPING_BYTES) return plain;
  const zipped =
    size > WORTH_A_THREAD_BYTES ? await zipInThread(json) : gzipSync(json);
  if (zipped.length > size - WORTH_ZIPPING_BYTES && size <= inlineBytes)
    return plain;
  if (zipped.length <= inlineBytes)
    return { name: "z", value: zipped, chunks: [] };
  const sha256 = sha256Of(zipped);
  // With the hash of its content, a chunk is never written over by another content.
  const key = `${chunkPrefix}#${sha256}`;
  const chunks = chunksOf(zipped).map((bytes, index) => ({
    SK: chunkKey(key, index),
    bytes,
  }));
  const pointer: Pointer = {
    key,
    chunks: chunks.length,
    bytes: zipped.length,
    sha256,
  };
  return { name: "p", value: JSON.stringify(pointer), chunks };
}

/** @throws {StoreError} `corrupt`: a chunk is missing, or something is not as it was written. */
export async function unpack(
  stored: StoredItem,
  readChunk: (SK: string) => Promise<Item | undefined>,
): Promise<unknown> {
  const { m, z } = stored.item;
  try {
    if (m?.S !== undefined) return fromJson(m.S);
    if (z?.B !== undefined) return fromJson(await unzipped(z.B));
    return fromJson(await unzipped(await joined(stored, readChunk)));
  } catch (error) {
    if (StoreError.isInstance(error)) throw error;
    // Without the cause: a syntax error quotes the text.
    throw corrupt(stored.operation, "a stored value cannot be decoded");
  }
}

async function joined(
  stored: StoredItem,
  readChunk: (SK: string) => Promise<Item | undefined>,
): Promise<Buffer> {
  const pointer: unknown = JSON.parse(stored.text("p"));
  if (!isPointer(pointer))
    throw corrupt(stored.operation, "a pointer to chunks is not valid");
  const chunks = await Promise.all(
    Array.from({ length: pointer.chunks }, async (_, index) => {
      const chunk = await readChunk(chunkKey(pointer.key, index));
      if (chunk?.["b"]?.B) return chunk["b"].B;
      throw corrupt(
        stored.operation,
        `chunk ${index + 1} of ${pointer.chunks} of a stored value is missing`,
      );
    }),
  );
  const body = Buffer.concat(chunks);
  if (body.length !== pointer.bytes || sha256Of(body) !== pointer.sha256)
    throw corrupt(
      stored.operation,
      "the chunks of a stored value were altered",
    );
  return body;
}

interface Pointer {
  /** What the chunks' sort keys begin with. */
  readonly key: string;
  readonly chunks: number;
  readonly bytes: number;
  readonly sha256: string;
}

function isPointer(value: unknown): value is Pointer {
  const { key, chunks, bytes, sha256 } = Object(value);
  return (
    typeof key === "string" &&
    Number.isSafeInteger(chunks) &&
    chunks > 0 &&
    chunks <= MAX_PAYLOAD_BYTES / CHUNK_BYTES + 1 &&
    Number.isSafeInteger(bytes) &&
    typeof sha256 === "string"
  );
}

const chunkKey = (key: string, index: number) =>
  `${key}#${String(index).padStart(3, "0")}`;

function chunksOf(body: Buffer): readonly Buffer[] {
  const chunks: Buffer[] = [];
  for (let start = 0; start < body.length; start += CHUNK_BYTES)
    chunks.push(body.subarray(start, start + CHUNK_BYTES));
  return chunks;
}

const sha256Of = (body: Buffer) =>
  createHash("sha256").update(body).digest("base64url");

async function unzipped(body: Uint8Array): Promise<string> {
  // What is larger was not written here.
  const options = { maxOutputLength: MAX_PAYLOAD_BYTES };
  const json =
    body.length > WORTH_A_THREAD_BYTES
      ? await unzipInThread(body, options)
      : gunzipSync(body, options);
  return json.toString();
}
