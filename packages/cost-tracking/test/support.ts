import { Model, registerModel, type WithLLM } from "@lambdallm/core";
import {
  invocationOf,
  type MiddyMiddleware,
  type ModelRequest,
  type Provider,
  type ProviderResponse,
  providerMiddleware,
} from "@lambdallm/core/feature";
import { type BudgetStore, memoryStores } from "@lambdallm/core/stores";
import type { WithCostTracker } from "@lambdallm/cost-tracking";
import { MockLambdaContext } from "@lambdallm/testing";
import type { Context as LambdaContext } from "aws-lambda";
import middy7 from "middy7";
import { fakeDate } from "../../../test-support/fake-date.ts";
import type { middyMajors } from "../../../test-support/middy.ts";

export type Middy = (typeof middyMajors)[number][1];
export type HandlerContext = LambdaContext & WithLLM & WithCostTracker;

/** 1 USD per million input tokens, 5 USD per million output tokens; 10 % more in the profile of a geography. */
export const PRICED = Model.CLAUDE_HAIKU_4_5;

/** Its calls with 1,000 tokens cost exactly one cent, and that is their upper bound, too. */
export const CENT_MODEL = "test.cent-v1:0";
registerModel(CENT_MODEL, {
  prices: { input: 0, output: 10 },
  contextWindowTokens: 200_000,
  maxOutputTokens: 1_000,
});
export const CENT = 10_000_000;
export const DOLLAR = 100 * CENT;
export const NOON = Date.UTC(2026, 10, 22, 12);
export const DAY = "2026-11-22";

/** Stops the clock, and nothing else. */
export const stopClock = (now = NOON) => fakeDate(now);

export function answerOf(
  changes: Partial<ProviderResponse> = {},
  outputTokens = 1_000,
): ProviderResponse {
  return {
    message: { role: "assistant", content: [{ text: "Hello" }] },
    text: "Hello",
    stopReason: "end_turn",
    usage: {
      inputTokens: 0,
      outputTokens,
      totalTokens: outputTokens,
      cacheReadInputTokens: 0,
      cacheWriteInputTokens: 0,
    },
    model: CENT_MODEL,
    latencyMs: 7,
    ...changes,
  };
}

/** A provider made of one function. */
export function providerOf(
  call: (request: ModelRequest) => Promise<ProviderResponse> = async () =>
    answerOf(),
  more: Partial<Provider> = {},
): Required<MiddyMiddleware<LambdaContext & WithLLM>> {
  return providerMiddleware({
    provider: { name: "test", region: "us-east-1", call, ...more },
    defaults: { model: CENT_MODEL },
  });
}

export interface Setup {
  readonly provider?: MiddyMiddleware<LambdaContext & WithLLM>;
  readonly use: readonly MiddyMiddleware<never>[];
  readonly event?: object;
  readonly context?: LambdaContext;
  readonly middy?: Middy;
}

/** Runs a handler behind a provider and other middlewares. */
export async function run<Result>(
  { provider = providerOf(), use, event = {}, context, middy = middy7 }: Setup,
  handler: (context: HandlerContext) => Promise<Result>,
): Promise<Result> {
  const chain = middy<object, Result, Error, HandlerContext>();
  chain.use({ ...provider });
  // What they need of the context, the provider and each other have put there.
  for (const middleware of use)
    chain.use({ ...(middleware as MiddyMiddleware<HandlerContext>) });
  chain.handler(async (_event, handlerContext) => handler(handlerContext));
  const lambda = context ?? new MockLambdaContext();
  // The middlewares add the rest to this very context.
  return (await chain(event, lambda as HandlerContext)) as Result;
}

/** A call whose upper bound and whose cost are one cent. */
export const ask = (context: HandlerContext, model = CENT_MODEL) =>
  context.invoke("Hi", undefined, { model, maxTokens: 1_000 });

/** What a promise was rejected with; the test fails when it was not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const nothing = Symbol("not rejected");
  const reason = await promise.then(
    () => nothing,
    (error: unknown) => error,
  );
  if (reason === nothing) throw new Error("The promise was not rejected.");
  return reason;
}

/** A store whose methods can be replaced. */
export function storeWith(changes: Partial<BudgetStore> = {}) {
  const { budgets } = memoryStores();
  const names = [
    "reserve",
    "settle",
    "reap",
    "read",
    "record",
    "report",
  ] as const;
  const bound = Object.fromEntries(
    names.map((name) => [name, budgets[name].bind(budgets)]),
  );
  // Every method is there.
  const real = bound as unknown as BudgetStore;
  return { budgets: { ...real, ...changes }, real };
}

/** What is counted in a scope, in nano-USD. */
export async function used(
  { budgets }: { readonly budgets: BudgetStore },
  scope = "global",
  at = Date.now(),
) {
  const { dayNanoUsd, monthNanoUsd, reservations } = await budgets.read(
    scope,
    at,
  );
  return { dayNanoUsd, monthNanoUsd, inFlight: reservations.length };
}

/** Collects events of these names. */
export function listener(
  ...names: readonly ("budget-alert" | "budget-exceeded" | "budget-problem")[]
) {
  const events: { readonly name: string; readonly event: unknown }[] = [];
  const middleware: MiddyMiddleware = {
    before: async ({ context }) => {
      for (const name of names)
        invocationOf(context).events.on(name, (event) => {
          events.push({ name, event });
        });
    },
  };
  return { events, middleware };
}
