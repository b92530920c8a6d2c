import { warn } from "../checks/warn.ts";
import type {
  Adaptation,
  ModelRequest,
  ModelResponse,
  Provider,
} from "../contract/model-call.ts";
import type {
  CallTotals,
  Operation,
  OperationOutcome,
  ProgramOperation,
} from "./operation.ts";

interface CallEvent {
  /** Counts the calls of the invocation from 1, those of nested providers included. */
  readonly callId: number;
  readonly request: ModelRequest;
  /** What the call is a part of, such as a step or a tool of an agent. */
  readonly parent?: Operation | undefined;
}

interface AttemptEvent extends CallEvent {
  /** Counts the attempts of the call from 1. */
  readonly attempt: number;
}

interface CallEndEvent extends CallEvent {
  /** Who was asked: that of a nested chain, where the call is one of it. */
  readonly provider: Provider;
  /** Of all its attempts, those that failed included. */
  readonly totals: CallTotals;
  readonly durationMs: number;
}

/**
 * What observers can listen to. Features add events of their own by declaration merging:
 *
 * @example
 * declare module "@lambdallm/core/feature" {
 *   interface InvocationEvents { "budget-alert": { usedUsd: number } }
 * }
 */
export interface InvocationEvents {
  "call-start": CallEvent;
  "call-end": CallEndEvent & { readonly response: ModelResponse };
  "call-error": CallEndEvent & { readonly error: unknown };
  "attempt-start": AttemptEvent;
  "attempt-end": AttemptEvent & { readonly response: ModelResponse };
  "attempt-error": AttemptEvent & { readonly error: unknown };
  /** The attempt waits for a free connection, or has got one after it had to. */
  "attempt-queue": AttemptEvent & { readonly isWaiting: boolean };
  /** The model does not take something that the request asks for: it was left out, or said in another way. */
  "request-adapted": AttemptEvent & {
    readonly adaptations: readonly Adaptation[];
  };
  /** An answer was cut at the default of `maxTokens`: neither the call nor the options of the provider had chosen one. */
  "answer-cut": AttemptEvent & {
    readonly response: ModelResponse;
    readonly maxTokens: number;
  };
  /**
   * A part of a program begins: a chain, an agent, a tool or a step. What was recorded before, and is read only, does not: a chain
   * or an agent that may have done all of its work in an earlier invocation begins, and ends, when something begins in it.
   */
  "operation-start": { readonly operation: ProgramOperation };
  "operation-end": {
    readonly operation: ProgramOperation;
    readonly outcome: OperationOutcome;
    readonly durationMs: number;
  };
  /** A streamed response body failed after its first byte; the client saw an error record. */
  "body-error": { readonly error: unknown };
}

type EventName = keyof InvocationEvents;
type Listener = (event: never, name: never) => void;
type ForeignListener = (
  event: Readonly<Record<string, unknown>>,
  name: string,
) => void;

/** A listener of many events, which costs an invocation no more than one of one. */
interface Group {
  readonly names: ReadonlySet<string>;
  readonly listener: ForeignListener;
}

/** Tells observers what happens. What a listener throws becomes a process warning, once: it cannot change or break a call. */
export class Events {
  readonly #listeners = new Map<EventName, Listener[]>();
  readonly #groups: Group[] = [];
  #failed: WeakSet<Listener> | undefined;
  readonly #parent: Events | undefined;

  constructor(parent?: Events) {
    this.#parent = parent;
  }

  /** Returns a function that ends the subscription. */
  on<Name extends EventName>(
    name: Name,
    listener: (event: InvocationEvents[Name]) => void,
  ): () => void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) this.#listeners.set(name, [listener]);
    else listeners.push(listener);
    return () => {
      // It was put there; the list that is being gone through stays as it is.
      const present = this.#listeners.get(name) as Listener[];
      this.#listeners.set(
        name,
        present.filter((one) => one !== listener),
      );
    };
  }

  /**
   * Listens to events that other packages declare, which this one does not import: it reads what it needs of them as of something
   * foreign.
   */
  onForeign(names: ReadonlySet<string>, listener: ForeignListener): void {
    this.#groups.push({ names, listener });
  }

  /** Returns whether anybody listened. */
  emit<Name extends EventName>(
    name: Name,
    event: InvocationEvents[Name],
  ): boolean {
    const listeners = this.#listeners.get(name);
    for (const listener of listeners ?? []) this.#call(listener, name, event);
    let isHeard = listeners !== undefined && listeners.length > 0;
    for (const { names, listener } of this.#groups)
      if (names.has(name)) {
        this.#call(listener, name, Object(event));
        isHeard = true;
      }
    // Observers of an outer provider see the calls of a nested one too.
    return this.#parent?.emit(name, event) || isHeard;
  }

  #call(listener: Listener, name: EventName, event: unknown): void {
    try {
      // Who listens to a name gets its events; `on` and `onForeign` are the ways in.
      const returned: unknown = (
        listener as (event: unknown, name: string) => unknown
      )(event, name);
      if (returned instanceof Object && "then" in returned)
        Promise.resolve(returned).catch((error) =>
          this.#warn(listener, name, error),
        );
    } catch (error) {
      this.#warn(listener, name, error);
    }
  }

  #warn(listener: Listener, name: EventName, error: unknown): void {
    this.#failed ??= new WeakSet();
    if (this.#failed.has(listener)) return;
    this.#failed.add(listener);
    warn(`A listener of "${name}" failed`, error);
  }
}
