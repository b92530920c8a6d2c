import { JournalMismatchError } from "../contract/journal.ts";
import { type Asked, type Entry, wordsOf } from "./entry.ts";
import type { Recorder } from "./recorder.ts";

/** Compares what a program asks for with what was recorded when it ran before. */
export class Positions {
  readonly #recorder: Recorder;
  readonly #taken = new Set<string>();
  /** What was recorded first inside of a position with branches. */
  readonly #inside = new Map<string, Entry>();

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
    for (const [position, entry] of recorder.entries)
      for (
        let dot = position.indexOf(".");
        dot >= 0;
        dot = position.indexOf(".", dot + 1)
      ) {
        const outer = position.slice(0, dot);
        if (!this.#inside.has(outer)) this.#inside.set(outer, entry);
      }
  }

  /** @throws {JournalMismatchError} */
  take(position: string, asked: Asked): void {
    this.#taken.add(position);
    const entry = this.#recorder.entries.get(position);
    const inside = this.#inside.get(position);
    const isSame =
      entry === undefined
        ? inside === undefined || asked.kind === "all"
        : entry.kind === asked.kind && entry.name === asked.name;
    if (isSame) return;
    throw new JournalMismatchError(this.#recorder.runId, {
      position,
      recorded: entry
        ? wordsOf(entry)
        : `branches that begin with ${wordsOf(inside ?? asked)}`,
      asked: wordsOf(asked),
    });
  }

  /** @throws {JournalMismatchError} */
  checkEnd(): void {
    for (const [position, entry] of this.#recorder.entries) {
      const [base = position] = position.split(/[@!~]/);
      if (this.#taken.has(base)) continue;
      throw new JournalMismatchError(this.#recorder.runId, {
        position,
        recorded: wordsOf(entry),
      });
    }
  }
}
