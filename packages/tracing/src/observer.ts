import type { ModelResponse } from "@lambdallm/core";
import {
  type AttemptOperation,
  type CallOperation,
  mayBeReplay,
  type Observation,
  type Operation,
  type OperationObserver,
  type OperationOutcome,
  type OperationResults,
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
  tokenAttributes,
  usageAttributes,
} from "./call-attributes.ts";
import type { ContentCapture } from "./capture-content.ts";
import { executionIn } from "./durable-execution.ts";
import { setOutcome } from "./outcome.ts";
import { Places, runAttributes } from "./places.ts";
import {
  programAttributes,
  programAttributesAtStart,
  programSpanName,
  type SpannedProgram,
} from "./program-attributes.ts";
import { RUN_RESUMED, STATUS } from "./semconv.ts";

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

type Ends = Set<(outcome: OperationOutcome) => void>;

/** Makes the spans of an invocation's operations. */
export class SpanObserver {
  readonly #settings: ObserverSettings;
  readonly #places: Places;
  /** Ends the attempts that are on their way, by the number of their call. */
  readonly #openAttempts = new Map<number, Ends>();

  constructor(settings: ObserverSettings) {
    this.#settings = settings;
    this.#places = new Places(settings.tracer, settings.lambdaContext);
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
    const base = this.#places.baseOf(operation)(operation);
    const span = this.#places.start(operation, base, {
      name: `chat ${operation.request.model}`,
      kind: SpanKind.CLIENT,
      attributes: attributesAtStart(operation),
    });
    if (span.isRecording())
      span.setAttributes({
        ...requestAttributes(operation),
        ...runAttributes(operation, base),
      });
    const inner = this.#places.enter(operation, trace.setSpan(base, span));
    const attempts: Ends = new Set();
    this.#openAttempts.set(operation.callId, attempts);
    return {
      within: (work) => context.with(inner, work),
      end: (outcome) => {
        // Of one that was given up nobody else tells.
        for (const end of attempts) end(outcome);
        this.#openAttempts.delete(operation.callId);
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
    const base = this.#places.baseOf(operation)(operation);
    const span = this.#places.start(operation, base, {
      name: "attempt",
      kind: SpanKind.INTERNAL,
      attributes: attemptAttributes(operation),
    });
    const active = trace.setSpan(base, span);
    const inner = this.#settings.suppressSdkSpans
      ? active.setValue(SUPPRESS_TRACING, true)
      : active;
    // Its call may have begun before anybody observed it.
    const open: Ends = this.#openAttempts.get(operation.callId) ?? new Set();
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
    const base = this.#places.baseOf(operation)(operation);
    this.#places.enter(operation, base);
    return { within: (work) => context.with(base, work) };
  }

  #program(operation: SpannedProgram): Observation {
    const startTime = Date.now();
    const baseOf = this.#places.baseOf(operation);
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
    this.#places.enterLater(
      operation,
      surroundings,
      (cause) => make(cause).inner,
    );
    return { within: (work) => context.with(surroundings, work), end };
  }

  #startProgram(
    operation: SpannedProgram,
    base: Context,
    begun: { readonly startTime: number; readonly cause: Operation },
  ): Span {
    const span = this.#places.start(operation, base, {
      name: programSpanName(operation),
      kind: SpanKind.INTERNAL,
      attributes: programAttributesAtStart(operation),
      ...begun,
    });
    if (span.isRecording())
      span.setAttributes({
        ...programAttributes(operation),
        ...runAttributes(operation, base),
        [RUN_RESUMED]:
          (operation.kind !== "tool" &&
            this.#settings.isResumed(operation.run.id)) ||
          undefined,
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
    // That of a program has a status, and an agent's what it has used.
    const { status, usage } = Object(result) as ProgramResult;
    return { [STATUS]: status, ...(usage && tokenAttributes(usage)) };
  }
}

type ProgramResult = Partial<
  OperationResults["chain"] & Pick<OperationResults["agent"], "usage">
>;
