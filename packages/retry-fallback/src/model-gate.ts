import type { ModelInvocationError } from "@lambdallm/core";
import type { Health, Pass } from "./circuit.ts";
import type { CircuitInfo, ModelState } from "./model-states.ts";
import { FIRST_TRY_TOKENS, retryTokens } from "./retry-budget.ts";
import type { Settings } from "./settings.ts";

const ALWAYS: Pass = { round: 0 };

/** What a call may do with a model, by the circuit and the budget that it shares with all others. */
export class ModelGate {
  readonly #state: ModelState;
  readonly #settings: Settings;
  readonly #onChange: (circuit: CircuitInfo) => void;

  constructor(
    state: ModelState,
    settings: Settings,
    onChange: (circuit: CircuitInfo) => void,
  ) {
    this.#state = state;
    this.#settings = settings;
    this.#onChange = onChange;
  }

  /** The circuit keeps attempts away. */
  get isBlocked(): boolean {
    const { circuit } = this.#settings;
    return circuit !== undefined && this.#state.circuit.refuses(Date.now());
  }

  /** Undefined while the probe of another call runs. */
  get retryAfterMs(): number | undefined {
    const { retryAt } = this.#state.circuit;
    return retryAt === undefined ? undefined : retryAt - Date.now();
  }

  /** The permission for one attempt, which has to be settled; undefined when the circuit gives none. */
  enter(): Pass | undefined {
    if (this.#settings.circuit === undefined) return ALWAYS;
    return this.#watching(() => this.#state.circuit.enter(Date.now()));
  }

  /** Says how the attempt went. A success gives tokens back: those of its retry, when it was one. */
  settle(pass: Pass, health: Health, tokens: number): void {
    if (health === "well") this.giveBackTokens(tokens || FIRST_TRY_TOKENS);
    const { circuit } = this.#settings;
    if (circuit === undefined) return;
    this.#watching(() =>
      this.#state.circuit.settle(pass, health, Date.now(), circuit),
    );
  }

  /** Tokens for a retry; undefined when the budget has too few. */
  takeTokens(error: ModelInvocationError): number | undefined {
    const tokens = retryTokens(error);
    const { retryBudget } = this.#settings;
    return this.#state.budget.take(tokens, retryBudget) ? tokens : undefined;
  }

  giveBackTokens(tokens: number): void {
    this.#state.budget.giveBack(tokens);
  }

  #watching<T>(act: () => T): T {
    const { circuit, info } = this.#state;
    const before = circuit.state;
    const result = act();
    if (circuit.state !== before) this.#onChange(info());
    return result;
  }
}
