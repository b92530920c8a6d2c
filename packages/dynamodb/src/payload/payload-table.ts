import type { Item, StoredItem } from "../table/attributes.ts";
import { ttlOf } from "../table/expiry.ts";
import type { Table } from "../table/table.ts";
import { type Payload, unpack } from "./payload.ts";

/** Readers whose clock is behind still find the chunks of what has not expired for them. */
const CHUNKS_OUTLIVE_MS = 3_600_000;

/** One after the other: a partition takes a thousand write units a second, and a chunk has 350. */
export async function writeChunks(
  table: Table,
  operation: string,
  PK: string,
  { chunks }: Payload,
  expiresAt: number | undefined,
): Promise<void> {
  const ttl =
    expiresAt === undefined ? undefined : ttlOf(expiresAt + CHUNKS_OUTLIVE_MS);
  for (const { SK, bytes } of chunks)
    await table.start(operation).put({ PK, SK }, { b: bytes, ttl });
}

export function readPayload(
  table: Table,
  PK: string,
  stored: StoredItem,
): Promise<unknown> {
  return unpack(
    stored,
    (SK): Promise<Item | undefined> =>
      table.start(stored.operation).get({ PK, SK }),
  );
}
