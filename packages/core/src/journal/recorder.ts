import type { Operations } from "../call/operations.ts";
import type { WaitingFor } from "../contract/journal.ts";
import type { Entry } from "./entry.ts";

/** Where a journal of this process keeps what has happened. Its writes may fail; then the run ends with that error. */
export interface Recorder {
  readonly runId: string;
  /** Whether the run goes on elsewhere when it does not come to its end in this process. */
  readonly isResumable: boolean;
  /** Those of the invocation, which are told of the steps that run. @default those that the program is a part of */
  readonly operations?: Operations | undefined;
  /** What is known at the beginning and has been recorded since, by position. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** A step that was started more often, and never came to its end, fails. */
  readonly maxStarts: number;
  /** Aborts what runs, and no step is started any more. */
  readonly signal?: AbortSignal | undefined;
  now(): number;
  /** How much JSON the result of a step may have, in bytes, when the step asks for room for that much. */
  resultLimit(maxBytes: number | undefined): number;
  /** Milliseconds until the run has to be suspended; `Infinity` where nothing limits the time. */
  remainingMs(): number;
  /** Whether a wait of this length is spent in the process. */
  canWait(ms: number): boolean;
  /** Spends it there. Resolves early when the signal aborts. */
  wait(ms: number): Promise<void>;
  /**
   * Before the work: claims the position.
   *
   * @returns Which start of it this is, from 1; or what somebody else has recorded meanwhile.
   * @throws {StepInProgressError} Somebody else has the run now.
   */
  start(position: string): Promise<number | Entry>;
  /**
   * After the work.
   *
   * @throws {StepInProgressError} Somebody else has the run now.
   */
  record(position: string, entry: Entry): Promise<void>;
  /** After work that did not come to its end: the next start need not wait. */
  release(position: string, entry: Entry): Promise<void>;
  /** What is known to be the answer to a question that has just been asked. */
  answer(question: WaitingFor): Promise<unknown>;
}
