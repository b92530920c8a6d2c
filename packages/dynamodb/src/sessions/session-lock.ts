import { checkId, checkLease } from "@lambdallm/core/stores";
import { StoredItem } from "../table/attributes.ts";
import type { Table } from "../table/table.ts";
import { LOCK } from "./session-items.ts";

/** A lock that was given back is deleted by DynamoDB after this time; its fences go on until then. */
const KEPT_MS = 24 * 3_600_000;

export async function lockSession(
  table: Table,
  PK: string,
  lock: {
    readonly owner: string;
    readonly leaseMs: number;
    readonly skewMarginMs: number;
  },
): Promise<number | undefined> {
  const { owner, leaseMs, skewMarginMs } = lock;
  checkId("owner", owner);
  checkLease(leaseMs);
  const now = table.now();
  const until = now + leaseMs;
  const key = { PK, SK: LOCK };
  const operation = table.start("lock");
  const values = {
    ":me": owner,
    ":until": until,
    ":ttl": Math.ceil((until + KEPT_MS) / 1_000),
  };
  const outcome = await operation.update(key, {
    // From the clock on, so that fences grow also when the session was deleted in between.
    update:
      "SET #ow = :me, #exp = :until, #ttl = :ttl, #f = if_not_exists(#f, :now) + :one",
    condition: "attribute_not_exists(#ow) OR #exp < :cutoff",
    values: {
      ...values,
      ":now": now,
      ":one": 1,
      // Another clock may be ahead of this one.
      ":cutoff": now - skewMarginMs,
    },
    returning: "UPDATED_NEW",
    readRefusal: true,
  });
  if (outcome.written) return fenceOf(outcome.item);
  if (outcome.existing?.["ow"]?.S !== owner) return undefined;
  const fence = fenceOf(outcome.existing);
  // By an earlier attempt, or an earlier lease of this owner.
  const renewed = await operation.update(key, {
    update: "SET #exp = :until, #ttl = :ttl",
    condition: "#ow = :me AND #f = :f",
    values: { ...values, ":f": fence },
  });
  return renewed.written ? fence : undefined;
}

export async function unlockSession(
  table: Table,
  PK: string,
  fence: number,
): Promise<void> {
  await table.start("unlock").update(
    { PK, SK: LOCK },
    {
      update: "REMOVE #ow, #exp",
      condition: "#f = :f",
      values: { ":f": fence },
    },
  );
}

const fenceOf = (item: StoredItem["item"]) =>
  new StoredItem(item, "lock").number("f");
