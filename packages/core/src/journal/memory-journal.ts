import { randomUUID } from "node:crypto";
import type { Operations } from "../call/operations.ts";
import { check, validateOptions } from "../checks/options.ts";
import type { Journal, Suspended, WaitingFor } from "../contract/journal.ts";
import { sleep } from "../time/sleep.ts";
import type { Entry } from "./entry.ts";
import { recordedCopy } from "./recorded-copy.ts";
import { RecordedJournal } from "./recorded-journal.ts";
import type { Recorder } from "./recorder.ts";

/** 250 KiB: what AWS Lambda durable functions take is 256 KiB, with what is around the result. */
export const DEFAULT_RESULT_BYTES = 250 * 1024;

export interface MemoryJournalOptions {
  /** @default a random one */
  readonly runId?: string | undefined;
  /** Ends the run. */
  readonly signal?: AbortSignal | undefined;
  /** Answers by the names of the questions, or a function that is asked. Without one the run is suspended. */
  readonly answers?: Answers | undefined;
  /** How much JSON the result of a step may have, in bytes. @default 256_000 */
  readonly maxResultBytes?: number | undefined;
  /** The clock, in epoch milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
  /**
   * Told of the steps that run: `operations` of an invocation.
   *
   * @default those of the chain or the agent that has the journal
   */
  readonly operations?: Operations | undefined;
  /** Spends the waits of the run; tests let them pass at once. @default a timer */
  readonly wait?: ((ms: number) => Promise<void>) | undefined;
}

export type Answers =
  | Readonly<Record<string, unknown>>
  | ((question: WaitingFor) => unknown);

/** A journal in the memory of this process. */
export interface MemoryJournal extends Journal {
  /** Why the run cannot go on; undefined while it can. */
  readonly suspended: Suspended | undefined;
  /** Waits for what was started and nobody awaits any more. */
  idle(): Promise<void>;
  /** A journal at the beginning of the same run, which knows what has happened, as after a kill. */
  resume(options?: Pick<MemoryJournalOptions, "answers">): MemoryJournal;
}

const checks = {
  runId: check.text,
  signal: check.signal,
  answers: (value: unknown) =>
    typeof value === "function" ? undefined : check.object(value),
  maxResultBytes: check.positiveInteger,
  now: check.function,
  operations: check.object,
  wait: check.function,
};

/**
 * A journal for programs that end in one invocation, and for tests. Values and errors are what they are on every other host.
 *
 * @throws {ConfigurationError} for options that are wrong.
 * @example
 * const journal = memoryJournal({ answers: { approve: true } });
 * const outline = await journal.step("outline", () => context.invoke("Outline: {text}", { text }));
 */
export function memoryJournal(
  options: MemoryJournalOptions = {},
): MemoryJournal {
  validateOptions("memoryJournal", checks, options);
  return new InMemory(options, new Map());
}

/** Whether a journal ends with its process, so that nobody else can resume the run. */
export function isInMemory(journal: Journal): journal is MemoryJournal {
  return journal instanceof InMemory;
}

class InMemory extends RecordedJournal implements MemoryJournal {
  readonly #options: MemoryJournalOptions;
  readonly #entries: Map<string, Entry>;

  constructor(options: MemoryJournalOptions, entries: Map<string, Entry>) {
    const { runId = randomUUID() } = options;
    super(recorderOf({ ...options, runId }, entries));
    this.#options = { ...options, runId };
    this.#entries = entries;
  }

  resume(options: Pick<MemoryJournalOptions, "answers"> = {}): MemoryJournal {
    return new InMemory({ ...this.#options, ...options }, this.#entries);
  }
}

function recorderOf(
  options: MemoryJournalOptions & { readonly runId: string },
  entries: Map<string, Entry>,
): Recorder {
  const { runId, signal, answers, operations } = options;
  const { maxResultBytes = DEFAULT_RESULT_BYTES, now } = options;
  const { wait = (ms: number) => sleep(ms, signal) } = options;
  const record = async (position: string, entry: Entry) => {
    entries.set(position, entry);
  };
  return {
    ...{ runId, entries, signal, operations },
    isResumable: false,
    maxStarts: Number.POSITIVE_INFINITY,
    now: () => now?.() ?? Date.now(),
    resultLimit: (maxBytes = maxResultBytes) => maxBytes,
    remainingMs: () => Number.POSITIVE_INFINITY,
    canWait: () => true,
    wait,
    start: async () => 1,
    record,
    release: record,
    async answer(question) {
      const value: unknown =
        typeof answers === "function"
          ? await answers(question)
          : answers && Object.hasOwn(answers, question.name)
            ? answers[question.name]
            : undefined;
      return recordedCopy(value, `The answer to "${question.name}"`).value;
    },
  };
}
