import { StoredItem } from "../table/attributes.ts";
import type { Table } from "../table/table.ts";
import { FIRST_TURN, LAST_TURN, SUMMARY, TURN } from "./session-items.ts";

/**
 * Whether a turn can be written at this number: it is where the newest turn ends. The session may have been deleted since its
 * writer has read it; the condition of the write knows only whether the number is taken.
 * A transaction would also see a deletion in the milliseconds between this look and the write, for twice the write units and those of the
 * turn before.
 */
export async function isNextNumber(
  table: Table,
  PK: string,
  first: number,
): Promise<boolean> {
  const operation = table.start("append");
  const { items } = await operation.query({
    keys: "#PK = :pk AND #SK BETWEEN :oldest AND :newest",
    values: { ":pk": PK, ":oldest": FIRST_TURN, ":newest": LAST_TURN },
    newestFirst: true,
    limit: 1,
    only: "#SK, #n",
  });
  const [end = 0] = items.map((item) => {
    const newest = new StoredItem(item, "append");
    return Number(newest.text("SK").slice(TURN.length)) + newest.number("n");
  });
  if (end >= first) return end === first;
  // Turns that have expired may be gone, but the numbers that a summary covers were used.
  const summary = await operation.get({ PK, SK: SUMMARY });
  return (
    summary !== undefined &&
    new StoredItem(summary, "append").number("upTo") === first
  );
}
