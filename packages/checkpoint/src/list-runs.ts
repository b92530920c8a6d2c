import { check, validateOptions } from "@lambdallm/core/feature";
import { checkId, type ListEntry } from "@lambdallm/core/stores";
import { listOf, partitionOf, runKey } from "./run-key.ts";
import { type RunState, runStateOf } from "./run-state.ts";
import { type StepStores, storeWithSteps } from "./settings.ts";

export interface ListRunsOptions {
  readonly store: StepStores;
  /** Whose runs. @default "default" */
  readonly tenantId?: string | undefined;
  /** The `next` of the page before. @default from the beginning */
  readonly after?: string | undefined;
  /** How many at most, from 1 to 1000. @default 100 */
  readonly limit?: number | undefined;
}

/** A run that has been suspended. */
export interface ListedRun {
  readonly runId: string;
  /** Epoch milliseconds, of the last time. */
  readonly suspendedAt: number;
  /** Epoch milliseconds from which on it can be resumed; left out when only answers help. */
  readonly resumeAt?: number;
  /** The names of the questions. */
  readonly waitingFor: readonly string[];
}

export interface RunPage<Run> {
  readonly runs: readonly Run[];
  /** The `after` of the next page; left out when there is none. */
  readonly next?: string;
}

const checks = {
  store: storeWithSteps,
  tenantId: check.text,
  after: check.text,
  limit: check.positiveInteger,
};

/**
 * The runs of a tenant that have been suspended and have not ended since, in the order of their ids. One of them may be running
 * again: `listRuns` tells.
 */
export async function listSuspended(
  options: ListRunsOptions,
): Promise<RunPage<ListedRun>> {
  validateOptions("listSuspended", checks, options, ["store"]);
  return pageOf(options);
}

/** The same runs as `listSuspended`, with the state that each of them has at the moment: one more read a run. */
export async function listRuns(
  options: ListRunsOptions,
): Promise<RunPage<ListedRun & { readonly state: RunState }>> {
  validateOptions("listRuns", checks, options, ["store"]);
  const { store, tenantId = "default" } = options;
  const page = await pageOf(options);
  const runs = await Promise.all(
    page.runs.map(async (run) => {
      const key = runKey(partitionOf(tenantId, run.runId));
      const { state } = runStateOf(await store.steps.find(key), Date.now());
      return { ...run, state };
    }),
  );
  return { ...page, runs };
}

async function pageOf(options: ListRunsOptions): Promise<RunPage<ListedRun>> {
  const { store, tenantId = "default", after, limit } = options;
  checkId("tenant", tenantId);
  const { entries, next } = await store.steps.entries(listOf(tenantId), {
    after,
    limit,
  });
  return { runs: entries.map(runOf), ...(next !== undefined && { next }) };
}

/** As `suspend` has listed it. */
const runOf = ({ id, value }: ListEntry): ListedRun => ({
  runId: id,
  ...(value as unknown as Omit<ListedRun, "runId">),
});
