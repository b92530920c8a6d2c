import {
  BudgetExceededError,
  ConfigurationError,
  type ModelResponse,
  type StepInfo,
} from "@lambdallm/core";
import {
  type ModelRequest,
  PICO_USD_PER_USD,
  type Region,
  unknownCost,
  worstCaseOf,
} from "@lambdallm/core/feature";

const picoOf = (usd: number): number => Math.round(usd * PICO_USD_PER_USD);

export interface BudgetOptions {
  /** The name of the chain. */
  readonly chain: string;
  readonly limitUsd: number;
  readonly region: Region;
}

/** What a run of a chain may cost: no call is made that could take it over its limit. */
export class Budget {
  readonly #options: BudgetOptions;
  /** By step, in pico-USD; undefined when nobody knows. */
  readonly #spent = new Map<string, number | undefined>();
  /** The upper bounds of the calls that are being made. */
  readonly #running = new Map<symbol, number>();
  #changed = Promise.withResolvers<void>();

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  /** What the calls of a step have cost so far. */
  record(step: string, costUsd: number | undefined): void {
    this.#spent.set(step, costUsd === undefined ? undefined : picoOf(costUsd));
    this.#notify();
  }

  /**
   * Makes a call when the rest of the budget covers the most that it can cost. Calls that run may turn out cheaper: it waits for
   * them before it is refused.
   *
   * @throws {BudgetExceededError | ConfigurationError} Nothing was sent.
   */
  async call(
    step: string,
    info: StepInfo,
    request: ModelRequest,
    send: (request: ModelRequest) => Promise<ModelResponse>,
  ): Promise<ModelResponse> {
    const { chain, region } = this.#options;
    const worst = worstCaseOf(request, [region]);
    if (worst.missing !== undefined)
      throw unknownCost(`Chain "${chain}"`, request.model, worst.missing);
    const call = Symbol(step);
    await this.#admit(step, call, worst.picoUsd);
    try {
      return await send(request);
    } finally {
      this.#running.delete(call);
      this.record(step, info.costUsd);
    }
  }

  async #admit(step: string, call: symbol, picoUsd: number): Promise<void> {
    const limit = picoOf(this.#options.limitUsd);
    while (this.#used() + picoUsd > limit) {
      if (this.#running.size === 0) throw this.#exceeded(step, picoUsd);
      await this.#changed.promise;
    }
    this.#running.set(call, picoUsd);
  }

  #used(): number {
    let used = 0;
    for (const [step, pico] of this.#spent) {
      if (pico === undefined)
        throw new ConfigurationError(
          `Chain "${this.#options.chain}": nobody knows what the step "${step}" has cost, so that maxTotalCostUsd cannot be kept: a model was called whose price is not known. Call registerModel(model, { prices: { input, output } }) at cold start.`,
        );
      used += pico;
    }
    for (const pico of this.#running.values()) used += pico;
    return used;
  }

  #exceeded(step: string, picoUsd: number): BudgetExceededError {
    const { chain, limitUsd } = this.#options;
    const usedUsd = this.#used() / PICO_USD_PER_USD;
    const neededUsd = picoUsd / PICO_USD_PER_USD;
    return new BudgetExceededError(
      `Chain "${chain}": a call of the step "${step}" could cost ${neededUsd} USD, and ${usedUsd} of ${limitUsd} USD (maxTotalCostUsd) are spent. Nothing was sent.`,
      { scope: `chain ${chain}`, period: "run", limitUsd, usedUsd, neededUsd },
    );
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
