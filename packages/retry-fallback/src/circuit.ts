import type { CircuitSettings } from "./settings.ts";

export type CircuitState = "closed" | "open" | "half-open";

/** What an attempt says about the model: nothing, when it was aborted or throttled, or when its request was wrong. */
export type Health = "well" | "sick" | "unknown";

/** The permission to make one attempt. */
export interface Pass {
  /** How many failures had been counted when the attempt began. */
  readonly round: number;
}

/**
 * Closed, requests pass. A row of failures opens it, and none do. After the cool-down one request probes the model; the
 * others are kept away until it has ended. A success closes the circuit, whoever brings it.
 */
export class Circuit {
  #state: CircuitState = "closed";
  #failures = 0;
  #retryAt: number | undefined;
  #probe: Pass | undefined;
  /** Failures that were counted, in a row or not. */
  #round = 0;

  get state(): CircuitState {
    return this.#state;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** When the model may be probed, in epoch milliseconds; undefined unless the circuit is open. */
  get retryAt(): number | undefined {
    return this.#retryAt;
  }

  /** Whether an attempt may not be made now. */
  refuses(now: number): boolean {
    return this.#probe !== undefined || now < (this.#retryAt ?? now);
  }

  /** Every pass has to be settled. Undefined when an attempt may not be made now. */
  enter(now: number): Pass | undefined {
    if (this.refuses(now)) return undefined;
    const pass = { round: this.#round };
    if (this.#state === "closed") return pass;
    this.#state = "half-open";
    this.#retryAt = undefined;
    this.#probe = pass;
    return pass;
  }

  /** Says how the attempt went. */
  settle(
    pass: Pass,
    health: Health,
    now: number,
    { failureThreshold, coolDownMs }: CircuitSettings,
  ): void {
    const probed = pass === this.#probe;
    if (probed) this.#probe = undefined;
    if (health === "well") {
      this.#state = "closed";
      this.#failures = 0;
      this.#retryAt = undefined;
      this.#probe = undefined;
    }
    // What failed beside a failure that was counted already is no news: a burst of parallel calls is one observation.
    if (health !== "sick" || pass.round !== this.#round) return;
    this.#round += 1;
    this.#failures += 1;
    if (!probed && this.#failures < failureThreshold) return;
    this.#state = "open";
    this.#retryAt = now + coolDownMs;
  }
}
