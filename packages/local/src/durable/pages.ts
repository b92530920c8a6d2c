import { LambdaError, refuse } from "./lambda-error.ts";

export interface Page {
  readonly operations: readonly object[];
  /** Where the next page begins; undefined on the last one. */
  readonly marker: string | undefined;
}

const DEFAULT_ITEMS = 100;
const MOST_ITEMS = 1_000;
/** A page is smaller than what an asynchronous invocation may be given. */
const PAGE_BYTES = 1_000_000;

/** The page that a query asks for; its first operation is there whatever its size. */
export function pageOf(
  operations: readonly object[],
  query: URLSearchParams,
): Page {
  const first = positionOf(query.get("Marker"), operations.length);
  const most = itemsOf(query.get("MaxItems"));
  let next = first;
  let bytes = 0;
  while (next < operations.length && next - first < most) {
    bytes += Buffer.byteLength(JSON.stringify(operations[next]));
    if (bytes > PAGE_BYTES && next > first) break;
    next += 1;
  }
  return {
    operations: operations.slice(first, next),
    marker:
      next < operations.length
        ? Buffer.from(String(next)).toString("base64")
        : undefined,
  };
}

function positionOf(marker: string | null, length: number): number {
  if (marker === null) return 0;
  const position = Number(Buffer.from(marker, "base64").toString());
  if (!Number.isInteger(position) || position < 1 || position >= length)
    refuse("Invalid marker.");
  return position;
}

function itemsOf(given: string | null): number {
  const items = Number(given ?? 0);
  if (!Number.isInteger(items) || items < 0 || items > MOST_ITEMS)
    throw new LambdaError(
      "ValidationException",
      `1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must be a whole number from 0 to ${MOST_ITEMS}`,
    );
  return items === 0 ? DEFAULT_ITEMS : items;
}
