import { AsyncLocalStorage } from "node:async_hooks";
import { warn } from "../checks/warn.ts";
import { Suspended } from "../contract/journal.ts";
import type {
  ModelRequest,
  ModelResponse,
  Provider,
} from "../contract/model-call.ts";
import type { Events } from "./events.ts";
import type { Totals } from "./totals.ts";

/** The run of a program that an operation belongs to. */
export interface RunInfo {
  readonly id: string;
  /** It outlives the invocation: what does not come to its end here goes on in another one. */
  readonly isResumable: boolean;
}

interface Common {
  /** What it is a part of; set by the invocation. */
  readonly parent?: Operation | undefined;
}

interface OfProgram extends Common {
  readonly name: string;
  readonly run: RunInfo;
}

/** The run of a chain, as far as it takes place in this invocation. */
export interface ChainOperation extends OfProgram {
  readonly kind: "chain";
}

/** The run of an agent, as far as it takes place in this invocation. */
export interface AgentOperation extends OfProgram {
  readonly kind: "agent";
  /** The models that it asks, as far as they are known at the beginning. */
  readonly model: string;
  /** Of the conversation that the run is a turn of. */
  readonly conversationId?: string | undefined;
  /** Whether its answer is a value of a schema. */
  readonly hasSchema: boolean;
}

/** A tool's own work: a call that was refused, or is recorded already, is none. */
export interface ToolOperation extends OfProgram {
  readonly kind: "tool";
  readonly toolUseId: string;
  readonly description: string;
  /** The agent that calls it. */
  readonly agent: string;
  /** As the model has written it. */
  readonly input: unknown;
}

/** The work of a step of a journal; one that is recorded already makes none. */
export interface StepOperation extends OfProgram {
  readonly kind: "step";
  /** Where in the run it is, the same when the step runs again. */
  readonly position: string;
  /** How often it was started, in all invocations, from 1. */
  readonly start: number;
  /** Counts the retries that its options ask for, from 1. */
  readonly attempt: number;
}

/** What the attempts of a call have used. */
export type CallTotals = Readonly<
  Pick<Totals, "attempts" | "failedAttempts" | "usage" | "totalCostUsd">
>;

/** A model call with all its attempts. */
export interface CallOperation extends Common {
  readonly kind: "call";
  readonly callId: number;
  readonly request: ModelRequest;
  /** What its attempts are made with. */
  readonly provider: Provider;
  /** Of its attempts so far, those that failed included. */
  readonly totals: CallTotals;
}

/** One request of a model call to the provider. */
export interface AttemptOperation extends Common {
  readonly kind: "attempt";
  readonly callId: number;
  readonly attempt: number;
  readonly request: ModelRequest;
}

export type ProgramOperation =
  | ChainOperation
  | AgentOperation
  | ToolOperation
  | StepOperation;

/** What takes place in an invocation, and what others can be a part of. */
export type Operation = ProgramOperation | CallOperation | AttemptOperation;

/** What an operation of each kind has come to. */
export interface OperationResults {
  readonly chain: { readonly status: string };
  readonly agent: {
    readonly status: string;
    readonly iterations: number;
    readonly toolCalls: number;
    readonly answer: string;
  };
  readonly tool: {
    readonly status: "success" | "error";
    readonly content: readonly unknown[];
  };
  readonly step: undefined;
  readonly call: ModelResponse;
  readonly attempt: ModelResponse;
}

/** `suspended`: it goes on when its run is resumed. */
export type OperationOutcome<
  Kind extends Operation["kind"] = Operation["kind"],
> =
  | { readonly status: "completed"; readonly result: OperationResults[Kind] }
  | {
      readonly status: "failed";
      readonly error: unknown;
      /** What there is all the same, such as what the model is told of a tool that has failed. */
      readonly result?: OperationResults[Kind];
    }
  | { readonly status: "suspended" };

/** What an observer has begun for one operation. */
export interface Observation {
  /** Calls `work` at once and returns what it does, in surroundings of the observer's, such as an active span. */
  readonly within?: <T>(work: () => T) => T;
  readonly end?: (outcome: OperationOutcome) => void;
}

/** Is told when an operation begins. It cannot change or break it: what it throws becomes a process warning, once. */
export type OperationObserver = (
  operation: Operation,
) => Observation | undefined;

/** Where the present code is. */
interface Scope {
  readonly operation: Operation;
  readonly operations: Operations;
}

