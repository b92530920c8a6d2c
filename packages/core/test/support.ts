import { Model, type TextStream, type WithLLM } from "@lambdallm/core";
import {
  type MiddyMiddleware,
  type ModelRequest,
  type Provider,
  type ProviderResponse,
  providerMiddleware,
} from "@lambdallm/core/feature";
import { MockLambdaContext } from "@lambdallm/testing";
import type { Context as LambdaContext } from "aws-lambda";
import type { middyMajors } from "../../../test-support/middy.ts";

export type Middy = (typeof middyMajors)[number][1];
export type HandlerContext = LambdaContext & WithLLM;

/** A model whose price is in the catalog: 1 USD per million input tokens, 5 USD per million output tokens. */
export const PRICED = Model.CLAUDE_HAIKU_4_5;

/** Later than every pending callback. Jest fails a test during which a rejection stays unhandled until then. */
export const settled = () =>
  new Promise<void>((resolve) => {
    setImmediate(resolve);
  });

/** Runs a handler behind middlewares, the provider's first. */
export async function run<Result>(
  middy: Middy,
  middlewares: readonly MiddyMiddleware<HandlerContext>[],
  handler: (context: HandlerContext) => Promise<Result>,
  context: LambdaContext = new MockLambdaContext(),
): Promise<Result> {
  const chain = middy<object, Result, Error, HandlerContext>();
  for (const middleware of middlewares) chain.use({ ...middleware });
  chain.handler(async (_event, handlerContext) => handler(handlerContext));
  // The provider's middleware adds the model functions to this very context.
  return (await chain({}, context as HandlerContext)) as Result;
}

/** A provider made of one function, for what the mock does not do. */
export function providerOf(
  call: (request: ModelRequest) => Promise<ProviderResponse>,
  more: Partial<Provider> = {},
): Required<MiddyMiddleware<HandlerContext>> {
  return providerMiddleware({
    provider: { name: "test", call, ...more },
    defaults: { model: PRICED },
  });
}

export function answerOf(
  text: string,
  changes: Partial<ProviderResponse> = {},
): ProviderResponse {
  return {
    message: { role: "assistant", content: [{ text }] },
    text,
    stopReason: "end_turn",
    usage: {
      inputTokens: 10,
      outputTokens: 2,
      totalTokens: 12,
      cacheReadInputTokens: 0,
      cacheWriteInputTokens: 0,
    },
    model: PRICED,
    latencyMs: 7,
    ...changes,
  };
}

/** A provider whose calls end when their signal aborts, and not before. */
export function hangingProvider() {
  const calls: ModelRequest[] = [];
  const reasons: unknown[] = [];
  const middleware = providerOf(
    (request) =>
      new Promise((_resolve, reject) => {
        calls.push(request);
        request.signal?.addEventListener("abort", () => {
          reasons.push(request.signal?.reason);
          reject(request.signal?.reason);
        });
      }),
  );
  return { middleware, calls, reasons };
}

/** A model that writes what `write` is told to, when it is told to. */
export function writingProvider() {
  const begun = Promise.withResolvers<ModelRequest>();
  const end = Promise.withResolvers<ProviderResponse>();
  const middleware = providerOf(async (request) => {
    request.signal?.addEventListener("abort", () => {
      end.reject(request.signal?.reason);
    });
    begun.resolve(request);
    return end.promise;
  });
  const write = async (text: string) => {
    const { onDelta } = await begun.promise;
    onDelta?.({ kind: "text", text });
  };
  return { middleware, write, end, request: begun.promise };
}

/** Writes its chunks and then nothing more; knows whether it was left. */
export function hangingSource(...chunks: readonly string[]) {
  const source = {
    left: 0,
    body: {
      [Symbol.asyncIterator]() {
        const rest = [...chunks];
        return {
          async next(): Promise<IteratorResult<string>> {
            const value = rest.shift();
            if (value !== undefined) return { done: false, value };
            return new Promise(() => {});
          },
          async return(): Promise<IteratorResult<string>> {
            source.left += 1;
            return { done: true, value: undefined };
          },
        };
      },
    },
  };
  return source;
}

/** What a stream brings, up to its end or its failure. */
export async function readText(stream: TextStream): Promise<unknown[]> {
  const seen: unknown[] = [];
  try {
    for await (const text of stream) seen.push(text);
  } catch (error) {
    seen.push(error);
  }
  return seen;
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

/** A middleware with one phase. */
export const before = (
  phase: NonNullable<MiddyMiddleware<HandlerContext>["before"]>,
): MiddyMiddleware<HandlerContext> => ({ before: phase });
