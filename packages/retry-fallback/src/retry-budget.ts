import type { ModelInvocationError } from "@lambdallm/core";

// What the AWS SDKs take in their standard mode: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
const RETRY_TOKENS = 14;
const THROTTLED_RETRY_TOKENS = 5;

/** What a success without a retry gives back. */
export const FIRST_TRY_TOKENS = 1;

/** What a retry after this error takes from the budget. */
export function retryTokens({ reason }: ModelInvocationError): number {
  return reason === "throttled" ? THROTTLED_RETRY_TOKENS : RETRY_TOKENS;
}

/**
 * Keeps an outage from being multiplied: while nothing succeeds, the retries of all calls together end when the tokens
 * do. It counts what is taken, not what is left, because middlewares with budgets of different size may share it.
 */
export class RetryBudget {
  #taken = 0;

  /** False, and nothing is taken, when fewer than `tokens` are left. */
  take(tokens: number, budget: number): boolean {
    if (this.#taken + tokens > budget) return false;
    this.#taken += tokens;
    return true;
  }

  giveBack(tokens: number): void {
    this.#taken = Math.max(0, this.#taken - tokens);
  }
}
