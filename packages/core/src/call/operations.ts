import { AsyncLocalStorage } from "node:async_hooks";
import { warn } from "../checks/warn.ts";
import { Suspended } from "../contract/journal.ts";
import type { Events } from "./events.ts";
import {
  mayBeReplay,
  type Operation,
  type OperationOutcome,
} from "./operation.ts";

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
  /** Tells that something begins in here. */
  readonly begin: () => void;
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
    const outer = scopes.getStore();
    const operation: Operation = { ...given, parent: outer?.operation };
    const observed = this.#observed(operation, outer);
    try {
      const { begin } = observed;
      const scope = { operation, operations: this, begin };
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

  #observed(operation: Operation, outer: Scope | undefined) {
    const observations = this.#observationsOf(operation);
    const start = performance.now();
    const isProgram = operation.kind !== "call" && operation.kind !== "attempt";
    let hasBegun = false;
    const begin = () => {
      if (hasBegun) return;
      hasBegun = true;
      outer?.begin();
      if (isProgram) this.#events.emit("operation-start", { operation });
    };
    if (!mayBeReplay(operation)) begin();
    return {
      begin,
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
        if (isProgram && hasBegun)
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
