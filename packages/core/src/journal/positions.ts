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
    const recorded = this.#recordedAt(position, asked);
    if (recorded === undefined) return;
    const { runId } = this.#recorder;
    throw new JournalMismatchError(runId, {
      position,
      recorded,
      asked: wordsOf(asked),
    });
  }

  /** What was recorded here and is something else; undefined when there is nothing, or the same. */
  #recordedAt(position: string, asked: Asked): string | undefined {
    const entry = this.#recorder.entries.get(position);
    if (entry !== undefined)
      return entry.kind === asked.kind && entry.name === asked.name
        ? undefined
        : wordsOf(entry);
    const inside = this.#inside.get(position);
    return inside === undefined || asked.kind === "all"
      ? undefined
      : `branches that begin with ${wordsOf(inside)}`;
  }

  /** @throws {JournalMismatchError} */
  checkEnd(): void {
    for (const [position, entry] of this.#recorder.entries) {
      if (this.#taken.has(position.replace(/[@!~].*$/, ""))) continue;
      throw new JournalMismatchError(this.#recorder.runId, {
        position,
        recorded: wordsOf(entry),
      });
    }
  }
}
