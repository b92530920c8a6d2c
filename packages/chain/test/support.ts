import { Model, type WithLLM } from "@lambdallm/core";
import {
  type MiddyMiddleware,
  type ModelRequest,
  type Provider,
  type ProviderResponse,
  providerMiddleware,
} from "@lambdallm/core/feature";
import {
  MockLambdaContext,
  MockProvider,
  type MockResponse,
} from "@lambdallm/testing";
import type { Context as LambdaContext } from "aws-lambda";
import { middyMajors } from "../../../test-support/middy.ts";

export type Middy = (typeof middyMajors)[number][1];
export type HandlerContext = LambdaContext & WithLLM;

/** A model whose price is in the catalog: 1 USD per million input tokens, 5 USD per million output tokens. */
export const PRICED = Model.CLAUDE_HAIKU_4_5;

/** The newest Middy; tests that are not about Middy use this one. */
const [, [, newest]] = middyMajors as [
  (typeof middyMajors)[number],
  (typeof middyMajors)[number],
];

export interface InHandlerOptions {
  readonly middy?: Middy;
  readonly provider?: MiddyMiddleware<HandlerContext>;
  /** After the provider's. */
  readonly more?: readonly MiddyMiddleware<HandlerContext>[];
  readonly context?: LambdaContext;
}

/** Runs something in a handler behind a provider. */
export async function inHandler<Result>(
  work: (context: HandlerContext) => Promise<Result>,
  options: InHandlerOptions = {},
): Promise<Result> {
  const { middy = newest, more = [] } = options;
  const { provider = new MockProvider().middleware() } = options;
  const { context = new MockLambdaContext() } = options;
  const handler = middy<object, Result, Error, HandlerContext>({
    // On durable functions a program that has to wait never comes to its end here: nothing is to wait for it.
    timeoutEarlyInMillis: 0,
  });
  for (const middleware of [provider, ...more]) handler.use({ ...middleware });
  handler.handler(async (_event, handlerContext) => work(handlerContext));
  // The provider's middleware adds the model functions to this very context.
  return (await handler({}, context as HandlerContext)) as Result;
}

/** A model that answers by what it is asked. */
export function answering(
  answer: (
    prompt: string,
    request: ModelRequest,
  ) => MockResponse | Promise<MockResponse>,
): MockProvider {
  return new MockProvider({
    responses: [
      (request) => {
        const [block] = request.messages.at(-1)?.content ?? [];
        const text = block !== undefined && "text" in block ? block.text : "";
        return answer(text, request);
      },
    ],
  });
}

/** A provider made of one function. */
export function providerOf(
  call: (request: ModelRequest) => Promise<ProviderResponse>,
  more: Partial<Provider> = {},
): Required<MiddyMiddleware<HandlerContext>> {
  return providerMiddleware({
    provider: { name: "test", call, ...more },
    defaults: { model: PRICED },
  });
}

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
