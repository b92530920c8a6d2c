import { isObject } from "@lambdallm/core/feature";

/** The JSON of a value that was read from JSON, the same for the same fields in whatever order. */
export function stableJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return Object.fromEntries(entries.map(([name, one]) => [name, sorted(one)]));
}
