import {
  check,
  type Invocation,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import {
  checkId,
  DEFAULT_RESULT_BYTES,
  MAX_TURN_BYTES,
  type StepStore,
} from "@lambdallm/core/stores";
import type { BlobStore } from "./blobs.ts";
import { partitionOf } from "./run-key.ts";

/** The part of a store that runs need; `dynamoDBStore()` and `memoryStores()` fit. */
export interface StepStores {
  readonly steps: StepStore;
}

/** What `checkpoint()` and `checkpointJournal()` share. */
export interface RunOptions {
  /**
   * Milliseconds that are kept free at the end of the invocation, to record what has happened and to answer: a step that has not
   * ended until then is put off.
   * @default 2_000
   */
  readonly reserveMs?: number | undefined;
  /**
   * How long a run is kept from others, in milliseconds, when its process dies; while it lives, the lease is renewed.
   * @default the time that the invocation has left and a second, 60_000 at most
   */
  readonly leaseMs?: number | undefined;
  /** A step that was started so often and never came to its end fails, with the code `STEP_NEVER_ENDED`. @default 3 */
  readonly maxStarts?: number | undefined;
  /**
   * How much JSON the result of a step may have, in bytes, unless the step asks for another limit. 8_323_072 at most.
   * @default 256_000
   */
  readonly maxResultBytes?: number | undefined;
  /** Takes the results that have more than 64 KiB of zipped JSON. @default they go into the store */
  readonly blobStore?: BlobStore | undefined;
  /** Hours that a run is kept, from its beginning; `Infinity` for ever. @default 168 */
  readonly ttlHours?: number | undefined;
  /** The clock, in epoch milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
}

export interface CheckpointJournalOptions extends RunOptions {
  /** Whose run it is: those of others are not found. @default "default" */
  readonly tenantId?: string | undefined;
  /** Begins the run when nothing is recorded of it, instead of a RunNotFoundError. @default false */
  readonly begin?: boolean | undefined;
  /** Milliseconds that the invocation has left, such as `context.getRemainingTimeInMillis`. @default no limit */
  readonly remainingMs?: (() => number) | undefined;
  /** Ends the run here; it can be resumed. */
  readonly signal?: AbortSignal | undefined;
}

/** What stands around a result in the store. */
const ENVELOPE_BYTES = 64 * 1024;
export const MOST_RESULT_BYTES = MAX_TURN_BYTES - ENVELOPE_BYTES;

const hasFunction = (value: unknown, name: string) =>
  typeof Reflect.get(Object(value), name) === "function";

export const storeWithSteps: OptionCheck = (value) =>
  hasFunction(Reflect.get(Object(value), "steps"), "claim")
    ? undefined
    : "an object with `steps`, such as dynamoDBStore() or memoryStores()";

export const blobCheck: OptionCheck = (value) =>
  hasFunction(value, "put") && hasFunction(value, "get")
    ? undefined
    : "an object with the functions `put` and `get`";

const resultBytes: OptionCheck = (value) =>
  Number.isSafeInteger(value) &&
  Number(value) > 0 &&
  Number(value) <= MOST_RESULT_BYTES
    ? undefined
    : `a positive integer of at most ${MOST_RESULT_BYTES}`;

export const runChecks = {
  reserveMs: check.wholeNumber,
  leaseMs: check.positiveInteger,
  maxStarts: check.positiveInteger,
  maxResultBytes: resultBytes,
  blobStore: blobCheck,
  ttlHours: check.ttlHours,
  now: check.function,
};

const journalChecks = {
  ...runChecks,
  tenantId: check.text,
  begin: check.boolean,
  remainingMs: check.function,
  signal: check.signal,
};

export const DEFAULT_RESERVE_MS = 2_000;
const LONGEST_LEASE_MS = 60_000;
const DEFAULT_MAX_STARTS = 3;
const DEFAULT_TTL_HOURS = 168;
const MS_PER_HOUR = 3_600_000;

/** How a run is kept, with all defaults. */
export interface RunSettings {
  readonly steps: StepStore;
  readonly runId: string;
  readonly tenantId: string;
  readonly partition: string;
  readonly begin: boolean;
  /** Until the process may be killed. */
  readonly remainingMs: () => number;
  /** Until steps are put off. */
  readonly stepMs: () => number;
  readonly signal: AbortSignal | undefined;
  readonly leaseMs: number;
  readonly maxStarts: number;
  readonly maxResultBytes: number;
  readonly blobStore: BlobStore | undefined;
  readonly ttlMs: number;
  readonly now: () => number;
  /** Those of the invocation, which are told of the steps that run. */
  readonly operations?: Invocation["operations"];
}

/** Until the steps of an invocation are put off, in milliseconds. */
export function stepMsOf(
  invocation: Pick<Invocation, "remainingTimeMs" | "backstop">,
  reserveMs = DEFAULT_RESERVE_MS,
): () => number {
  // A model call that the deadline cuts off ends by itself first, and tells what it has cost.
  return () =>
    Math.min(
      invocation.remainingTimeMs - reserveMs,
      invocation.backstop - Date.now(),
    );
}

/** @throws {ConfigurationError} */
export function runSettings(
  { steps }: StepStores,
  runId: string,
  options: CheckpointJournalOptions,
): RunSettings {
  validateOptions("checkpointJournal", journalChecks, options);
  const { tenantId = "default", begin = false, signal, blobStore } = options;
  const { leaseMs = LONGEST_LEASE_MS, maxStarts = DEFAULT_MAX_STARTS } =
    options;
  const { maxResultBytes = DEFAULT_RESULT_BYTES } = options;
  const { ttlHours = DEFAULT_TTL_HOURS, now = () => Date.now() } = options;
  const { remainingMs = () => Number.POSITIVE_INFINITY } = options;
  const { reserveMs = DEFAULT_RESERVE_MS } = options;
  checkId("tenant", tenantId);
  return {
    ...{ steps, runId, tenantId, begin, signal, leaseMs, maxStarts, blobStore },
    ...{ maxResultBytes, now, remainingMs },
    partition: partitionOf(tenantId, runId),
    stepMs: () => remainingMs() - reserveMs,
    ttlMs: ttlHours * MS_PER_HOUR,
  };
}