// On globalThis, so that two copies of this package in one bundle see the same operations.
const SHARED = Symbol.for("@lambdallm/core.operations");
const host = globalThis as typeof globalThis & {
  [SHARED]?: AsyncLocalStorage<Scope>;
};
host[SHARED] ??= new AsyncLocalStorage();
const scopes = host[SHARED];

/** The operation that the present code is a part of. */
export function presentOperation(): Operation | undefined {
  return scopes.getStore()?.operation;
}

/** Those of the invocation that the present code is a part of. */
export function presentOperations(): Operations | undefined {
  return scopes.getStore()?.operations;
}

/** The nearest one of a kind around an operation, itself included. */
export function enclosing<Kind extends Operation["kind"]>(
  operation: Operation | undefined,
  kind: Kind,
): Extract<Operation, { readonly kind: Kind }> | undefined {
  for (let one = operation; one !== undefined; one = one.parent)
    // Its kind says which of them it is.
    if (one.kind === kind)
      return one as Extract<Operation, { readonly kind: Kind }>;
  return undefined;
}

/** The operations of an invocation, and those who observe them. */
export class Operations {
  readonly #parent: Operations | undefined;
  readonly #events: Events;
  readonly #observers: OperationObserver[] = [];
  readonly #failed = new Set<OperationObserver>();

  /** @param parent Those of the outer invocation, whose observers see the operations of a nested one too. */
  constructor(events: Events, parent?: Operations) {
    this.#events = events;
    this.#parent = parent;
  }

  /** Adds an observer for the rest of the invocation. */
  observe(observer: OperationObserver): void {
    this.#observers.push(observer);
  }

  /**
   * Runs an operation, and tells the observers. They see its end before whoever has asked for it does.
   *
   * @param outcomeOf What its value says of how it has ended. An error is a failure, and `Suspended` a suspension.
   */
  async run<One extends Operation, T>(
    given: One,
    work: (operation: Operation) => Promise<T>,
    outcomeOf: (value: T) => OperationOutcome<One["kind"]>,
  ): Promise<T> {
    const operation: Operation = { ...given, parent: presentOperation() };
    const observed = this.#begin(operation);
    try {
      const scope = { operation, operations: this };
      const value = await observed.within(() =>
        scopes.run(scope, async () => work(operation)),
      );
      observed.end(outcomeOf(value));
      return value;
    } catch (error) {
      observed.end(
        Suspended.isInstance(error)
          ? { status: "suspended" }
          : { status: "failed", error },
      );
      throw error;
    }
  }

  #begin(operation: Operation) {
    const observations = this.#observationsOf(operation);
    const start = performance.now();
    const isProgram = operation.kind !== "call" && operation.kind !== "attempt";
    if (isProgram) this.#events.emit("operation-start", { operation });
    return {
      within: <T>(work: () => T): T => {
        let next = work;
        for (const { within, guard } of observations) {
          const inner = next;
          if (within !== undefined) next = () => insideOf(within, inner, guard);
        }
        return next();
      },
      end: (outcome: OperationOutcome): void => {
        for (const { end, guard } of observations) guard(() => end?.(outcome));
        const durationMs = performance.now() - start;
        if (isProgram)
          this.#events.emit("operation-end", {
            operation,
            outcome,
            durationMs,
          });
      },
    };
  }

  /** Innermost first. */
  #observationsOf(operation: Operation): readonly GuardedObservation[] {
    const outer =
      this.#parent === undefined ? [] : this.#parent.#observationsOf(operation);
    const own = this.#observers.flatMap((observer) => {
      const guard = (call: () => void) => this.#guarded(observer, call);
      let observation: Observation | undefined;
      guard(() => {
        observation = observer(operation);
      });
      return observation === undefined ? [] : { ...observation, guard };
    });
    return [...own.reverse(), ...outer];
  }

  #guarded(observer: OperationObserver, call: () => void): void {
    try {
      call();
    } catch (error) {
      if (this.#failed.has(observer)) return;
      this.#failed.add(observer);
      warn("An observer of the operations failed", error);
    }
  }
}

interface GuardedObservation extends Observation {
  readonly guard: (call: () => void) => void;
}

/** The work is done once, whatever the observer makes of it. */
function insideOf<T>(
  within: NonNullable<Observation["within"]>,
  work: () => T,
  guard: (call: () => void) => void,
): T {
  let done: { readonly value: T } | undefined;
  const once = (): T => {
    done ??= { value: work() };
    return done.value;
  };
  guard(() => within(once));
  return once();
}
