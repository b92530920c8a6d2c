import {
  ConfigurationError,
  type Journal,
  type JsonValue,
  type Suspended,
} from "@lambdallm/core";
import { validateOptions, warn } from "@lambdallm/core/feature";
import {
  type Entry,
  failureOf,
  joined,
  RecordedJournal,
  recordedCopy,
  type StepRecord,
} from "@lambdallm/core/stores";
import { RunNotFoundError } from "./errors.ts";
import { isOfRun, isRunId, listOf, newRunId } from "./run-key.ts";
import { RunLease } from "./run-lease.ts";
import {
  type CheckpointJournalOptions,
  type RunSettings,
  runSettings,
  type StepStores,
  storeWithSteps,
} from "./settings.ts";
import { StoreRecorder } from "./store-recorder.ts";
import { fromStored, storedOf, toStored } from "./stored-entry.ts";

/** The journal of a run that can be resumed. Exactly one of `complete`, `suspend`, `fail` and `leave` ends it here. */
export interface CheckpointJournal extends Journal {
  /** Why the run cannot go on; undefined while it can. */
  readonly suspended: Suspended | undefined;
  /** What the run has ended with; undefined as long as it has not. */
  readonly finished: { readonly result: unknown } | undefined;
  /** Whether anything is recorded, so that the run can be resumed. */
  readonly begun: boolean;
  /** Waits for what was started and nobody awaits any more. */
  idle(): Promise<void>;
  /**
   * Records the result: whoever resumes the run gets it.
   *
   * @throws {JournalMismatchError} Steps were recorded that the program has not asked for.
   * @throws {Suspended} The program was told that it cannot go on, and has ended all the same.
   * @throws {StepInProgressError} Somebody else has the run now; this result is to be discarded.
   */
  complete(result: unknown): Promise<void>;
  /**
   * Frees the run until it is resumed, and puts it into the list of those that wait.
   *
   * @param suspended What was thrown. @default the journal's own
   * @returns What the run waits for, all in all.
   */
  suspend(suspended?: Suspended): Promise<Suspended>;
  /** Frees the run, and records why it has failed. It can be resumed. */
  fail(error: unknown): Promise<void>;
  /** Frees the run as it was found. */
  leave(): Promise<void>;
}

/** Names of questions that a list shows of one run: an entry has little room, and the run knows all of them. */
const MOST_LISTED = 50;

/**
 * A journal in a store: what is recorded there outlives the process. Nothing is written before the first step of a new run.
 *
 * @param runId Of the run to be resumed; undefined begins a new one, whose id nobody can guess.
 * @throws {RunNotFoundError} There is no such run, also when it belongs to another tenant.
 * @throws {StepInProgressError} It runs somewhere else at the moment; `retryAfterMs` says when to try again.
 * @throws {ConfigurationError} for options that are wrong.
 * @example
 * const journal = await checkpointJournal(store, undefined, { remainingMs: () => context.getRemainingTimeInMillis() });
 * await journal.complete(await program(journal));
 */
export async function checkpointJournal(
  store: StepStores,
  runId?: string | undefined,
  options: CheckpointJournalOptions = {},
): Promise<CheckpointJournal> {
  validateOptions("checkpointJournal", { store: storeWithSteps }, { store });
  const settings = runSettings(store, runId ?? newRunId(), options);
  if (!isRunId(settings.runId)) throw new RunNotFoundError();
  return runId === undefined ? newRun(settings) : openRun(settings);
}

/** A run of which nothing is recorded yet. */
export function newRun(settings: RunSettings): CheckpointJournal {
  return new StoreJournal(settings, new RunLease(settings), {
    entries: new Map(),
    begun: new Set(),
    expiresAt: endOf(settings),
    left: leftBy(undefined),
  });
}

/** A run that is there; or, where that is wanted, one that is begun now. */
export async function openRun(
  settings: RunSettings,
): Promise<CheckpointJournal> {
  const { steps, partition, begin } = settings;
  const records = await steps.list(partition);
  if (records.length === 0 && !begin) throw new RunNotFoundError();
  const ended = records.find(isOfRun);
  if (ended?.status === "done") return finishedRun(settings, ended.output);
  const lease = new RunLease(settings);
  try {
    const taken = await lease.take(expiryOf(records) ?? endOf(settings));
    if (taken.status === "done") return finishedRun(settings, taken.output);
    // Between the two somebody else may have had it.
    const isRead = taken.fence === fenceOf(records) + 1;
    const run = isRead ? records : await steps.list(partition);
    return new StoreJournal(settings, lease, await readRun(run, settings));
  } catch (error) {
    // The error that is told is the first one.
    await lease.end("fail", leftBy(ended)).catch(() => {});
    throw error;
  }
}

/** What a run record says that nobody has changed. */
const leftBy = (record: StepRecord | undefined): JsonValue =>
  (record && storedOf(record)) ?? { status: "interrupted" };

async function finishedRun(
  settings: RunSettings,
  output: JsonValue,
): Promise<CheckpointJournal> {
  const { entry } = await fromStored(output, settings.blobStore);
  return new StoreJournal(settings, new RunLease(settings), {
    entries: new Map(),
    begun: new Set(),
    expiresAt: undefined,
    left: leftBy(undefined),
    finished: { result: Reflect.get(entry, "value") },
  });
}

