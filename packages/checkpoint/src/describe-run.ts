import type { Failure } from "@lambdallm/core";
import { check, sumOfUsd, validateOptions } from "@lambdallm/core/feature";
import { checkId, type Entry, type StepRecord } from "@lambdallm/core/stores";
import type { BlobStore } from "./blobs.ts";
import { RunNotFoundError } from "./errors.ts";
import { isOfRun, isRunId, partitionOf } from "./run-key.ts";
import { type RunState, runStateOf } from "./run-state.ts";
import { blobCheck, type StepStores, storeWithSteps } from "./settings.ts";
import { fromStored, storedOf } from "./stored-entry.ts";

export interface DescribeRunOptions {
  readonly store: StepStores;
  /** Whose run it is. @default "default" */
  readonly tenantId?: string | undefined;
  readonly runId: string;
  /** Whether results and answers are told, too: they hold what users and models have said. @default false */
  readonly outputs?: boolean | undefined;
  /** Where large results are; needed for `outputs` only. */
  readonly blobStore?: BlobStore | undefined;
}

export interface StepDescription {
  /** Where in the program, such as `000002`; in the first branch of the third `all`: `000003.000001.000001`. */
  readonly position: string;
  /** Left out of a step that was started and has recorded nothing yet. */
  readonly name?: string;
  readonly kind?: "step" | "sleep" | "ask";
  /** `waiting`: for a moment, an answer or its next start. `interrupted`: it was started, and its process is gone. */
  readonly state: "running" | "interrupted" | "waiting" | "done" | "failed";
  /** USD of its model calls; null when nobody knows. */
  readonly costUsd: number | null;
  /** How often its function was started. */
  readonly starts: number;
  /** Epoch milliseconds, of one that waits for a moment. */
  readonly resumeAt?: number;
  readonly failure?: Pick<Failure, "code" | "message">;
  readonly output?: unknown;
}

export interface RunDescription {
  readonly runId: string;
  readonly state: RunState;
  /** Epoch milliseconds from which on a suspended run can be resumed; left out when only answers help. */
  readonly resumeAt?: number;
  /** The questions that a suspended run waits for. */
  readonly waitingFor: readonly string[];
  readonly failure?: Pick<Failure, "code" | "message">;
  /** How often it was begun and resumed. */
  readonly starts: number;
  /** USD of all model calls in its steps; null when nobody knows. */
  readonly costUsd: number | null;
  readonly steps: readonly StepDescription[];
  /** Of a run that is done, with `outputs`. */
  readonly result?: unknown;
}

const checks = {
  store: storeWithSteps,
  tenantId: check.text,
  runId: check.string,
  outputs: check.boolean,
  blobStore: blobCheck,
};

/**
 * A run as data: its state, its steps and what they have cost.
 *
 * @throws {RunNotFoundError} There is no such run, also when it belongs to another tenant.
 */
export async function describeRun(
  options: DescribeRunOptions,
): Promise<RunDescription> {
  validateOptions("describeRun", checks, options, ["store", "runId"]);
  const { store, tenantId = "default", runId, outputs = false } = options;
  checkId("tenant", tenantId);
  const records = isRunId(runId)
    ? await store.steps.list(partitionOf(tenantId, runId))
    : [];
  const run = records.find(isOfRun);
  if (run === undefined) throw new RunNotFoundError();
  const { state, left } = runStateOf(run, Date.now());
  const outputOf = async (record: StepRecord): Promise<unknown> => {
    if (!outputs || record.status !== "done") return undefined;
    const { entry } = await fromStored(record.output, options.blobStore);
    return Reflect.get(entry, "value");
  };
  const steps = await Promise.all(
    [...byPosition(records)].map(async ([position, parts]) => {
      const { deciding, ...step } = stepOf(parts, state === "running");
      const output = await outputOf(deciding);
      return { position, ...step, ...(output !== undefined && { output }) };
    }),
  );
  const result = await outputOf(run);
  return {
    ...{ runId, state, steps, starts: run.fence, waitingFor: [] },
    costUsd: sumOfUsd(steps.map(({ costUsd }) => costUsd ?? undefined)) ?? null,
    ...(left?.status === "suspended" && {
      waitingFor: left.waitingFor,
      ...(left.resumeAt !== undefined && { resumeAt: left.resumeAt }),
    }),
    ...(left?.status === "failed" && { failure: shortOf(left.failure) }),
    ...(result !== undefined && { result }),
  };
}

/** What a step has put off, what passes a question on and its answer stand beside it, behind one of these. */
const MARKED = /[@!~].*/;

function byPosition(
  records: readonly StepRecord[],
): ReadonlyMap<string, readonly StepRecord[]> {
  const groups = new Map<string, StepRecord[]>();
  for (const record of records) {
    if (isOfRun(record)) continue;
    const position = record.step.replace(MARKED, "");
    groups.set(position, [...(groups.get(position) ?? []), record]);
  }
  return groups;
}

function stepOf(
  records: readonly StepRecord[],
  isRunning: boolean,
): Omit<StepDescription, "position" | "output"> & {
  readonly deciding: StepRecord;
} {
  const attempts = records
    .filter(({ step }) => !/[!~]/.test(step))
    .toSorted((one, other) => attemptOf(one) - attemptOf(other));
  const submitted = records.filter(({ step }) => step.endsWith("~"));
  const answer = records.find(({ step }) => step.endsWith("!"));
  // Every position has the record that it is named after.
  const deciding = answer ?? (attempts.at(-1) as StepRecord);
  const entries = attempts.map(entryOf).filter((entry) => entry !== undefined);
  const [first] = entries;
  const isQuestion = first?.kind === "ask";
  const worked = isQuestion ? submitted : attempts;
  // An attempt goes on counting where the one before has stopped.
  const cost = worked
    .map((one) => entryOf(one)?.costUsd)
    .findLast((usd) => usd !== undefined);
  return {
    ...(first && { name: first.name, kind: first.kind }),
    ...progressOf(entryOf(deciding), isRunning),
    costUsd: cost === undefined ? 0 : cost,
    starts: worked.reduce((starts, { fence }) => starts + fence, 0),
    deciding,
  };
}

const attemptOf = ({ step }: StepRecord): number =>
  Number(step.split("@")[1] ?? 1);

function entryOf(record: StepRecord): Entry | undefined {
  const stored = storedOf(record);
  // As `toStored` has made it; nothing is told of what stands around it.
  return stored as unknown as Entry | undefined;
}

function progressOf(
  entry: Entry | undefined,
  isRunning: boolean,
): Pick<StepDescription, "state" | "resumeAt" | "failure"> {
  if (entry === undefined)
    return { state: isRunning ? "running" : "interrupted" };
  if (entry.status === "done" || isOver(entry)) return { state: "done" };
  if (entry.status === "failed")
    return { state: "failed", failure: shortOf(entry.failure) };
  const resumeAt: unknown = Reflect.get(entry, "resumeAt");
  return {
    state: "waiting",
    ...(typeof resumeAt === "number" && { resumeAt }),
  };
}

const isOver = (entry: Entry): boolean =>
  entry.status === "asleep" && entry.resumeAt <= Date.now();

const shortOf = ({ code, message }: Failure) => ({ code, message });
