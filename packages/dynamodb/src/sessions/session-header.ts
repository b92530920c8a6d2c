import { type JsonValue, StoreError } from "@lambdallm/core";
import {
  checkAmount,
  checkId,
  fromJson,
  type SessionHeader,
  toJson,
} from "@lambdallm/core/stores";
import { StoredItem } from "../table/attributes.ts";
import { digest } from "../table/digest.ts";
import { expiry } from "../table/expiry.ts";
import { corrupt } from "../table/failure.ts";
import type { Table } from "../table/table.ts";
import { HEADER } from "./session-items.ts";

/** Other writers may follow before a write whose answer was lost is sent again, and it must still know itself. */
const KEPT_WRITE_IDS = 32;

const MAX_METADATA_BYTES = 350 * 1024;

const OPERATION = "saveHeader";

export async function saveHeader(
  table: Table,
  PK: string,
  header: {
    readonly expectedVersion: number;
    readonly metadata: SessionHeader["metadata"];
    readonly expiresAt?: number | undefined;
    readonly writeId: string;
  },
): Promise<SessionHeader | undefined> {
  const { expectedVersion, metadata, expiresAt, writeId } = header;
  checkAmount("expectedVersion", expectedVersion);
  checkId("write id", writeId);
  const json = toJson("metadata", metadata);
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_METADATA_BYTES)
    throw new StoreError(
      `${OPERATION}: the metadata has ${bytes} bytes as JSON; at most ${MAX_METADATA_BYTES} can be stored.`,
      { reason: "too-large", operation: OPERATION },
    );
  const write = digest(writeId).toString("base64url");
  const isNew = expectedVersion === 0;
  const times = expiry(expiresAt);
  const outcome = await table.start(OPERATION).update(
    { PK, SK: HEADER },
    {
      update: [
        "SET #v = :next, #meta = :meta, #w = :w",
        isNew && ", #created = :now",
        expiresAt !== undefined ? ", #x = :x, #ttl = :ttl" : " REMOVE #x, #ttl",
      ]
        .filter(Boolean)
        .join(""),
      condition: isNew
        ? "attribute_not_exists(#v) OR #x <= :now"
        : "#v = :expected AND (attribute_not_exists(#x) OR #x > :now)",
      names: { "#w": writeIdAttribute(expectedVersion) },
      values: {
        ":next": expectedVersion + 1,
        ":meta": json,
        ":w": write,
        ":now": table.now(),
        ":expected": isNew ? undefined : expectedVersion,
        ":x": times["x"],
        ":ttl": times["ttl"],
      },
      returning: "ALL_NEW",
      readRefusal: true,
    },
  );
  if (outcome.written) return headerOf(new StoredItem(outcome.item, OPERATION));
  const { existing } = outcome;
  const isMine = Array.from({ length: KEPT_WRITE_IDS }).some(
    (_, version) => existing?.[writeIdAttribute(version)]?.S === write,
  );
  return existing && isMine
    ? headerOf(new StoredItem(existing, OPERATION))
    : undefined;
}

const writeIdAttribute = (version: number) => `w${version % KEPT_WRITE_IDS}`;

export function headerOf(stored: StoredItem): SessionHeader {
  const expiresAt = stored.optionalNumber("x");
  return {
    version: stored.number("v"),
    metadata: metadataOf(stored),
    createdAt: stored.number("created"),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

function metadataOf(stored: StoredItem): SessionHeader["metadata"] {
  const json = stored.text("meta");
  try {
    // As it was given to saveHeader.
    return fromJson(json) as Readonly<Record<string, JsonValue>>;
  } catch {
    throw corrupt(stored.operation, "a session's metadata cannot be decoded");
  }
}
