import type { ToolUseBlock } from "@lambdallm/core";
import { isObject } from "@lambdallm/core/feature";

/** Counts in how many answers in a row the model has made the same call. */
export class CallsInARow {
  #counts: ReadonlyMap<string, number> = new Map();

  /** The counts of the calls of the next answer. Equal ones in one answer are one. */
  next(calls: readonly ToolUseBlock[]): readonly number[] {
    const before = this.#counts;
    const keys = calls.map(({ name, input }) => `${name} ${sorted(input)}`);
    this.#counts = new Map(
      keys.map((key) => [key, (before.get(key) ?? 0) + 1]),
    );
    return keys.map((key) => Number(this.#counts.get(key)));
  }
}

/** JSON that is the same for equal values. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner)
      ? Object.fromEntries(
          Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : inner,
  );
}
