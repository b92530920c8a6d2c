import type { SpendingReportRow, SpendingRow } from "@lambdallm/core/stores";
import { type Item, StoredItem } from "../table/attributes.ts";
import { corrupt } from "../table/failure.ts";
import type { Table } from "../table/table.ts";
import { type COUNTERS, dayPrefix, sumOf } from "./record-spending.ts";

const DAY_LENGTH = "2026-11-22".length;

export async function spendingReport(
  table: Table,
  PK: string,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<readonly SpendingReportRow[]> {
  // DynamoDB refuses a range whose end comes first.
  if (from > to) return [];
  const rows = new Map<string, SpendingReportRow>();
  for (let after: Item | undefined; ; ) {
    const { items, next } = await table.start("report").query({
      keys: "#PK = :pk AND #SK BETWEEN :from AND :to",
      values: {
        ":pk": PK,
        ":from": dayPrefix(from),
        // The character after "#", which separates the day from the rest.
        ":to": `${dayPrefix(to)}$`,
      },
      after,
    });
    for (const row of items.flatMap(rowsOf)) {
      const name = JSON.stringify([row.day, row.key, row.model, row.prompt]);
      const before = rows.get(name);
      rows.set(name, before ? sumOf(before, row) : row);
    }
    if (next === undefined) return [...rows.values()];
    after = next;
  }
}

function rowsOf(item: Item): readonly SpendingReportRow[] {
  const stored = new StoredItem(item, "report");
  const SK = stored.text("SK");
  const day = SK.slice(dayPrefix("").length).slice(0, DAY_LENGTH);
  const key = SK.slice(dayPrefix(`${day}#`).length, SK.lastIndexOf("#"));
  return Object.keys(item)
    .filter((name) => name.startsWith("n"))
    .map((name) => {
      const id = name.slice(1);
      const counter = (letter: keyof typeof COUNTERS) =>
        stored.number(letter + id);
      return {
        day,
        key,
        ...nameOf(stored, name),
        calls: counter("k"),
        inputTokens: counter("i"),
        outputTokens: counter("o"),
        costNanoUsd: counter("c"),
      };
    });
}

function nameOf(
  stored: StoredItem,
  name: string,
): Pick<SpendingRow, "model" | "prompt"> {
  const [model, prompt] = namesIn(stored.text(name));
  if (typeof model === "string" && typeof prompt === "string")
    return { model, prompt };
  throw corrupt(stored.operation, "a row of the report has no valid name");
}

function namesIn(json: string): readonly unknown[] {
  try {
    const names: unknown = JSON.parse(json);
    return Array.isArray(names) ? names : [];
  } catch {
    return [];
  }
}
