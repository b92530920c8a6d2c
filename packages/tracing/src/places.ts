import type { Operation } from "@lambdallm/core/feature";
import {
  type Attributes,
  type Context,
  context,
  type Span,
  type SpanKind,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { enterRun, runTraceIn } from "./run-trace.ts";
import { RUN_ID } from "./semconv.ts";
import { SpanIds } from "./span-ids.ts";
import { startSpan } from "./start-span.ts";
import { withParent, xRayParent } from "./x-ray.ts";

/** Where an operation's work takes place. */
interface Place {
  /** The span that is active there, as far as this observer knows. */
  readonly active: Span | undefined;
  /** The surroundings of what begins inside of it. Makes the span of an operation that has none yet. */
  inner(cause: Operation): Context;
}

export interface NewSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  readonly startTime?: number;
  /** What has begun. @default the operation itself */
  readonly cause?: Operation;
}

/** Which span the operations of an invocation hang below. */
export class Places {
  readonly #tracer: Tracer;
  readonly #lambdaContext: object;
  readonly #places = new WeakMap<Operation, Place>();
  readonly #ids = new SpanIds();

  constructor(tracer: Tracer, lambdaContext: object) {
    this.#tracer = tracer;
    this.#lambdaContext = lambdaContext;
  }

  enter(operation: Operation, inner: Context): Context {
    this.enterLater(operation, inner, () => inner);
    return inner;
  }

  /** @param inner Called when something begins inside of it, with that. Until then it has the surroundings alone. */
  enterLater(
    operation: Operation,
    surroundings: Context,
    inner: Place["inner"],
  ): void {
    const active = trace.getSpan(surroundings);
    this.#places.set(operation, { active, inner });
  }

  /**
   * The surroundings that an operation begins in: those of what it is a part of, or a span that the user's code has made active
   * in there. What it is a part of has its span from the moment on in which something begins in it.
   */
  baseOf(operation: Operation): (cause: Operation) => Context {
    const active = context.active();
    const span = trace.getSpan(active);
    const { parent } = operation;
    const outer = parent && this.#places.get(parent);
    return (cause) => {
      const around = outer?.inner(cause);
      const isOwn =
        around !== undefined &&
        (span === undefined ||
          span === outer?.active ||
          span.spanContext().spanId === runTraceIn(active)?.rootSpanId);
      const base = isOwn ? around : withParent(active, this.#lambdaContext);
      const run = runOf(operation);
      return run?.isResumable ? enterRun(base, run.id) : base;
    };
  }

  start(
    operation: Operation,
    base: Context,
    { name, cause = operation, ...options }: NewSpan,
  ): Span {
    const spanId = runTraceIn(base) && this.#ids.of(operation, cause);
    return startSpan(this.#tracer, {
      ...{ name, options, context: base, spanId },
      invocation: () => xRayParent(this.#lambdaContext),
    });
  }
}

/** The nearest program that the operation is a part of says which run it belongs to. */
function runOf(operation: Operation) {
  for (
    let one: Operation | undefined = operation;
    one !== undefined;
    one = one.parent
  )
    if ("run" in one) return one.run;
  return undefined;
}

export const runAttributes = (
  operation: Operation,
  base: Context,
): Attributes => ({
  [RUN_ID]: runTraceIn(base)?.runId ?? runOf(operation)?.id,
});
