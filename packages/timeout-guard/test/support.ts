import { bedrock } from "@lambdallm/bedrock";
import type {
  LLMContext,
  ModelInvocationError,
  WithLLM,
} from "@lambdallm/core";
import type { MiddyMiddleware, Stage } from "@lambdallm/core/feature";
import { type Interceptor, invocationOf } from "@lambdallm/core/feature";
import {
  type LocalBedrock,
  type Reply,
  type StartBedrockOptions,
  startBedrock,
} from "@lambdallm/local";
import { MockLambdaContext } from "@lambdallm/testing";
import type { Context as LambdaContext } from "aws-lambda";
import type { middyMajors } from "../../../test-support/middy.ts";
import timeoutGuard, { type TimeoutGuardOptions } from "../src/index.ts";

export type Middy = (typeof middyMajors)[number][1];
export type HandlerContext = LambdaContext & WithLLM;

export const HOUR_MS = 3_600_000;

/** Has tools, also in a stream, and a price. */
export const MODEL = "global.anthropic.claude-haiku-4-5-20251001-v1:0";

/** A model of its own for each test: what a process has seen of a model stays. */
export const newModel = (
  (count) => () =>
    `test.model-${++count}-v1:0`
)(0);

export function start(options: StartBedrockOptions = {}) {
  // The catalog's models end one day; these tests do not.
  return startBedrock({ now: () => Date.UTC(2026, 10, 22), ...options });
}

/** The provider over the local Bedrock. */
export function provider(local: Pick<LocalBedrock, "url">) {
  return bedrock({
    model: MODEL,
    region: "us-east-1",
    inferenceProfile: "none",
    clientConfig: {
      endpoint: local.url,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    },
  });
}

/** Runs one invocation of a handler behind middlewares, the provider's first. */
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

/** A guard whose deadline comes so soon after the invocation began, in a function that has a minute. */
export function guardAfter(
  deadlineMs: number,
  options: TimeoutGuardOptions = {},
) {
  return timeoutGuard({ bufferMs: MINUTE_MS - deadlineMs, ...options });
}

const MINUTE_MS = 60_000;

export const minute = () => new MockLambdaContext({ timeoutMs: MINUTE_MS });

/** A feature: an interceptor in a stage. */
export function feature(
  stage: Stage,
  name: string,
  intercept: Interceptor,
): MiddyMiddleware<HandlerContext> {
  return {
    before: async ({ context }) => {
      invocationOf(context).intercept(stage, name, intercept);
    },
  };
}

/** Sends a request again, once, when its failure is one that may pass. */
export const retryOnce = feature("retry", "retryOnce", (request, next) =>
  next(request).catch((error: ModelInvocationError) => {
    if (!error.retryable) throw error;
    return next(request);
  }),
);

/** What a call was rejected with; the test fails when it was not. */
export async function failureOf(
  call: Promise<unknown>,
): Promise<ModelInvocationError> {
  return call.then(
    (value) => {
      throw new Error(`did not fail, but gave ${JSON.stringify(value)}`);
    },
    (error: ModelInvocationError) => error,
  );
}

/** Streams these texts, and then nothing more; the answer in one piece, where it is not streamed, never comes. */
export function unfinished(...texts: readonly string[]): Reply {
  return {
    content: [{ text: texts.join("") }],
    rawEvents: [
      ...texts.map((text) => ({
        type: "contentBlockDelta",
        payload: { contentBlockIndex: 0, delta: { text } },
      })),
      { type: "contentBlockStop", payload: { contentBlockIndex: 0 } },
    ],
  };
}

export function question(text = "Count") {
  return [{ role: "user" as const, content: [{ text }] }];
}

export async function readAll(
  stream: ReturnType<LLMContext["stream"]>,
): Promise<string> {
  let text = "";
  for await (const piece of stream) text += piece;
  return text;
}

/** The operations that the local Bedrock was asked for. */
export const operations = (local: LocalBedrock) =>
  local.requests.map(({ operation }) => operation);
