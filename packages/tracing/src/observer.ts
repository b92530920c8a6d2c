import type { ModelResponse } from "@lambdallm/core";
import {
  type AttemptOperation,
  type CallOperation,
  enclosing,
  type Observation,
  type Operation,
  type OperationObserver,
  type OperationOutcome,
  type StepOperation,
} from "@lambdallm/core/feature";
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import {
  attemptAttributes,
  attemptFailureAttributes,
  attributesAtStart,
  failureAttributes,
  requestAttributes,
  responseAttributes,
  usageAttributes,
} from "./call-attributes.ts";
import type { ContentCapture } from "./capture-content.ts";
import { executionIn } from "./durable-execution.ts";
import { setFailed } from "./failure.ts";
import {
  programAttributes,
  programAttributesAtStart,
  programSpanName,
  type SpannedProgram,
} from "./program-attributes.ts";
import { enterRun, runTraceIn } from "./run-trace.ts";
import { RUN_ID, RUN_RESUMED, RUN_SUSPENDED, STATUS } from "./semconv.ts";
import { SpanIds } from "./span-ids.ts";
import { startSpan } from "./start-span.ts";
import { withParent, xRayParent } from "./x-ray.ts";

/** The SDK's own key; the API makes the same one of the same text. */
const SUPPRESS_TRACING = createContextKey(
  "OpenTelemetry SDK Context Key SUPPRESS_TRACING",
);

export interface ObserverSettings {
  readonly tracer: Tracer;
  readonly capture: ContentCapture;
  readonly suppressSdkSpans: boolean;
  readonly lambdaContext: object;
  readonly isResumed: (runId: string) => boolean;
}

/** Where an operation's work takes place. */
interface Place {
  /** The span that is active there, as far as this observer knows. */
  readonly active: Span | undefined;
  /** The surroundings of what begins inside of it. Makes the span of an operation that has none yet. */
  inner(cause: Operation): Context;
}

type Ends = Set<(outcome: OperationOutcome) => void>;

/** Makes the spans of an invocation's operations. */
export class SpanObserver {
  readonly #settings: ObserverSettings;
  readonly #places = new WeakMap<Operation, Place>();
  readonly #ids = new SpanIds();
  /** Ends the attempts of a call that are on their way. */
  readonly #openAttempts = new WeakMap<Operation, Ends>();

  /** How many calls have not ended. */
  openCalls = 0;

  constructor(settings: ObserverSettings) {
    this.#settings = settings;
  }

  readonly observe: OperationObserver = (operation) => {
    switch (operation.kind) {
      case "call":
        return this.#call(operation);
      case "attempt":
        return this.#attempt(operation);
      case "step":
        return this.#step(operation);
      default:
        return this.#program(operation);
    }
  };

