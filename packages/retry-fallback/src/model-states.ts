import { arnRegion, RecentMap } from "@lambdallm/core/feature";
import { Circuit, type CircuitState } from "./circuit.ts";
import { RetryBudget } from "./retry-budget.ts";

/** A circuit as it is at the moment. */
export interface CircuitInfo {
  /** The provider's name, such as `bedrock`. */
  readonly provider: string;
  /** Left out where the provider does not know it. */
  readonly region?: string;
  /** The id that requests ask for. */
  readonly model: string;
  readonly state: CircuitState;
  /** Failures in a row. */
  readonly failures: number;
  /** When the next request may probe the model, in epoch milliseconds; open circuits only. */
  readonly retryAt?: number;
}

export interface ModelState {
  readonly circuit: Circuit;
  readonly budget: RetryBudget;
  readonly info: () => CircuitInfo;
}

/**
 * The one thing here that outlives an invocation, on purpose: an invocation is over before it could learn that a model is
 * down. Ids can come from outside, so the oldest states are forgotten.
 */
const states = new RecentMap<string, ModelState>(100);

/** What this process knows about a model in a Region. */
export function modelState(
  provider: { readonly name: string; readonly region?: string | undefined },
  model: string,
): ModelState {
  const { name } = provider;
  const region = arnRegion(model) ?? provider.region;
  const key = `${name}\n${region}\n${model}`;
  const state = states.get(key) ?? newState(name, region, model);
  states.set(key, state);
  return state;
}

function newState(
  provider: string,
  region: string | undefined,
  model: string,
): ModelState {
  const circuit = new Circuit();
  const info = (): CircuitInfo => {
    const { state, failures, retryAt } = circuit;
    return {
      provider,
      ...(region !== undefined && { region }),
      model,
      state,
      failures,
      ...(retryAt !== undefined && { retryAt }),
    };
  };
  return { circuit, budget: new RetryBudget(), info };
}

/** The circuits of this process, one for each model and Region that was called lately, 100 at most. */
export function circuitStates(): readonly CircuitInfo[] {
  return Array.from(states.values(), ({ info }) => info());
}

/** Closes every circuit and fills every retry budget. For tests, which share a process. */
export function resetRetryState(): void {
  states.clear();
}
