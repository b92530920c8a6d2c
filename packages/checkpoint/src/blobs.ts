import { hash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { StoreError } from "@lambdallm/core";
import { fromJson, MAX_TURN_BYTES, toJson } from "@lambdallm/core/stores";

/** Where large results are kept, such as a bucket of S3. What it was given must be there when `put` is done. */
export interface BlobStore {
  put(key: string, bytes: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array>;
}

/** Stands in the store for a value that is somewhere else. */
export interface BlobPointer {
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** More of it makes claims and commits dear. */
const INLINE_BYTES = 64 * 1024;

const zip = promisify(gzip);
const unzip = promisify(gunzip);

/** Where to, and what for. */
export interface Blobs {
  readonly prefix: string;
  readonly blobStore: BlobStore | undefined;
  /** Whether what stays is zipped. @default true */
  readonly isZipped?: boolean;
}

/** A pointer to the value when it is large and has been put away; undefined when it can stay where it is. */
export async function putAway(
  value: unknown,
  { prefix, blobStore, isZipped = true }: Blobs,
): Promise<BlobPointer | undefined> {
  if (blobStore === undefined) return undefined;
  const json = toJson("result", value);
  if (json.length <= INLINE_BYTES) return undefined;
  const zipped = await zip(json);
  if (isZipped && zipped.length <= INLINE_BYTES) return undefined;
  const sha256 = sha256Of(zipped);
  // With the hash of its content: whoever was superseded writes over nobody else's.
  const pointer = { key: `${prefix}/${sha256}`, bytes: zipped.length, sha256 };
  await answered("put", () => blobStore.put(pointer.key, zipped));
  return pointer;
}

/** @throws {StoreError} It is not there, or is not what was written. */
export async function fetchBack(
  pointer: BlobPointer,
  blobStore: BlobStore | undefined,
): Promise<unknown> {
  if (blobStore === undefined)
    throw corrupt("a result was kept in a blobStore, and this one has none");
  const body = await answered("get", () => blobStore.get(pointer.key));
  if (body.length !== pointer.bytes || sha256Of(body) !== pointer.sha256)
    throw corrupt("what the blobStore has is not what was written");
  const json = await unzip(body, { maxOutputLength: MAX_TURN_BYTES });
  return fromJson(json.toString());
}

const sha256Of = (body: Uint8Array) => hash("sha256", body, "base64url");

const corrupt = (what: string) =>
  new StoreError(`The run cannot be read: ${what}.`, {
    reason: "corrupt",
    operation: "get",
  });

async function answered<T>(
  operation: "put" | "get",
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new StoreError(`The blobStore's ${operation} failed.`, {
      reason: "unavailable",
      operation,
      retryable: true,
      cause,
    });
  }
}
