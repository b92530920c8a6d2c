import assert from "node:assert/strict";
import { ConfigurationError } from "@lambdallm/core";

/**
 * Compares data and nothing else: not the order of properties, nor prototypes, which differ where a test runner has globals of
 * its own. A property that is undefined counts as missing.
 */
export function same(actual: unknown, expected: unknown, what?: string): void {
  assert.deepEqual(dataOf(actual), dataOf(expected), what);
}

function dataOf(value: unknown): unknown {
  if (Array.isArray(value)) return Array.from(value, dataOf);
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return `bytes: ${bytes.toString("hex")}`;
  }
  if (typeof value !== "object" || value === null) return value;
  const data: Record<string, unknown> = Object.create(null);
  for (const [name, member] of Object.entries(value))
    if (member !== undefined) data[name] = dataOf(member);
  return data;
}

/** Also of a method that throws before it returns a promise. */
export async function refuses(
  run: () => Promise<unknown>,
  what: string,
): Promise<void> {
  await assert.rejects(
    async () => run(),
    (error) => ConfigurationError.isInstance(error),
    `${what} must throw a ConfigurationError`,
  );
}
