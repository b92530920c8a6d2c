import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import {
  invocationOf,
  type MiddyMiddleware,
  Model,
  type WithLLM,
} from "@lambdallm/core";
import { type Faults, type LocalBedrock, startBedrock } from "@lambdallm/local";
import retryFallback, { resetRetryState } from "@lambdallm/retry-fallback";
import router from "@lambdallm/router";
import { MockLambdaContext } from "@lambdallm/testing";
import timeoutGuard from "@lambdallm/timeout-guard";
import type { Context as LambdaContext } from "aws-lambda";
import { middyMajors } from "./middy.ts";

type Context = LambdaContext & WithLLM;
type Feature = Required<Pick<MiddyMiddleware<Context>, "before">>;

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}

/** What the service, the features and the handler saw of one invocation. */
interface Record {
  readonly requests: readonly unknown[];
  readonly ledger: readonly unknown[];
  readonly events: readonly unknown[];
  readonly answer: unknown;
}

let local: LocalBedrock;

beforeAll(async () => {
  local = await startBedrock({
    now: () => Date.UTC(2026, 10, 22),
    respond: () => ({
      content: [{ text: "Fine." }],
      usage: { inputTokens: 30, outputTokens: 3 },
    }),
  });
});
afterAll(async () => local.close());
beforeEach(() => resetRetryState());

/** Reserves before each attempt and settles after it, as a budget does. */
function costs(ledger: unknown[]): Feature {
  return {
    before: async ({ context }) => {
      invocationOf(context).intercept(
        "attempt",
        "costs",
        async (request, next) => {
          const { model, maxTokens } = request;
          ledger.push({ reserve: model, maxTokens });
          try {
            const response = await next(request);
            ledger.push({ settle: response.model, costUsd: response.costUsd });
            return response;
          } catch (error) {
            ledger.push({ failed: model });
            throw error;
          }
        },
      );
    },
  };
}

function observer(events: unknown[]): Feature {
  return {
    before: async ({ context }) => {
      const invocation = invocationOf(context);
      const names = [
        "call-start",
        "attempt-start",
        "attempt-error",
        "attempt-end",
        "call-end",
      ] as const;
      for (const name of names)
        invocation.events.on(name, ({ callId, request }) => {
          events.push([name, callId, request.model, request.maxTokens]);
        });
    },
  };
}

async function run(
  middy: (typeof middyMajors)[number][1],
  order: readonly string[],
  faults: Faults,
  streaming: boolean,
): Promise<Record> {
  local.reset();
  resetRetryState();
  local.setFaults(faults);
  const ledger: unknown[] = [];
  const events: unknown[] = [];
  const features: { readonly [name: string]: () => Feature } = {
    router: () =>
      router({
        models: [Model.CLAUDE_OPUS_4_5, Model.NOVA_PRO],
        strategy: "cheapest",
      }),
    guard: () => timeoutGuard({ strategy: "truncate", adaptMaxTokens: true }),
    retries: () =>
      retryFallback({
        baseDelayMs: 1,
        random: () => 0,
        fallbackModel: Model.NOVA_LITE,
      }),
    costs: () => costs(ledger),
    observer: () => observer(events),
  };
  const chain = middy<object, unknown, Error, Context>().use(
    bedrock({
      region: "us-east-1",
      maxTokens: 400,
      clientConfig: {
        endpoint: local.url,
        credentials: { accessKeyId: "local", secretAccessKey: "local" },
      },
    }),
  );
  for (const name of order) {
    const feature = features[name]?.();
    if (feature !== undefined) chain.use({ before: feature.before });
  }
  chain.handler(async (_event, context) => {
    let text = "";
    if (streaming)
      for await (const piece of context.stream("How are you?")) text += piece;
    else text = await context.invoke("How are you?");
    const { modelLatencyMs: _, ...metrics } = context.metrics;
    return { text, metrics };
  });
  const context = new MockLambdaContext({ timeoutMs: 60_000 });
  const answer = await chain({}, context as Context);
  return {
    requests: local.requests.map(({ operation, modelId, body }) => ({
      operation,
      modelId,
      body,
    })),
    ledger,
    events,
    answer,
  };
}

const NAMES = ["router", "guard", "retries", "costs", "observer"];

const scenarios: readonly (readonly [
  name: string,
  faults: Faults,
  attempts: number,
])[] = [
  ["all is well", [], 1],
  ["the first attempt is throttled", [{ error: "ThrottlingException" }], 2],
  [
    "the router's model has reached its end of life",
    ({ modelId }) =>
      modelId?.includes("nova-pro")
        ? {
            error: "ResourceNotFoundException",
            message: "This model version has reached the end of its life.",
          }
        : undefined,
    2,
  ],
];

describe.each(middyMajors)("on %s", (_name, middy) => {
  describe.each(scenarios)("when %s", (_scenario, faults, attempts) => {
    test.each([
      ["invoke", false],
      ["stream", true],
    ])(
      "the order of .use() changes nothing for %s: requests, totals and records are the same",
      async (_method, streaming) => {
        const expected = await run(middy, NAMES, faults, streaming);
        expect(expected.requests).toHaveLength(attempts);
        expect(expected.ledger).toHaveLength(attempts * 2);
        for (const order of permutations(NAMES))
          expect({
            order,
            ...(await run(middy, order, faults, streaming)),
          }).toEqual({ order, ...expected });
      },
    );
  });

  test("a second retryFallback() is refused by name", async () => {
    const chain = middy<object, unknown, Error, Context>()
      .use(bedrock({ region: "us-east-1" }))
      .use(retryFallback())
      .use(retryFallback())
      .handler(async () => "never");
    await expect(
      chain({}, new MockLambdaContext() as unknown as Context),
    ).rejects.toThrow(/"retryFallback" cannot be added/);
  });
});
