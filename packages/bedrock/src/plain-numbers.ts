import type { JsonValue } from "@lambdallm/core";

/**
 * A document of the SDK as `JSON.parse` would have given it: the SDK makes objects of its own, or a bigint, of numbers with more
 * digits than a number has, and they have no JSON. Changed in place, at any depth.
 */
export function plainNumbers(document: unknown): JsonValue {
  const root = { document };
  const rest: object[] = [root];
  for (let next = rest.pop(); next !== undefined; next = rest.pop())
    for (const [key, value] of Object.entries(next)) {
      if (isLongNumber(value))
        Object.defineProperty(next, key, {
          value: Number(value),
          configurable: true,
          enumerable: true,
          writable: true,
        });
      else if (typeof value === "object" && value !== null) rest.push(value);
    }
  // It was read from JSON.
  return root.document as JsonValue;
}

function isLongNumber(value: unknown): boolean {
  if (typeof value === "bigint") return true;
  // Of the SDK's own class: what a document holds is plain.
  return (
    Object(value).type === "bigDecimal" &&
    Object.getPrototypeOf(value) !== Object.prototype
  );
}
