import { ConfigurationError, type Journal } from "@lambdallm/core";
import {
  check,
  checkedTenant,
  FeatureMembers,
  invocationOf,
  isolatedTenant,
  type MiddyMiddleware,
  type MiddyRequest,
  validateOptions,
} from "@lambdallm/core/feature";
import type { Context as LambdaContext } from "aws-lambda";
import { firstOf, type Host, memoryHost, storeHost } from "./host.ts";
import { RunEnd, type SuspendedRun } from "./run-end.ts";
import { runIdOf } from "./run-id-of.ts";
import {
  type RunOptions,
  runChecks,
  type StepStores,
  stepMsOf,
  storeWithSteps,
} from "./settings.ts";

// biome-ignore lint/suspicious/noExplicitAny: Middy's `use` does not tell a middleware the type of the chain's event, and without a default every function would have to name it
export interface CheckpointOptions<TEvent = any> extends RunOptions {
  /** Where runs are kept. @default in memory: a run that has to wait fails */
  readonly store?: StepStores | undefined;
  /** Comes before the store, where it fits: `durable()` of `@lambdallm/checkpoint/durable`, for durable executions. */
  readonly host?: Host | undefined;
  /**
   * Whose run it is. Take it from the authenticated caller, such as an authorizer's claims, and never from the body: another
   * tenant's run is as unknown as a wrong id.
   * @default `context.tenantId`, which Lambda's tenant isolation sets; without it one tenant, "default"
   */
  readonly tenant?: (event: TEvent, context: LambdaContext) => unknown;
  /**
   * The run that the event resumes; undefined for a new one.
   * @default the header `x-run-id`, else `runId` in the body, or of an event without a body
   */
  readonly runId?: (event: TEvent, context: LambdaContext) => unknown;
  /**
   * Names what the event asks for, such as a queue's message id: a new run's id is made of it, so that the same event resumes
   * its run when it comes again. Undefined for an event without one.
   */
  readonly idempotencyKey?: (
    event: TEvent,
    context: LambdaContext,
  ) => string | undefined;
  /** Sees to the continuation of a run that has to wait. It is awaited before the answer; when it fails, so does the invocation. */
  readonly onSuspend?: (run: SuspendedRun) => unknown;
}

/** What `checkpoint()` adds to the context, and to `context.llm`. */
export interface CheckpointMembers {
  readonly journal: Journal;
}

export type WithCheckpoint = CheckpointMembers & {
  readonly llm: CheckpointMembers;
};

const checks = {
  store: storeWithSteps,
  host: check.object,
  tenant: check.function,
  runId: check.function,
  idempotencyKey: check.function,
  onSuspend: check.function,
  ...runChecks,
};

/** Nothing else reads them: `durable()` has options of its own, and a run in memory ends with its invocation. */
const OF_A_STORE = [
  "idempotencyKey",
  "onSuspend",
  "leaseMs",
  "maxStarts",
  "blobStore",
  "ttlHours",
] as const;

/** @throws {ConfigurationError} naming the option that is unknown, wrong, or without what it is for. */
export function checkpointValidateOptions(options: unknown): void {
  validateOptions("checkpoint", checks, options);
  const given: CheckpointOptions = Object(options);
  if (given.store !== undefined) return;
  for (const name of OF_A_STORE)
    if (given[name] !== undefined)
      throw new ConfigurationError(
        `checkpoint: the option "${name}" is for runs in a store, and there is none: give "store", such as dynamoDBStore() or memoryStores().`,
      );
}

const members = new FeatureMembers<CheckpointMembers>();

