import type { WithLLM } from "@lambdallm/core";
import {
  type MiddyMiddleware,
  type ModelRequest,
  type ProviderResponse,
  providerMiddleware,
  usageOf,
} from "@lambdallm/core/feature";
import logging, { type Logger, type LoggingOptions } from "@lambdallm/logging";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import type { Context as LambdaContext } from "aws-lambda";
import middy7 from "middy7";
import type { middyMajors } from "../../../test-support/middy.ts";

export type Middy = (typeof middyMajors)[number][1];
export type HandlerContext = LambdaContext & WithLLM;
type Use = MiddyMiddleware<HandlerContext>;

/** 1 USD per million input tokens, 5 USD per million output tokens. */
export const PRICED = "anthropic.claude-haiku-4-5-20251001-v1:0";

/** A record as it was written, with its level. */
export interface Written {
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A logger that keeps what it is given. */
export function memoryLogger() {
  const records: Written[] = [];
  const method = (level: string) => (record: object) => {
    records.push({ ...(record as Written), level });
  };
  const logger: Logger = {
    ...{ debug: method("debug"), info: method("info") },
    ...{ warn: method("warn"), error: method("error") },
  };
  return { logger, records };
}

/** Without what differs from run to run. */
export const steady = (records: readonly Written[]) =>
  records.map((record) =>
    Object.fromEntries(
      Object.entries(record).filter(
        ([name]) => !/^(?:requestId|message)$|Ms$/.test(name),
      ),
    ),
  );

export const eventsOf = (records: readonly Written[]) =>
  records.map(({ event }) => event);

export interface Setup {
  readonly middy?: Middy;
  readonly provider?: Use;
  /** After the provider and before `logging`. */
  readonly use?: readonly Use[];
  readonly options?: LoggingOptions;
  readonly context?: LambdaContext;
}

/** Runs a handler behind a provider and `logging`, and returns what it answers. */
export async function run<Result>(
  handler: (context: HandlerContext) => Promise<Result>,
  {
    middy = middy7,
    provider = new MockProvider({ responses: ["Hello"] }).middleware(),
    use = [],
    options = {},
    context = new MockLambdaContext(),
  }: Setup = {},
): Promise<Result> {
  const chain = middy<object, Result, Error, HandlerContext>();
  chain.use({ ...provider });
  chain.use({ ...logging(options) });
  for (const one of use) chain.use({ ...one });
  chain.handler(async (_event, given) => handler(given));
  // The provider's middleware adds the model functions to this very context.
  return (await chain({}, context as HandlerContext)) as Result;
}

/** The same, and returns the records. */
export async function recordsOf(
  handler: (context: HandlerContext) => Promise<unknown>,
  { options, ...setup }: Setup = {},
): Promise<Written[]> {
  const { logger, records } = memoryLogger();
  // What it comes to is not asked for here.
  await run(handler, { ...setup, options: { logger, ...options } }).catch(
    () => {},
  );
  return records;
}

/** A provider made of one function. */
export function providerOf(
  call: (request: ModelRequest) => Promise<ProviderResponse>,
): Use {
  return providerMiddleware({
    provider: { name: "test", call },
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
    usage: usageOf(10, 2),
    model: PRICED,
    latencyMs: 7,
    ...changes,
  };
}

export const before = (phase: NonNullable<Use["before"]>): Use => ({
  before: phase,
});

/** Later than every pending callback. */
export const settled = () =>
  new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
