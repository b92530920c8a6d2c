import {
  BudgetExceededError,
  ConfigurationError,
  costOf,
  InvocationTimeoutError,
  ModelInvocationError,
  StoreError,
  type Usage,
} from "@lambdallm/core";
import type {
  AssumedPrice,
  ModelRequest,
  ProviderResponse,
} from "@lambdallm/core/feature";
import { nanoCost, nanoOfPico } from "./money.ts";

/** What an attempt costs. */
export interface Charge {
  readonly nanoUsd: number;
  readonly model: string;
  /** Left out when nothing is known of it. */
  readonly usage?: Usage;
}

export interface ChargeFacts {
  readonly request: ModelRequest;
  /** What the attempt can cost at most. */
  readonly worstNanoUsd: number;
  readonly assumedPrice: AssumedPrice | undefined;
  /** The caller has seen a piece of the answer. */
  readonly hasBegun: boolean;
}

/** Known usage has its price, and anything else is charged at its worst case. */
export function chargeOfAnswer(
  answer: ProviderResponse,
  costUsd: number | undefined,
  { worstNanoUsd, assumedPrice }: ChargeFacts,
): Charge {
  const { model, usage } = answer;
  const known =
    costUsd === undefined
      ? assumedPrice && assumedCost(usage, assumedPrice)
      : nanoCost(costUsd);
  if (usage.estimated !== true)
    return { model, usage, nanoUsd: known ?? worstNanoUsd };
  // Every prompt has tokens: an estimate without any says that nothing was sent.
  const nanoUsd =
    usage.totalTokens === 0 ? 0 : Math.max(worstNanoUsd, known ?? 0);
  return { model, usage, nanoUsd };
}

/** A failed attempt costs what its error says, and the worst case where it does not say it. */
export function chargeOfFailure(error: unknown, facts: ChargeFacts): Charge {
  const { request, worstNanoUsd, hasBegun } = facts;
  const { model } = request;
  const nothing = { model, nanoUsd: 0 };
  // Unless it is one of the caller's own, thrown at the sight of a piece.
  if (isFromBeforeSending(error) && !hasBegun) return nothing;
  if (ModelInvocationError.isInstance(error)) {
    const { partial, billed } = error;
    if (partial !== undefined)
      return chargeOfAnswer(partial, costOf(partial), facts);
    if (billed === "none") return nothing;
  }
  if (InvocationTimeoutError.isInstance(error) && error.partial !== undefined)
    return chargeOfAnswer(error.partial, costOf(error.partial), facts);
  return { model, nanoUsd: worstNanoUsd };
}

/** What is wrong with the request, and the refusals of another `costTracking` inside of this one. */
function isFromBeforeSending(error: unknown): boolean {
  return (
    ConfigurationError.isInstance(error) ||
    (BudgetExceededError.isInstance(error) && error.neededUsd !== undefined) ||
    (StoreError.isInstance(error) && error.operation === "reserve")
  );
}

function assumedCost(usage: Usage, { input, output }: AssumedPrice): number {
  const outputTokens = whole(usage.outputTokens);
  return nanoOfPico(
    (inputTokensOf(usage) * input + outputTokens * output) * 1e6,
  );
}

/** Cache reads and writes included. */
export function inputTokensOf(usage: Usage): number {
  const { inputTokens, cacheReadInputTokens, cacheWriteInputTokens } = usage;
  return whole(inputTokens + cacheReadInputTokens + cacheWriteInputTokens);
}

/** Counts come from outside, and stores take whole numbers only. */
export function whole(count = 0): number {
  return count > 0 && count < Infinity ? Math.round(count) : 0;
}
