import type {
  AttemptInfo,
  DurableInstrumentationPlugin,
  DurableInstrumentationPluginProvider,
  InvocationInfo,
  OperationInfo,
} from "@aws/durable-execution-sdk-js";
import { validateOptions } from "@lambdallm/core/feature";
import { context } from "@opentelemetry/api";
import { executionIn, inExecution } from "./durable-execution.ts";
import { Flush } from "./flush.ts";
import {
  DEFAULT_FLUSH_TIMEOUT_MS,
  type ExportOptions,
  exportChecks,
} from "./options.ts";
import { enterRun, traceIdOf } from "./run-trace.ts";
import { RUN_ID } from "./semconv.ts";
import { withParent } from "./x-ray.ts";

export type DurableTracingOptions = ExportOptions;

class DurableTracing implements DurableInstrumentationPlugin {
  readonly #options: DurableTracingOptions;

  constructor(options: DurableTracingOptions) {
    this.#options = options;
  }

  wrapInvocation<T>(info: InvocationInfo, fn: () => Promise<T>): Promise<T> {
    const { executionArn: arn, isFirstInvocation } = info;
    const suspend = new Set<() => void>();
    const execution = { arn, isResumed: !isFirstInvocation, suspend };
    return context.with(inExecution(context.active(), execution), fn);
  }

  wrapChildContextFn<T>(_info: OperationInfo, fn: () => T): T {
    return inItsTrace(fn);
  }

  wrapOperationAttemptFn<T>(_info: AttemptInfo, fn: () => T): T {
    return inItsTrace(fn);
  }

  async onInvocationEnd(): Promise<void> {
    const { provider, flushTimeoutMs = DEFAULT_FLUSH_TIMEOUT_MS } =
      this.#options;
    for (const suspend of executionIn(context.active())?.suspend ?? [])
      suspend();
    await new Flush(provider).run(flushTimeoutMs);
  }

  enrichLogContext(): Record<string, string> | undefined {
    const execution = executionIn(context.active());
    if (execution === undefined) return undefined;
    return { trace_id: traceIdOf(execution.arn), [RUN_ID]: execution.arn };
  }
}

function inItsTrace<T>(fn: () => T): T {
  const active = context.active();
  const execution = executionIn(active);
  return execution === undefined
    ? fn()
    : context.with(enterRun(withParent(active), execution.arn), fn);
}

/**
 * A plugin of the durable execution SDK: the steps of an execution, and what else you run in its operations, are in the one trace that
 * its model calls are in, whichever invocation they run in.
 *
 * @throws {ConfigurationError} naming the option that is unknown or wrong.
 * @example
 * export const handler = withDurableExecution(program, { plugins: [durableTracing()] });
 */
export function durableTracing(
  options: DurableTracingOptions = {},
): DurableInstrumentationPlugin {
  validateOptions("durableTracing", exportChecks, options);
  return new DurableTracing(options);
}

/** The same without a line of code: `DURABLE_EXECUTION_PLUGINS=@lambdallm/tracing/durable`. */
export const durableExecutionPluginProvider: DurableInstrumentationPluginProvider =
  {
    pluginApiVersion: 1,
    pluginType: DurableTracing,
    createPlugin: () => new DurableTracing({}),
  };
