import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import { Model, type WithLLM } from "@lambdallm/core";
import { invocationOf, type MiddyMiddleware } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import costTracking, { type WithCostTracker } from "@lambdallm/cost-tracking";
import { type Faults, type LocalBedrock, startBedrock } from "@lambdallm/local";
import retryFallback, { resetRetryState } from "@lambdallm/retry-fallback";
import router from "@lambdallm/router";
import session, { type WithSession } from "@lambdallm/session";
import { MockLambdaContext } from "@lambdallm/testing";
import timeoutGuard from "@lambdallm/timeout-guard";
import type { Context as LambdaContext } from "aws-lambda";
import { middyMajors } from "./middy.ts";
import { rounds } from "./rounds.ts";

type Context = LambdaContext & WithLLM & WithCostTracker & WithSession;
type Feature = Pick<MiddyMiddleware<Context>, "before" | "after">;

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}

/** Every order, or one in five: each two features still come in both orders. */
const ordersOf = (features: readonly string[]) =>
  permutations(features).filter((_order, index) => index % rounds(5, 1) === 0);

/** What the service, the features and the handler saw of one invocation. */
interface Outcome {
  readonly requests: readonly unknown[];
  readonly ledger: readonly unknown[];
  readonly events: readonly unknown[];
  readonly stored: {
    readonly spentNanoUsd: number;
    readonly reservations: readonly unknown[];
    readonly messages: readonly unknown[];
  };
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
): Promise<Outcome> {
  local.reset();
  resetRetryState();
  local.setFaults(faults);
  const ledger: unknown[] = [];
  const events: unknown[] = [];
  const stores = memoryStores();
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
    budget: () => costTracking({ store: stores, dailyBudgetUsd: 1 }),
    session: () => session({ store: stores, id: () => "s1" }),
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
    if (feature !== undefined) chain.use({ ...feature });
  }
  const chats = order.includes("session");
  chain.handler(async (_event, context) => {
    const ask = "How are you?";
    let text = "";
    if (streaming)
      for await (const piece of chats
        ? context.chatStream(ask)
        : context.stream(ask))
        text += piece;
    else text = await (chats ? context.chat(ask) : context.invoke(ask));
    const { modelLatencyMs: _, ...metrics } = context.metrics;
    return { text, metrics };
  });
  const answer = await chain({}, new MockLambdaContext({ timeoutMs: 60_000 }));
  const { turns } = await stores.sessions.load({
    tenantId: "default",
    sessionId: "s1",
  });
  const budget = await stores.budgets.read("global", Date.now());
  return {
    stored: {
      spentNanoUsd: budget.monthNanoUsd,
      reservations: budget.reservations,
      messages: turns.flatMap(({ messages }) => messages),
    },
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

const FEATURES = ["router", "guard", "retries", "costs", "observer"];
const STATEFUL = ["router", "guard", "retries", "budget", "session"];

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
        const expected = await run(middy, FEATURES, faults, streaming);
        expect(expected.requests).toHaveLength(attempts);
        expect(expected.ledger).toHaveLength(attempts * 2);
        for (const order of ordersOf(FEATURES))
          expect({
            order,
            ...(await run(middy, order, faults, streaming)),
          }).toEqual({ order, ...expected });
      },
    );

    test("nor does it for a chat with a budget: what is spent and what is stored is the same", async () => {
      const expected = await run(middy, STATEFUL, faults, false);
      expect(expected.requests).toHaveLength(attempts);
      expect(expected.stored.spentNanoUsd).toBeGreaterThan(0);
      expect(expected.stored).toMatchObject({
        reservations: [],
        messages: [{ role: "user" }, { content: [{ text: "Fine." }] }],
      });
      for (const order of ordersOf(STATEFUL))
        expect({
          order,
          ...(await run(middy, order, faults, false)),
        }).toEqual({ order, ...expected });
    });
  });

  test("a second retryFallback() is refused by name", async () => {
    const chain = middy<object, unknown, Error, Context>()
      .use(bedrock({ region: "us-east-1" }))
      .use(retryFallback())
      .use(retryFallback())
      .handler(async () => "never");
    await expect(chain({}, new MockLambdaContext())).rejects.toThrow(
      /"retryFallback" cannot be added/,
    );
  });
});
