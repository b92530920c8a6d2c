import type { ToolUseBlock } from "@lambdallm/core";
import { stableJson } from "./stable-json.ts";

/** Counts in how many answers in a row the model has made the same call. */
export class CallsInARow {
  #counts: ReadonlyMap<string, number> = new Map();

  /** The counts of the calls of the next answer. Equal ones in one answer are one. */
  next(calls: readonly ToolUseBlock[]): readonly number[] {
    const before = this.#counts;
    const keys = calls.map(({ name, input }) => `${name} ${stableJson(input)}`);
    this.#counts = new Map(
      keys.map((key) => [key, (before.get(key) ?? 0) + 1]),
    );
    return keys.map((key) => Number(this.#counts.get(key)));
  }
}
