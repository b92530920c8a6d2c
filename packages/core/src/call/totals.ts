import { type Usage, ZERO_USAGE } from "../contract/model-call.ts";
import { PICO_USD_PER_USD } from "../models/cost.ts";

/** What the model calls of an invocation have used so far. */
export interface InvocationMetrics {
  readonly calls: number;
  readonly attempts: number;
  readonly failedAttempts: number;
  readonly usage: Usage;
  /** Sum of the attempts' latencies. */
  readonly modelLatencyMs: number;
  /** Cost in USD of every attempt whose price is known. */
  readonly knownCostUsd: number;
  /** Attempts that used tokens of an unknown price; `totalCostUsd` is undefined when there are any. */
  readonly unpricedAttempts: number;
}

export function addUsage(a: Usage, b: Usage): Usage {
  const estimated = a.estimated === true || b.estimated === true;
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    totalTokens: a.totalTokens + b.totalTokens,
    cacheReadInputTokens: a.cacheReadInputTokens + b.cacheReadInputTokens,
    cacheWriteInputTokens: a.cacheWriteInputTokens + b.cacheWriteInputTokens,
    ...(estimated ? { estimated } : undefined),
  };
}

/** Running totals, counted per attempt and, for a nested provider, in the outer invocation too. */
export class Totals {
  calls = 0;
  attempts = 0;
  failedAttempts = 0;
  unpricedAttempts = 0;
  modelLatencyMs = 0;
  usage: Usage = ZERO_USAGE;
  // A whole number of pico-USD, so that any number of additions stays exact.
  #picoUsd = 0;
  readonly #parent: Totals | undefined;

  constructor(parent?: Totals) {
    this.#parent = parent;
  }

  /** Returns the number of the call, which is the outermost invocation's: its listeners hear the calls of all. */
  countCall(): number {
    this.calls += 1;
    return this.#parent?.countCall() ?? this.calls;
  }

  countAttempt(): void {
    this.attempts += 1;
    this.#parent?.countAttempt();
  }

  countFailure(): void {
    this.failedAttempts += 1;
    this.#parent?.countFailure();
  }

  countUsage(
    usage: Usage,
    latencyMs: number,
    picoUsd: number | undefined,
  ): void {
    this.usage = addUsage(this.usage, usage);
    this.modelLatencyMs += latencyMs;
    if (picoUsd === undefined) this.unpricedAttempts += 1;
    else this.#picoUsd += picoUsd;
    this.#parent?.countUsage(usage, latencyMs, picoUsd);
  }

  get knownCostUsd(): number {
    return this.#picoUsd / PICO_USD_PER_USD;
  }

  /** Undefined once a price was unknown. */
  get totalCostUsd(): number | undefined {
    return this.unpricedAttempts > 0 ? undefined : this.knownCostUsd;
  }

  toMetrics(): InvocationMetrics {
    const { calls, attempts, failedAttempts, usage } = this;
    const { modelLatencyMs, knownCostUsd, unpricedAttempts } = this;
    return {
      calls,
      attempts,
      failedAttempts,
      usage,
      modelLatencyMs,
      knownCostUsd,
      unpricedAttempts,
    };
  }
}