/**
 * Gives the handler a journal, `context.journal`, whose steps run once, also when the process is killed and the run is resumed. A
 * run that has to wait answers with 202 and its id; whoever sends that id resumes it.
 *
 * @throws {ConfigurationError} once, at cold start, for options that are wrong; in an invocation without a provider, with
 * another checkpoint, without a tenant, or without time for any step.
 * @throws {RunNotFoundError} for a run that is not there.
 * @throws {StepInProgressError} for a run that is going on somewhere else.
 * @example
 * export const handler = middy<{ text: string }>()
 *   .use(bedrock())
 *   .use(timeoutGuard({ strategy: "checkpoint" }))
 *   .use(checkpoint({ store: dynamoDBStore({ tableName: process.env.TABLE_NAME }) }))
 *   .handler(async ({ text }, context) => {
 *     const outline = await context.journal.step("outline", () => context.invoke("Outline: {text}", { text }));
 *     return context.journal.step("article", () => context.invoke("Write it: {outline}", { outline }));
 *   });
 */
// biome-ignore lint/suspicious/noExplicitAny: see CheckpointOptions
export function checkpoint<TEvent = any>(
  options: CheckpointOptions<TEvent> = {},
): Required<MiddyMiddleware<LambdaContext & WithCheckpoint>> {
  checkpointValidateOptions(options);
  const { store, tenant, runId = runIdOf, onSuspend, ...rest } = options;
  const { host: given, idempotencyKey, ...runOptions } = rest;
  const { now = () => Date.now(), reserveMs } = runOptions;
  const stored = store && storeHost(store, runOptions);
  const hosts = [given, stored].filter((one) => one !== undefined);
  const host = hosts.length > 0 ? firstOf(hosts) : memoryHost(runOptions);
  const ends = new WeakMap<object, RunEnd>();

  const checkpointBefore = async (
    request: MiddyRequest<LambdaContext>,
  ): Promise<void> => {
    const { context } = request;
    // The chain's event has the type that the options were written for.
    const event = request.event as TEvent;
    const invocation = invocationOf(context, "checkpoint");
    if (members.has(invocation))
      throw new ConfigurationError(
        "checkpoint: there is a journal in this invocation already: use checkpoint() once.",
      );
    const leftMs = stepMsOf(invocation, reserveMs)();
    if (leftMs <= 0)
      throw new ConfigurationError(
        "checkpoint: the invocation has no time left for any step: raise the function's timeout (Lambda's default is 3 seconds), or lower reserveMs and the timeout guard's bufferMs.",
      );
    const tenantId = tenant
      ? checkedTenant("checkpoint", tenant(event, context))
      : (isolatedTenant(context) ?? "default");
    const journal = await host.open({
      ...{ tenantId, context, invocation },
      runId: runId(event, context) ?? undefined,
      idempotencyKey: checkedKey(idempotencyKey?.(event, context)),
    });
    if (journal.finished !== undefined) {
      Object.assign(request, { earlyResponse: journal.finished.result });
      return;
    }
    invocation.journal = journal;
    invocation.events.emit("run-start", {
      runId: journal.runId,
      isResumed: journal.begun,
    });
    members.install(context, invocation, { journal });
    const end = new RunEnd({ journal, invocation, tenantId, onSuspend, now });
    ends.set(request, end);
    // An early answer of another middleware skips every other phase.
    invocation.addFinalizer(() => end.leave());
  };

  const checkpointAfter = async (
    request: MiddyRequest<LambdaContext>,
  ): Promise<void> => {
    // Every `before` has run.
    const end = ends.get(request) as RunEnd;
    request.response = await end.returned(request.response);
  };

  const checkpointOnError = async (
    request: MiddyRequest<LambdaContext>,
  ): Promise<void> => {
    const answer = await ends.get(request)?.threw(request.error);
    if (answer !== undefined) request.response = answer;
  };

  return {
    before: checkpointBefore,
    after: checkpointAfter,
    onError: checkpointOnError,
  };
}

/** @throws {ConfigurationError} */
function checkedKey(key: unknown): string | undefined {
  if (key === undefined || key === null) return undefined;
  if (typeof key === "string" && key !== "") return key;
  throw new ConfigurationError(
    'checkpoint: the option "idempotencyKey" must return a non-empty string, or undefined.',
  );
}