interface KnownRun {
  readonly entries: Map<string, Entry>;
  /** The positions of which there is a record. */
  readonly begun: ReadonlySet<string>;
  readonly expiresAt: number | undefined;
  /** What the run record was left with. */
  readonly left: JsonValue;
  readonly finished?: { readonly result: unknown } | undefined;
}

async function readRun(
  records: readonly StepRecord[],
  settings: RunSettings,
): Promise<KnownRun> {
  const recorded = records.flatMap((record) => {
    const stored = storedOf(record);
    return stored === undefined || isOfRun(record)
      ? []
      : [{ position: record.step, stored }];
  });
  const entries = await Promise.all(
    recorded.map(async ({ position, stored }) => {
      const { entry } = await fromStored(stored, settings.blobStore);
      return [position, entry] as const;
    }),
  );
  const run = records.find(isOfRun);
  return {
    entries: new Map(entries),
    begun: new Set(records.map(({ step }) => step)),
    expiresAt: expiryOf(records) ?? endOf(settings),
    left: leftBy(run),
  };
}

const fenceOf = (records: readonly StepRecord[]): number =>
  records.find(isOfRun)?.fence ?? 0;

const endOf = ({ ttlMs, now }: RunSettings): number | undefined =>
  Number.isFinite(ttlMs) ? now() + ttlMs : undefined;

/** When the run expires, which was said when it began. */
function expiryOf(records: readonly StepRecord[]): number | undefined {
  const ends = records.flatMap((record) => {
    const end: unknown = Reflect.get(Object(storedOf(record)), "expiresAt");
    return typeof end === "number" ? [end] : [];
  });
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** @throws {ConfigurationError} */
function refuseStream(result: unknown): void {
  for (const stream of [result, Reflect.get(Object(result), "body")])
    if (Symbol.asyncIterator in Object(stream))
      throw new ConfigurationError(
        "The result of a run is a stream, which cannot be recorded: whoever resumes the run would get nothing. Return the whole answer, or stream in a handler whose run has no steps.",
      );
}

class StoreJournal extends RecordedJournal implements CheckpointJournal {
  readonly finished: { readonly result: unknown } | undefined;
  readonly #settings: RunSettings;
  readonly #lease: RunLease;
  readonly #expiresAt: number | undefined;
  readonly #left: JsonValue;

  constructor(settings: RunSettings, lease: RunLease, known: KnownRun) {
    super(new StoreRecorder(settings, lease, known));
    this.#settings = settings;
    this.#lease = lease;
    this.#expiresAt = known.expiresAt;
    this.#left = known.left;
    this.finished = known.finished;
  }

  get begun(): boolean {
    return this.finished !== undefined || this.#lease.isTaken;
  }

  async complete(result: unknown): Promise<void> {
    await this.idle();
    if (this.suspended) throw this.suspended;
    this.checkEnd();
    if (!this.begun) return;
    refuseStream(result);
    const { value } = recordedCopy(result, "The result of the run");
    const { partition, blobStore } = this.#settings;
    const entry: Entry = { kind: "step", name: "run", status: "done", value };
    const blobs = { prefix: `${partition}/run`, blobStore };
    const stored = await toStored(entry, this.#expiresAt, blobs);
    await this.#lease.end("commit", stored);
    if (this.#lease.isResumed) await this.#delist();
  }

  async suspend(suspended?: Suspended): Promise<Suspended> {
    await this.idle();
    const whole = joined(this.runId, [this.suspended, suspended]);
    const { resumeAt, waitingFor } = whole;
    const state = {
      ...(resumeAt !== undefined && { resumeAt }),
      waitingFor: waitingFor.slice(0, MOST_LISTED).map(({ name }) => name),
    };
    try {
      // A model call outside of the steps can be the first that had no time left.
      await this.#lease.take(this.#expiresAt);
      await this.#lease.hold();
      // First: a run that is free and in no list would be forgotten, if this process died in between.
      await this.#enlist(state);
    } finally {
      this.#lease.renewNoMore();
    }
    await this.#end({ status: "suspended", ...state });
    return whole;
  }

  async fail(error: unknown): Promise<void> {
    await this.idle();
    // As steps that failed are recorded.
    const failure = failureOf(error, "run") as unknown as JsonValue;
    await this.#end({ status: "failed", failure });
  }

  async leave(): Promise<void> {
    await this.idle();
    await this.#lease.end("fail", this.#left);
  }

  #enlist(state: Record<string, JsonValue>): Promise<void> {
    const { steps, tenantId, now } = this.#settings;
    return steps.enlist(listOf(tenantId), {
      id: this.runId,
      value: { suspendedAt: now(), ...state },
      expiresAt: this.#expiresAt,
    });
  }

  async #delist(): Promise<void> {
    const { steps, tenantId } = this.#settings;
    try {
      await steps.delist(listOf(tenantId), this.runId);
    } catch (error) {
      // The result is recorded, and the list's readers see that the run is done.
      warn(
        "A run that has ended is still in the list of those that wait",
        error,
      );
    }
  }

  async #end(state: Record<string, JsonValue>): Promise<void> {
    await this.#lease.end("fail", this.#state(state));
  }

  #state(state: Record<string, JsonValue>): JsonValue {
    const expiresAt = this.#expiresAt;
    return { ...state, ...(expiresAt !== undefined && { expiresAt }) };
  }
}
