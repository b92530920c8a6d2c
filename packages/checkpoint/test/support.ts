import checkpoint, {
  type CheckpointOptions,
  type WithCheckpoint,
} from "@lambdallm/checkpoint";
import type { WithLLM } from "@lambdallm/core";
import type { MiddyMiddleware } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import type { Context as LambdaContext } from "aws-lambda";
import { middyMajors } from "../../../test-support/middy.ts";

export type Middy = (typeof middyMajors)[number][1];
export type HandlerContext = LambdaContext & WithLLM & WithCheckpoint;
export type Chain = MiddyMiddleware<HandlerContext>;

/** The newest Middy; tests that are not about Middy use this one. */
const [, [, newest]] = middyMajors as [
  (typeof middyMajors)[number],
  (typeof middyMajors)[number],
];

export interface InvokeOptions {
  readonly middy?: Middy;
  readonly provider?: MiddyMiddleware<LambdaContext & WithLLM>;
  readonly checkpoint?: CheckpointOptions;
  /** Middlewares between the provider and the checkpoint. */
  readonly outer?: readonly Chain[];
  /** Middlewares after the checkpoint. */
  readonly inner?: readonly Chain[];
  readonly context?: LambdaContext;
}

export const minutes = () => new MockLambdaContext({ timeoutMs: 600_000 });

export type Handler = (
  context: HandlerContext,
  event: unknown,
) => Promise<unknown>;

/** A function as it is deployed; each call is an invocation of it. */
export function functionOf(handler: Handler, options: InvokeOptions = {}) {
  const { middy = newest, outer = [], inner = [] } = options;
  const { provider = new MockProvider().middleware() } = options;
  const chain = middy<unknown, unknown, Error, HandlerContext>();
  chain.use({ ...provider });
  for (const middleware of outer) chain.use({ ...middleware });
  chain.use({ ...checkpoint(options.checkpoint) });
  for (const middleware of inner) chain.use({ ...middleware });
  chain.handler(async (event, context) => handler(context, event));
  return async (
    event: unknown = {},
    context: LambdaContext = options.context ?? minutes(),
  ): Promise<unknown> =>
    // The middlewares add what is missing to this very context.
    chain(event, context as HandlerContext);
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

export interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A 202 in short: its run, and what it says of it. */
export function suspendedIn(answer: unknown) {
  // As the middleware answers.
  const { statusCode, headers, body } = answer as Answer;
  return { statusCode, headers, ...JSON.parse(body) } as {
    readonly statusCode: number;
    readonly headers: Answer["headers"];
    readonly runId: string;
    readonly status: string;
    readonly resumeAt?: number;
    readonly waitingFor: readonly string[];
  };
}

/** Counts how often each step is run. */
export function counter() {
  const runs: Record<string, number> = {};
  const count = async (name: string) => {
    runs[name] = (runs[name] ?? 0) + 1;
    return `${name} ${runs[name]}`;
  };
  return { runs, count };
}
