import { ConfigurationError, type WaitingFor } from "@lambdallm/core";
import { sleep } from "@lambdallm/core/feature";
import {
  answerPosition,
  type Entry,
  type Recorder,
} from "@lambdallm/core/stores";
import { inProgress } from "./errors.ts";
import type { RunLease } from "./run-lease.ts";
import { MOST_RESULT_BYTES, type RunSettings } from "./settings.ts";
import { fromStored, toStored } from "./stored-entry.ts";

/** A step needs no lease of its own, the run has one: its claim counts the start, and is the fence of its commit. */
const STEP_LEASE_MS = 1;

/** Longer waits are not worth the time of the invocation. */
const LONGEST_WAIT_MS = 5_000;

/** What a journal needs of a run in the store. */
export class StoreRecorder implements Recorder {
  readonly runId: string;
  readonly isResumable = true;
  readonly operations: Recorder["operations"];
  readonly maxStarts: number;
  readonly entries: Map<string, Entry>;
  readonly signal: AbortSignal;
  readonly #settings: RunSettings;
  readonly #lease: RunLease;
  readonly #expiresAt: number | undefined;
  readonly #begun: ReadonlySet<string>;
  /** Of the steps that were started here. */
  readonly #fences = new Map<string, number>();

  constructor(
    settings: RunSettings,
    lease: RunLease,
    known: {
      readonly entries: Map<string, Entry>;
      readonly expiresAt: number | undefined;
      /** The positions of which there is a record. */
      readonly begun: ReadonlySet<string>;
    },
  ) {
    this.#settings = settings;
    this.#lease = lease;
    this.runId = settings.runId;
    this.operations = settings.operations;
    this.maxStarts = settings.maxStarts;
    this.entries = known.entries;
    this.#expiresAt = known.expiresAt;
    this.#begun = known.begun;
    this.signal = AbortSignal.any(
      [lease.lost, settings.signal].filter((signal) => signal !== undefined),
    );
  }

  now(): number {
    return this.#settings.now();
  }

  resultLimit(maxBytes = this.#settings.maxResultBytes): number {
    return Math.min(maxBytes, MOST_RESULT_BYTES);
  }

  remainingMs(): number {
    return this.#settings.stepMs();
  }

  canWait(ms: number): boolean {
    return ms <= LONGEST_WAIT_MS && ms < this.remainingMs();
  }

  wait(ms: number): Promise<void> {
    return sleep(ms, this.signal);
  }

  async start(position: string): Promise<number | Entry> {
    const { steps, blobStore } = this.#settings;
    const { status } = await this.#lease.take(this.#expiresAt);
    if (status === "done")
      throw new ConfigurationError(
        "The run has ended, and its result is recorded: it takes no other steps.",
      );
    await this.#lease.hold();
    this.#lease.refuseLate();
    const outcome = await steps.claim(this.#key(position), {
      owner: this.#lease.owner,
      leaseMs: STEP_LEASE_MS,
      expiresAt: this.#expiresAt,
    });
    if (outcome.status === "claimed") {
      this.#fences.set(position, outcome.fence);
      // Fences go on counting behind a run under the same id that has expired.
      return this.#begun.has(position) ? outcome.fence : 1;
    }
    if (outcome.status === "running")
      throw inProgress(this.runId, position, outcome);
    const { entry } = await fromStored(outcome.output, blobStore);
    this.entries.set(position, entry);
    return entry;
  }

  async record(position: string, entry: Entry): Promise<void> {
    await this.#write("commit", position, entry);
  }

  async release(position: string, entry: Entry): Promise<void> {
    await this.#write("fail", position, entry);
  }

  async answer({ token }: WaitingFor): Promise<unknown> {
    const { steps, blobStore } = this.#settings;
    const asked = token.slice(this.runId.length + 1, token.lastIndexOf("."));
    const position = answerPosition(asked);
    // It may have been answered since the records were read.
    const record = await steps.find(this.#key(position));
    if (record?.status !== "done") return undefined;
    const { entry } = await fromStored(record.output, blobStore);
    this.entries.set(position, entry);
    return Reflect.get(entry, "value");
  }

  async #write(
    kind: "commit" | "fail",
    position: string,
    entry: Entry,
  ): Promise<void> {
    const { steps, blobStore, partition } = this.#settings;
    const prefix = `${partition}/${position}`;
    const stored = await toStored(entry, this.#expiresAt, {
      prefix,
      blobStore,
    });
    const fence = Number(this.#fences.get(position));
    // Whoever has claimed the step since then has the run.
    if (!(await steps[kind](this.#key(position), fence, stored)))
      throw this.#lease.lose();
    this.entries.set(position, entry);
  }

  #key(position: string) {
    return { runId: this.#settings.partition, step: position };
  }
}
