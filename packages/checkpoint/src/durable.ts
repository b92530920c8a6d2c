import type { DurableContext } from "@aws/durable-execution-sdk-js";
import { ConfigurationError, type Journal } from "@lambdallm/core";
import {
  check,
  type OptionCheck,
  sleep,
  validateOptions,
} from "@lambdallm/core/feature";
import { DEFAULT_RESULT_BYTES } from "@lambdallm/core/stores";
import type { BlobStore } from "./blobs.ts";
import { DurableJournal } from "./durable/durable-journal.ts";
import { DurableRun } from "./durable/durable-run.ts";
import type { Place } from "./durable/operations.ts";
import { Usage } from "./durable/usage.ts";
import type { Host } from "./host.ts";
import {
  blobCheck,
  DEFAULT_RESERVE_MS,
  MOST_RESULT_BYTES,
  stepMsOf,
} from "./settings.ts";

export interface DurableJournalOptions {
  /**
   * How much JSON the result of a step may have, in bytes, unless the step asks for another limit. Without a `blobStore` no more
   * than the default, which is what the service takes; with one 8 MiB at most.
   *
   * @default 256_000
   */
  readonly maxResultBytes?: number | undefined;
  /** Takes the results that have more than 64 KiB of JSON. @default they go to the service */
  readonly blobStore?: BlobStore | undefined;
  /** A step that was started more often, and never came to its end, fails. @default 3 */
  readonly maxStarts?: number | undefined;
  /**
   * A step is stopped so long before Lambda's timeout, and started again in the next invocation, in milliseconds.
   *
   * @default 2_000
   */
  readonly reserveMs?: number | undefined;
  /** What the service takes of one execution. @default 3_000 */
  readonly maxOperations?: number | undefined;
  /** What the service takes of one execution, in bytes. @default 100_000_000 */
  readonly maxWrittenBytes?: number | undefined;
}

const checks: Readonly<Record<keyof DurableJournalOptions, OptionCheck>> = {
  maxResultBytes: check.positiveInteger,
  blobStore: blobCheck,
  maxStarts: check.positiveInteger,
  reserveMs: check.wholeNumber,
  maxOperations: check.positiveInteger,
  maxWrittenBytes: check.positiveInteger,
};

/** As the SDK marks its contexts, whichever copy of it. */
const BRAND = Symbol.for("@aws/durable-execution-sdk-js/durable-context");

const isDurable = (context: unknown): context is DurableContext =>
  Reflect.get(Object(context), BRAND) === true;

/** Retries that come sooner are waited for in the step: a suspended execution takes longer to go on. */
const SHORT_WAIT_MS = 2_000;

/**
 * The journal on AWS Lambda durable functions: the service keeps what steps return, waits without a running process, and repeats
 * invocations that were killed. The ARN of the execution is the id of the run.
 *
 * @throws {ConfigurationError} for options that are wrong, and a context that is none of a durable execution.
 * @example
 * export const handler = withDurableExecution(async (event, context) => {
 *   const journal = durableJournal(context);
 *   return journal.step("greet", async () => `Hello, ${event.name}`);
 * });
 */
export function durableJournal(
  context: DurableContext,
  options: DurableJournalOptions = {},
): Journal {
  validateOptions("durableJournal", checks, options);
  if (!isDurable(context))
    throw new ConfigurationError(
      "durableJournal: the context is not that of a durable execution. Give the DurableContext that withDurableExecution, or Middy's executionModeDurableContext, hands to the handler.",
    );
  const { reserveMs = DEFAULT_RESERVE_MS } = options;
  const remainingMs = () =>
    context.lambdaContext.getRemainingTimeInMillis() - reserveMs;
  return new DurableJournal(
    context,
    placeOf(context, options, remainingMs),
    "",
  );
}

/**
 * For `checkpoint({ host: durable() })`: in a durable execution `context.journal` is on the service.
 *
 * @throws {ConfigurationError} for options that are wrong.
 * @example
 * export const handler = middy<Order, Receipt, Error, DurableContext>({
 *   executionMode: executionModeDurableContext,
 *   timeoutEarlyInMillis: 0,
 * })
 *   .use(bedrock({ durable: true }))
 *   .use(checkpoint({ host: durable() }))
 *   .handler(async (order, context) =>
 *     context.journal.step("check", () => context.llm.invoke("Is this order complete? {text}", order)),
 *   );
 */
export function durable(options: DurableJournalOptions = {}): Host {
  validateOptions("durable", checks, options);
  return {
    fits: isDurable,
    async open({ context, invocation }) {
      // It fits.
      const durableContext = context as DurableContext;
      const stepMs = stepMsOf(invocation, options.reserveMs);
      const { operations } = invocation;
      const place = placeOf(durableContext, options, stepMs, operations);
      return new DurableRun(durableContext, place, "");
    },
  };
}

function placeOf(
  context: DurableContext,
  options: DurableJournalOptions,
  remainingMs: () => number,
  operations?: Place["recorder"]["operations"],
): Place {
  const { maxStarts = 3, blobStore } = options;
  const { maxResultBytes = DEFAULT_RESULT_BYTES } = options;
  const mostBytes = blobStore ? MOST_RESULT_BYTES : DEFAULT_RESULT_BYTES;
  const nothing = async () => {};
  return {
    blobStore,
    untilTimeoutMs: () => context.lambdaContext.getRemainingTimeInMillis(),
    usage: new Usage({
      maxOperations: options.maxOperations ?? 3_000,
      maxWrittenBytes: options.maxWrittenBytes ?? 100_000_000,
    }),
    recorder: {
      runId: context.executionContext.durableExecutionArn,
      isResumable: true,
      operations,
      // Whatever is recorded, the service has it.
      entries: new Map(),
      record: nothing,
      release: nothing,
      answer: nothing,
      maxStarts,
      now: () => Date.now(),
      resultLimit: (maxBytes = maxResultBytes) => Math.min(maxBytes, mostBytes),
      remainingMs,
      canWait: (ms) => ms <= SHORT_WAIT_MS && ms < remainingMs(),
      wait: (ms) => sleep(ms),
    },
  };
}
