import type { Entry, Recorder } from "../src/stores.ts";
import { RecordedJournal } from "../src/stores.ts";

/** A run in memory whose time, starts and writes a test decides. */
export class TestRun {
  readonly entries = new Map<string, Entry>();
  readonly starts = new Map<string, number>();
  readonly waits: number[] = [];
  time = 1_000;
  remainingMs = Number.POSITIVE_INFINITY;
  longestWaitMs = 5_000;
  signal: AbortSignal | undefined;
  /** What somebody else has recorded when a position is started. */
  readonly others = new Map<string, Entry>();
  /** What the store fails with when this position is written. */
  readonly failures = new Map<string, Error>();

  /** The journal of one more invocation. */
  journal(): RecordedJournal {
    const recorder: Recorder = {
      runId: "run",
      isResumable: true,
      entries: this.entries,
      maxStarts: 3,
      signal: this.signal,
      now: () => this.time,
      resultLimit: (maxBytes = 100) => Math.min(maxBytes, 1_000),
      remainingMs: () => this.remainingMs,
      canWait: (ms) => ms <= this.longestWaitMs && ms < this.remainingMs,
      wait: async (ms) => {
        this.waits.push(ms);
        this.time += ms;
      },
      start: async (position) => {
        const other = this.others.get(position);
        if (other !== undefined) {
          this.entries.set(position, other);
          return other;
        }
        const count = (this.starts.get(position) ?? 0) + 1;
        this.starts.set(position, count);
        return count;
      },
      record: async (position, entry) => {
        const failure = this.failures.get(position);
        if (failure !== undefined) throw failure;
        this.entries.set(position, structuredClone(entry));
      },
      release: async (position, entry) => {
        this.entries.set(position, structuredClone(entry));
      },
      answer: async () => undefined,
    };
    return new RecordedJournal(recorder);
  }
}