  #call(operation: CallOperation): Observation {
    const base = this.#baseOf(operation)(operation);
    const span = this.#start(operation, base, {
      name: `chat ${operation.request.model}`,
      kind: SpanKind.CLIENT,
      attributes: attributesAtStart(operation),
    });
    if (span.isRecording())
      span.setAttributes({
        ...requestAttributes(operation),
        ...runAttributes(operation, base),
      });
    const inner = this.#enter(operation, trace.setSpan(base, span));
    const attempts: Ends = new Set();
    this.openCalls += 1;
    this.#openAttempts.set(operation, attempts);
    return {
      within: (work) => context.with(inner, work),
      end: (outcome) => {
        this.openCalls -= 1;
        // Of one that was given up nobody else tells.
        for (const end of attempts) end(outcome);
        setOutcome(span, outcome, failureAttributes);
        if (span.isRecording()) {
          span.setAttributes(usageAttributes(operation));
          if (outcome.status === "completed")
            // Its kind says what its result is.
            span.setAttributes(
              responseAttributes(outcome.result as ModelResponse),
            );
        }
        this.#settings.capture.endCall(span, operation, outcome);
      },
    };
  }

  #attempt(operation: AttemptOperation): Observation {
    const base = this.#baseOf(operation)(operation);
    const span = this.#start(operation, base, {
      name: "attempt",
      kind: SpanKind.INTERNAL,
      attributes: attemptAttributes(operation),
    });
    const active = trace.setSpan(base, span);
    const inner = this.#settings.suppressSdkSpans
      ? active.setValue(SUPPRESS_TRACING, true)
      : active;
    // An attempt is always one of a call, which has begun before it.
    const open = this.#openAttempts.get(operation.parent as Operation) as Ends;
    const end = (outcome: OperationOutcome) => {
      if (!open.delete(end)) return;
      setOutcome(span, outcome, attemptFailureAttributes);
      span.end();
    };
    open.add(end);
    return { within: (work) => context.with(inner, work), end };
  }

  /** It has no span, and what is made in it belongs to its run. */
  #step(operation: StepOperation): Observation {
    const base = this.#baseOf(operation)(operation);
    this.#enter(operation, base);
    return { within: (work) => context.with(base, work) };
  }

  #program(operation: SpannedProgram): Observation {
    const startTime = Date.now();
    const baseOf = this.#baseOf(operation);
    const execution = executionIn(context.active());
    let made: { readonly span: Span; readonly inner: Context } | undefined;
    const make = (cause: Operation) => {
      if (made !== undefined) return made;
      const base = baseOf(cause);
      const span = this.#startProgram(operation, base, { startTime, cause });
      made = { span, inner: trace.setSpan(base, span) };
      execution?.suspend.add(suspend);
      return made;
    };
    const end = (outcome: OperationOutcome) => {
      execution?.suspend.delete(suspend);
      const { span } = made ?? {};
      if (span?.isRecording() !== true) return;
      setOutcome(span, outcome);
      span.setAttributes(this.#resultAttributes(operation, outcome));
      span.end();
    };
    const suspend = () => end({ status: "suspended" });
    const isMade = !mayBeReplay(operation);
    const surroundings = isMade ? make(operation).inner : context.active();
    this.#places.set(operation, {
      active: trace.getSpan(surroundings),
      inner: (cause) => make(cause).inner,
    });
    return { within: (work) => context.with(surroundings, work), end };
  }

  #startProgram(
    operation: SpannedProgram,
    base: Context,
    begun: { readonly startTime: number; readonly cause: Operation },
  ): Span {
    const span = this.#start(operation, base, {
      name: programSpanName(operation),
      kind: SpanKind.INTERNAL,
      attributes: programAttributesAtStart(operation),
      ...begun,
    });
    if (span.isRecording())
      span.setAttributes({
        ...programAttributes(operation),
        ...runAttributes(operation, base),
        [RUN_RESUMED]: this.#settings.isResumed(operation.run.id) || undefined,
      });
    return span;
  }

  #resultAttributes(
    operation: SpannedProgram,
    outcome: OperationOutcome,
  ): Attributes {
    if (operation.kind === "tool")
      return this.#settings.capture.toolAttributes(operation, outcome);
    const result = "result" in outcome ? outcome.result : undefined;
    const status: unknown = Reflect.get(Object(result), "status");
    return { [STATUS]: typeof status === "string" ? status : undefined };
  }

  #enter(operation: Operation, inner: Context): Context {
    const active = trace.getSpan(inner);
    this.#places.set(operation, { active, inner: () => inner });
    return inner;
  }

  /**
   * The surroundings that an operation begins in: those of what it is a part of, or a span that the user's code has made active
   * in there. What it is a part of has its span from the moment on in which something begins in it.
   */
  #baseOf(operation: Operation): (cause: Operation) => Context {
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
      const base = isOwn
        ? around
        : withParent(active, this.#settings.lambdaContext);
      const run = runOf(operation);
      return run?.isResumable ? enterRun(base, run.id) : base;
    };
  }

  #start(
    operation: Operation,
    base: Context,
    {
      name,
      cause = operation,
      ...options
    }: {
      readonly name: string;
      readonly kind: SpanKind;
      readonly attributes: Attributes;
      readonly startTime?: number;
      readonly cause?: Operation;
    },
  ): Span {
    const spanId = runTraceIn(base) && this.#ids.of(operation, cause);
    const { tracer, lambdaContext } = this.#settings;
    return startSpan(tracer, {
      ...{ name, options, context: base, spanId },
      invocation: () => xRayParent(lambdaContext),
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

const runAttributes = (operation: Operation, base: Context): Attributes => ({
  [RUN_ID]: runTraceIn(base)?.runId ?? runOf(operation)?.id,
});

/** Whether all of it may have happened before: then it begins again without doing anything. A tool within a step works. */
const mayBeReplay = ({ run, parent }: SpannedProgram): boolean =>
  run.isResumable && enclosing(parent, "step") === undefined;

function setOutcome(
  span: Span,
  outcome: OperationOutcome,
  attributesOf?: (error: unknown) => Attributes,
): void {
  if (!span.isRecording()) return;
  switch (outcome.status) {
    case "suspended":
      span.setAttribute(RUN_SUSPENDED, true);
      break;
    case "failed":
      setFailed(span, outcome.error);
      if (attributesOf !== undefined)
        span.setAttributes(attributesOf(outcome.error));
  }
}
