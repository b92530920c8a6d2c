import { ConfigurationError, Suspended } from "@lambdallm/core";
import { type Invocation, sleep } from "@lambdallm/core/feature";
import { memoryJournal } from "@lambdallm/core/stores";
import {
  type CheckpointJournal,
  newRun,
  openRun,
} from "./checkpoint-journal.ts";
import { RunNotFoundError } from "./errors.ts";
import { derivedRunId, isRunId, newRunId } from "./run-key.ts";
import {
  type RunOptions,
  runSettings,
  type StepStores,
  stepMsOf,
} from "./settings.ts";

/** What an invocation asks for: the run that it resumes, or a new one. */
export interface RunRequest {
  readonly tenantId: string;
  /** Of the run that is resumed. */
  readonly runId: unknown;
  /** Names a run that may be there already. */
  readonly idempotencyKey: string | undefined;
  readonly context: object;
  readonly invocation: Invocation;
}

/** Where runs are kept. */
export interface Host {
  /** Whether it has a place for the runs of an invocation; the next host is asked otherwise. @default always */
  fits?(context: object): boolean;
  /**
   * @throws {RunNotFoundError} There is no such run.
   * @throws {StepInProgressError} It runs somewhere else.
   */
  open(request: RunRequest): Promise<CheckpointJournal>;
}

/** Asks them in their order. */
export function firstOf(hosts: readonly Host[]): Host {
  return {
    async open(request) {
      const host = hosts.find(({ fits }) => fits?.(request.context) ?? true);
      if (host === undefined)
        throw new ConfigurationError(
          "checkpoint: this is no durable execution. A durable function has a DurableConfig, and Middy's executionModeDurableContext; give checkpoint a store, too, for invocations without.",
        );
      return host.open(request);
    },
  };
}

export function storeHost(store: StepStores, options: RunOptions): Host {
  return {
    async open({ tenantId, runId, idempotencyKey, invocation }) {
      const isNamed = runId !== undefined;
      if (isNamed && !isRunId(runId)) throw new RunNotFoundError();
      const settings = {
        ...runSettings(store, isNamed ? runId : idOf(idempotencyKey), {
          ...options,
          tenantId,
          begin: !isNamed,
          remainingMs: () => invocation.remainingTimeMs,
        }),
        stepMs: stepMsOf(invocation, options.reserveMs),
        operations: invocation.operations,
      };
      return isNamed || idempotencyKey !== undefined
        ? openRun(settings)
        : newRun(settings);
    },
  };
}

const idOf = (idempotencyKey: string | undefined): string =>
  idempotencyKey === undefined ? newRunId() : derivedRunId(idempotencyKey);

/** Without a store: a run ends in the invocation that has begun it. */
export const memoryHost = ({
  now = () => Date.now(),
  reserveMs,
  maxResultBytes,
}: RunOptions): Host => ({
  async open({ runId: named, invocation }) {
    if (named !== undefined) throw new RunNotFoundError();
    const runId = newRunId();
    const leftMs = stepMsOf(invocation, reserveMs);
    const wait = async (ms: number) => {
      if (ms > leftMs()) throw new Suspended(runId, { resumeAt: now() + ms });
      await sleep(ms);
    };
    const { operations } = invocation;
    const journal = memoryJournal({
      ...{ runId, wait, now, maxResultBytes, operations },
    });
    const nothing = async () => journal.idle();
    return Object.assign(journal, {
      finished: undefined,
      begun: false,
      complete: nothing,
      fail: nothing,
      leave: nothing,
      suspend: async (suspended?: Suspended) => {
        throw new ConfigurationError(
          "checkpoint: the run has to wait, and nobody could resume it, as it is in memory only. Give checkpoint a store, such as dynamoDBStore().",
          { cause: suspended },
        );
      },
    });
  },
});
