import { AsyncLocalStorage } from "node:async_hooks";
import type { Suspended } from "../contract/journal.ts";
import { PICO_USD_PER_USD } from "../models/cost.ts";

/** What the model calls of one step have cost so far, whoever makes them. */
export class Spending {
  // A whole number of pico-USD, so that any number of additions stays exact.
  #picoUsd = 0;
  #isKnown = true;
  #isNothing = true;

  /** @param picoUsd Undefined when nobody knows. */
  add(picoUsd: number | undefined): void {
    this.#isNothing = false;
    if (picoUsd === undefined) this.#isKnown = false;
    else this.#picoUsd += picoUsd;
  }

  /** Goes on from what was recorded before: null when it is unknown, undefined when nothing was spent. */
  continueFrom(costUsd: number | null | undefined): void {
    if (costUsd === undefined) return;
    this.#picoUsd = 0;
    this.add(
      costUsd === null ? undefined : Math.round(costUsd * PICO_USD_PER_USD),
    );
  }

  /** USD; undefined once something of an unknown price was used. */
  get costUsd(): number | undefined {
    return this.#isKnown ? this.#picoUsd / PICO_USD_PER_USD : undefined;
  }

  /** USD; null when it is unknown, undefined when nothing was spent. */
  get recorded(): number | null | undefined {
    return this.#isNothing ? undefined : (this.costUsd ?? null);
  }
}

/** The step that the present code belongs to. */
export interface StepScope {
  readonly runId: string;
  readonly name: string;
  readonly spending: Spending;
  /** Aborts when the time for the step is over: its model calls are not to outlive it. */
  readonly signal?: AbortSignal | undefined;
  /** Why the run cannot go on, once a model call of the step was told so, whatever the step made of it. */
  suspended?: Suspended | undefined;
}

// On globalThis, so that two copies of this package in one bundle see the same steps.
const SHARED = Symbol.for("@lambdallm/core.steps");
const host = globalThis as typeof globalThis & {
  [SHARED]?: AsyncLocalStorage<StepScope>;
};
host[SHARED] ??= new AsyncLocalStorage();
const scopes = host[SHARED];

export function stepScope(): StepScope | undefined {
  return scopes.getStore();
}

/** Runs the work of a step: what its model calls cost is counted, and it cannot start another step of the run. */
export function runInStep<T>(scope: StepScope, fn: () => T): T {
  return scopes.run(scope, fn);
}
