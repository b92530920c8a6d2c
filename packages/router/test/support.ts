import type { ConverseRequest, WithLLM } from "@lambdallm/core";
import { invocationOf, type MiddyMiddleware } from "@lambdallm/core/feature";
import type { RouteExplanation } from "@lambdallm/router";
import { MockLambdaContext } from "@lambdallm/testing";
import type { Context as LambdaContext } from "aws-lambda";
import type { middyMajors } from "../../../test-support/middy.ts";

export type Middy = (typeof middyMajors)[number][1];
export type HandlerContext = LambdaContext & WithLLM;
type Middleware = MiddyMiddleware<HandlerContext>;

/** The day of these tests, for what takes a date: the catalog's models end one day. */
export const NOW = Date.UTC(2026, 10, 22);

/** Runs a handler behind middlewares, the provider's first. */
export async function run<Result>(
  middy: Middy,
  middlewares: readonly Middleware[],
  handler: (context: HandlerContext) => Promise<Result>,
  context: LambdaContext = new MockLambdaContext(),
): Promise<Result> {
  const chain = middy<object, Result, Error, HandlerContext>();
  for (const middleware of middlewares) chain.use({ ...middleware });
  chain.handler(async (_event, handlerContext) => handler(handlerContext));
  // The provider's middleware adds the model functions to this very context.
  return (await chain({}, context as HandlerContext)) as Result;
}

/** A middleware with one phase. */
export const before = (
  phase: NonNullable<Middleware["before"]>,
): Middleware => ({ before: phase });

/** A middleware that keeps what a budget has left. */
export const budget = (shareLeft: number) =>
  before(async ({ context }) => {
    invocationOf(context).budgetShareLeft = () => shareLeft;
  });

type RouteEvent = RouteExplanation & { callId: number };

/** A middleware that collects the router's events. */
export function routeListener() {
  const events: RouteEvent[] = [];
  const middleware = before(async ({ context }) => {
    invocationOf(context).events.on("route", (event) => {
      events.push(event);
    });
  });
  return { events, middleware };
}

export const asking = (
  more: Partial<ConverseRequest> = {},
): ConverseRequest => ({
  messages: [{ role: "user", content: [{ text: "What is this?" }] }],
  ...more,
});

export const TOOL = {
  toolSpec: { name: "look", inputSchema: { json: { type: "object" } } },
} as const;

export const IMAGE = {
  image: { format: "png", source: { bytes: new Uint8Array([1]) } },
} as const;

export const DOCUMENT = {
  document: { name: "report", format: "pdf", source: { text: "Numbers" } },
} as const;

/** What a call was rejected with; the test fails when it was not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const nothing = Symbol("not rejected");
  const reason = await promise.then(
    () => nothing,
    (error: unknown) => error,
  );
  if (reason === nothing) throw new Error("The promise was not rejected.");
  return reason;
}

export function thrown(fn: () => unknown): Error {
  try {
    fn();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("Nothing was thrown.");
}
