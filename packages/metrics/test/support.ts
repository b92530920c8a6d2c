import type { WithCheckpoint } from "@lambdallm/checkpoint";
import type { WithLLM } from "@lambdallm/core";
import type { MiddyMiddleware } from "@lambdallm/core/feature";
import type { WithCostTracker } from "@lambdallm/cost-tracking";
import {
  MockLambdaContext,
  MockProvider,
  type MockResponse,
} from "@lambdallm/testing";
import type { Context as LambdaContext } from "aws-lambda";
import { middyMajors } from "../../../test-support/middy.ts";
import metrics, { type MetricsOptions } from "../src/index.ts";
import { type EmfDocument, emfFaults, metricsIn } from "./emf-rules.ts";

export type Middy = (typeof middyMajors)[number][1];
/** With the members of all middlewares that a test may use. */
export type HandlerContext = LambdaContext &
  WithLLM &
  WithCheckpoint &
  WithCostTracker;
export type Chain = MiddyMiddleware<HandlerContext>;

/** The newest Middy; tests that are not about Middy use this one. */
const [, [, newest]] = middyMajors as [
  (typeof middyMajors)[number],
  (typeof middyMajors)[number],
];

/** What is written, and what CloudWatch makes of it. */
export class Lines {
  readonly lines: string[] = [];
  readonly write = (line: string) => {
    this.lines.push(line);
  };

  /** @throws when CloudWatch would not take a document. */
  get metrics(): Record<string, number[]> {
    const faults = this.lines.flatMap((line) => emfFaults(line));
    if (faults.length > 0) throw new Error(faults.join("\n"));
    return metricsIn(this.lines);
  }

  get documents(): EmfDocument[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  /** The figures over everything, without times. */
  get overall(): Record<string, number[]> {
    return Object.fromEntries(
      Object.entries(this.metrics).flatMap(([key, values]) => {
        const name = key.replace("{}", "");
        return name.includes("{") || name === "Latency" ? [] : [[name, values]];
      }),
    );
  }
}

export interface Scene {
  readonly middy?: Middy;
  readonly responses?: readonly MockResponse[];
  readonly provider?: MiddyMiddleware<LambdaContext & WithLLM>;
  /** Those of `metrics()`; false for a function without it. */
  readonly options?: MetricsOptions | false;
  /** Before the metrics. */
  readonly outer?: readonly Chain[];
  /** After the metrics. */
  readonly inner?: readonly Chain[];
}

/** A function with metrics, as it is deployed; each call is an invocation of it. */
export function functionOf<Result>(
  handler: (context: HandlerContext, event: unknown) => Promise<Result>,
  scene: Scene = {},
) {
  const { middy = newest, responses, outer = [], inner = [] } = scene;
  const model = new MockProvider(responses && { responses });
  const { provider = model.middleware() } = scene;
  const written = new Lines();
  const chain = middy<unknown, Result, Error, HandlerContext>();
  chain.use({ ...provider });
  for (const middleware of outer) chain.use({ ...middleware });
  if (scene.options !== false)
    chain.use({ ...metrics({ write: written.write, ...scene.options }) });
  for (const middleware of inner) chain.use({ ...middleware });
  chain.handler(async (event, context) => handler(context, event));
  return {
    written,
    model,
    invoke: async (
      event: unknown = {},
      context: LambdaContext = new MockLambdaContext({ timeoutMs: 60_000 }),
    ): Promise<Result> =>
      // The middlewares add what is missing to this very context.
      (await chain(event, context as HandlerContext)) as Result,
  };
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
