import type { JsonValue } from "@lambdallm/core";
import type { Entry, StepRecord } from "@lambdallm/core/stores";
import {
  type BlobPointer,
  type BlobStore,
  type Blobs,
  fetchBack,
  putAway,
} from "./blobs.ts";

/** What the store has beside the entry itself. */
interface Envelope {
  /** When the run expires, so that no resume lets some of its records live longer than others. */
  readonly expiresAt?: number | undefined;
  readonly blob?: BlobPointer | undefined;
}

/** An entry as the store keeps it. */
export async function toStored(
  entry: Entry,
  expiresAt: number | undefined,
  blobs: Blobs,
): Promise<JsonValue> {
  const blob =
    entry.status === "done" && entry.value !== undefined
      ? await putAway(entry.value, blobs)
      : undefined;
  const envelope: Envelope = {
    ...(expiresAt !== undefined && { expiresAt }),
    ...(blob && { blob }),
  };
  // Entries are JSON and bytes.
  return {
    ...entry,
    ...(blob && { value: undefined }),
    ...envelope,
  } as unknown as JsonValue;
}

/** @throws {StoreError} Its value was put away, and cannot be fetched. */
export async function fromStored(
  stored: JsonValue,
  blobStore: BlobStore | undefined,
): Promise<{ readonly entry: Entry; readonly expiresAt: number | undefined }> {
  // As `toStored` has made it.
  const { expiresAt, blob, ...entry } = stored as unknown as Entry & Envelope;
  if (blob === undefined) return { entry: entry as Entry, expiresAt };
  const value = await fetchBack(blob, blobStore);
  return { entry: { ...entry, value } as Entry, expiresAt };
}

/** What a step was ended with; undefined while it runs. */
export function storedOf(record: StepRecord): JsonValue | undefined {
  if (record.status === "done") return record.output;
  return record.status === "failed" ? record.error : undefined;
}
