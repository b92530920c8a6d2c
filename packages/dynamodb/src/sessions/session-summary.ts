import { randomUUID } from "node:crypto";
import { StoreError } from "@lambdallm/core";
import { checkAmount, type SessionSummary } from "@lambdallm/core/stores";
import type { StoredItem } from "../table/attributes.ts";
import { expiry } from "../table/expiry.ts";
import type { Table } from "../table/table.ts";
import { SUMMARY } from "./session-items.ts";

const MAX_TEXT_BYTES = 350 * 1024;

export async function saveSummary(
  table: Table,
  PK: string,
  summary: SessionSummary & { readonly expiresAt?: number | undefined },
): Promise<boolean> {
  const { text, upTo, expiresAt } = summary;
  checkAmount("upTo", upTo);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_TEXT_BYTES)
    throw new StoreError(
      `saveSummary: the summary has ${bytes} bytes; at most ${MAX_TEXT_BYTES} can be stored.`,
      { reason: "too-large", operation: "saveSummary" },
    );
  const writeId = randomUUID();
  const outcome = await table.start("saveSummary").put(
    { PK, SK: SUMMARY },
    { text, upTo, w: writeId, ...expiry(expiresAt) },
    {
      condition: "attribute_not_exists(#upTo) OR #upTo < :upTo OR #x <= :now",
      values: { ":upTo": upTo, ":now": table.now() },
      readRefusal: true,
    },
  );
  return outcome.written || outcome.existing?.["w"]?.S === writeId;
}

export function summaryOf(stored: StoredItem): SessionSummary {
  return { text: stored.text("text"), upTo: stored.number("upTo") };
}
