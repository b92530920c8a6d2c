import { ConfigurationError, Suspended } from "@lambdallm/core";
import { check, isThenable, validateOptions } from "@lambdallm/core/feature";
import { context, type Span, trace } from "@opentelemetry/api";
import { recordFailure } from "./failure.ts";
import { SCOPE } from "./options.ts";
import { RUN_SUSPENDED } from "./semconv.ts";
import { withParent } from "./x-ray.ts";

export interface TracerOptions {
  /** Names the instrumentation that the spans are of. @default "@lambdallm/tracing" */
  readonly name?: string | undefined;
  /**
   * The handler's context, whose X-Ray header is the parent where no span is active. On Managed Instances nothing else has it.
   *
   * @default the one in `_X_AMZN_TRACE_ID`
   */
  readonly context?: object | undefined;
}

const checks = { name: check.text, context: check.object };

/**
 * Spans around code of your own. Nothing is done where no OpenTelemetry SDK is set up.
 *
 * @example
 * const tracer = new Tracer({ name: "orders" });
 * const order = await tracer.span("load order", async (span) => {
 *   span.setAttribute("order.id", id);
 *   return load(id);
 * });
 */
export class Tracer {
  readonly #name: string;
  readonly #context: object | undefined;

  /** @throws {ConfigurationError} naming the option that is unknown or wrong. */
  constructor(options: TracerOptions = {}) {
    validateOptions("Tracer", checks, options);
    const { name = SCOPE, context: lambdaContext } = options;
    this.#name = name;
    this.#context = lambdaContext;
  }

  /**
   * Runs a function in a span, which ends with it, or with what it promises. An error is told by its type, and reaches the caller
   * as it is; its message is recorded only when it is one of this suite's, which quote nothing.
   *
   * @param fn Gets the span, active in all that it calls.
   * @throws {ConfigurationError} for what is no name or no function.
   */
  span<T>(name: string, fn: (span: Span) => T): T {
    checkSpan(name, fn);
    const base = withParent(context.active(), this.#context);
    const span = trace.getTracer(this.#name).startSpan(name, {}, base);
    const failed = (error: unknown): never => {
      // A run that has to wait has not failed.
      if (Suspended.isInstance(error)) span.setAttribute(RUN_SUSPENDED, true);
      else recordFailure(span, error);
      span.end();
      throw error;
    };
    const ended = <Value>(value: Value): Value => {
      span.end();
      return value;
    };
    try {
      const value = context.with(trace.setSpan(base, span), () => fn(span));
      if (!isThenable(value)) return ended(value);
      // It promises what the one of the function does.
      return value.then(ended, failed) as T;
    } catch (error) {
      return failed(error);
    }
  }
}

function checkSpan(name: unknown, fn: unknown): void {
  const wrongName = check.text(name);
  if (wrongName !== undefined)
    throw new ConfigurationError(
      `Tracer.span: the first argument must be ${wrongName}, the span's name.`,
    );
  if (typeof fn !== "function")
    throw new ConfigurationError(
      `Tracer.span "${name}": the second argument must be a function.`,
    );
}
