import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import {
  ConfigurationError,
  InvocationTimeoutError,
  ModelInvocationError,
  StoreError,
} from "@lambdallm/core";
import {
  invocationOf,
  type MiddyMiddleware,
  type ModelRequest,
  type ProviderResponse,
} from "@lambdallm/core/feature";
import { type BudgetStore, memoryStores } from "@lambdallm/core/stores";
import costTracking, {
  CostTracker,
  type CostTrackingOptions,
} from "@lambdallm/cost-tracking";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  ask,
  CENT,
  CENT_MODEL,
  PRICED,
  providerOf,
  rejection,
  run,
  stopClock,
  storeWith,
  used,
} from "./support.ts";

beforeEach(() => stopClock());
afterEach(() => {
  jest.useRealTimers();
});

const half = answerOf({}, 500);
const failure = (
  billed: "none" | "partial" | "unknown",
  partial?: ProviderResponse,
  reason = "model-failed",
) =>
  new ModelInvocationError("It failed.", {
    reason,
    model: CENT_MODEL,
    billed,
    ...(partial && { partial }),
  });
const estimated = (totalTokens: number) =>
  answerOf({
    usage: {
      inputTokens: totalTokens,
      outputTokens: 0,
      totalTokens,
      cacheReadInputTokens: 0,
      cacheWriteInputTokens: 0,
      estimated: true,
    },
  });

describe.each(middyMajors)("%s", (_name, middy) => {
  test("a call sets its worst case aside while it runs, and is charged what it cost", async () => {
    const store = memoryStores();
    const seen: unknown[] = [];
    const provider = providerOf(async () => {
      seen.push(await used(store));
      return half;
    });
    const tracking = costTracking({ store, dailyBudgetUsd: 1 });
    const costUsd = await run(
      { middy, provider, use: [tracking] },
      async (context) => {
        await ask(context);
        seen.push(await used(store));
        return context.totalCostUsd;
      },
    );
    expect(seen).toEqual([
      { dayNanoUsd: CENT, monthNanoUsd: CENT, inFlight: 1 },
      { dayNanoUsd: CENT / 2, monthNanoUsd: CENT / 2, inFlight: 0 },
    ]);
    expect(costUsd).toBe(0.005);
  });

  test.each([
    ["an answer", async () => half],
    ["an error", () => Promise.reject(failure("partial", half))],
  ])("%s comes after its settlement", async (_what, call) => {
    const store = storeWith();
    const { settle } = store.real;
    const asked = Promise.withResolvers<void>();
    const awake = Promise.withResolvers<void>();
    store.budgets.settle = async (...given) => {
      asked.resolve();
      await awake.promise;
      return settle(...given);
    };
    const tracking = costTracking({ store, dailyBudgetUsd: 1 });
    const order: string[] = [];
    await run(
      { middy, provider: providerOf(call), use: [tracking] },
      async (context) => {
        const end = () => order.push("the call has ended");
        const ended = ask(context).then(end, end);
        await asked.promise;
        await new Promise(setImmediate);
        order.push("the store replies");
        awake.resolve();
        await ended;
      },
    );
    expect(order).toEqual(["the store replies", "the call has ended"]);
    expect(await used(store)).toMatchObject({ dayNanoUsd: CENT / 2 });
  });

  test("a stream is settled before its iteration ends", async () => {
    const store = memoryStores();
    const tracking = costTracking({ store, dailyBudgetUsd: 1 });
    const model = new MockProvider({
      responses: [
        { text: "a b c", usage: { inputTokens: 100, outputTokens: 3 } },
      ],
    });
    const seen: number[] = [];
    await run(
      { middy, provider: model.middleware(), use: [tracking] },
      async (context) => {
        const options = { model: PRICED, maxTokens: 100 };
        for await (const _ of context.stream("Hi", undefined, options))
          seen.push((await used(store)).inFlight);
        seen.push((await used(store)).inFlight);
      },
    );
    // How far the reader is behind the model is open.
    expect([seen[0], seen.at(-1)]).toEqual([1, 0]);
    expect(await used(store)).toMatchObject({ dayNanoUsd: 100_000 + 15_000 });
  });
});

const outcomes: readonly [
  what: string,
  call: (request: ModelRequest) => ProviderResponse,
  cents: number,
][] = [
  ["known usage: its price", () => half, 0.5],
  [
    "usage that is not of this model's prices: the worst case",
    () => answerOf({ model: "test.unknown" }),
    1,
  ],
  [
    "usage that is no number: the worst case",
    () => answerOf({}, Number.NaN),
    1,
  ],
  [
    "an answer that the deadline cut off: the worst case",
    () => ({ ...estimated(30), stopReason: "timeout" }),
    1,
  ],
  [
    "an estimate of another model's usage, whose price is not known: the worst case",
    () => ({ ...estimated(30), model: "test.unknown" }),
    1,
  ],
  [
    "an answer that came too late to be sent: nothing",
    () => ({ ...estimated(0), stopReason: "timeout" }),
    0,
  ],
];
const failures: readonly [what: string, error: Error, cents: number][] = [
  ["a failure that is not billed: nothing", failure("none"), 0],
  ["a failure of which nobody knows: the worst case", failure("unknown"), 1],
  [
    "a partial answer of estimated usage: the worst case",
    failure("partial", estimated(30)),
    1,
  ],
  ["a partial answer of known usage: its price", failure("partial", half), 0.5],
  [
    "an abort of what was not sent: nothing",
    failure("none", undefined, "aborted"),
    0,
  ],
  [
    "an abort on the way: the worst case",
    failure("unknown", undefined, "aborted"),
    1,
  ],
  [
    "a partial answer of a timeout: its price when it is known",
    new InvocationTimeoutError("Over.", half),
    0.5,
  ],
  [
    "a timeout of which nothing is known: the worst case",
    new InvocationTimeoutError("Over."),
    1,
  ],
  ["an error of another kind: the worst case", new Error("What?"), 1],
  [
    "an error of a store that has nothing to do with budgets: the worst case",
    new StoreError("Down.", { reason: "unavailable", operation: "append" }),
    1,
  ],
  [
    "an error in what the provider was told, before it sends anything: nothing",
    new ConfigurationError("No Region."),
    0,
  ],
];

describe("The charge", () => {
  test.each(outcomes)("of %s", async (_what, call, cents) => {
    const store = memoryStores();
    await run(
      {
        provider: providerOf(async (request) => call(request)),
        use: [costTracking({ store, dailyBudgetUsd: 1 })],
      },
      async ({ converse }) =>
        converse({
          messages: [{ role: "user", content: [{ text: "Hi" }] }],
          maxTokens: 1_000,
        }),
    );
    expect(await used(store)).toMatchObject({
      dayNanoUsd: cents * CENT,
      inFlight: 0,
    });
  });

  test.each([
    [Number.NaN, 0],
    [-5, 0],
    [Number.POSITIVE_INFINITY, 0],
    [0.4, 0],
    [1.6, 2],
  ])("of %d tokens is reported as one of %d", async (given, tokens) => {
    const store = memoryStores();
    const { usage } = half;
    const provider = providerOf(async () =>
      answerOf({
        usage: { ...usage, inputTokens: given, outputTokens: given },
      }),
    );
    const report = await run(
      { provider, use: [costTracking({ store, dailyBudgetUsd: 1 })] },
      async (context) => {
        await ask(context);
        return context.costTracker;
      },
    ).then((tracker) => tracker.report("daily"));
    expect(report).toMatchObject({
      calls: 1,
      inputTokens: tokens,
      outputTokens: tokens,
    });
  });

  test.each(failures)("of %s", async (_what, error, cents) => {
    const store = memoryStores();
    const thrown = await rejection(
      run(
        {
          provider: providerOf(async () => {
            throw error;
          }),
          use: [costTracking({ store, dailyBudgetUsd: 1 })],
        },
        ask,
      ),
    );
    expect(thrown).toBe(error);
    expect(await used(store)).toMatchObject({
      dayNanoUsd: cents * CENT,
      inFlight: 0,
    });
  });

  test.each<[why: string, other: CostTrackingOptions]>([
    [
      "for which another costTracking has no room",
      { store: memoryStores(), dailyBudgetUsd: 0.009 },
    ],
    [
      "because the store of another costTracking is down",
      {
        store: storeWith({
          reserve: async () => {
            throw new StoreError("Down.", {
              reason: "unavailable",
              operation: "reserve",
            });
          },
        }),
        dailyBudgetUsd: 1,
      },
    ],
  ])("of a call that was not sent %s: nothing", async (_why, other) => {
    const store = memoryStores();
    const model = new MockProvider();
    const use = [
      costTracking({ store, dailyBudgetUsd: 1 }),
      costTracking({ ...other, name: "other" }),
    ];
    await rejection(run({ provider: model.middleware(), use }, ask));
    expect(model.totalCalls).toBe(0);
    expect(await used(store)).toMatchObject({ dayNanoUsd: 0, inFlight: 0 });
  });

  test("of a call after which an interceptor finds the budget used up: the worst case", async () => {
    const store = memoryStores();
    const empty = new CostTracker({ store: memoryStores(), dailyBudgetUsd: 0 });
    const checking: MiddyMiddleware = {
      before: async ({ context }) =>
        invocationOf(context).intercept(
          "attempt",
          "check",
          async (request, next) => {
            await next(request);
            await empty.checkBudget();
            throw new Error("Not reached.");
          },
        ),
    };
    const use = [costTracking({ store, dailyBudgetUsd: 1 }), checking];
    expect(await rejection(run({ use }, ask))).toMatchObject({
      code: "BUDGET_EXCEEDED",
    });
    expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 0 });
  });

  test("of a stream that its reader leaves: the worst case", async () => {
    const store = memoryStores();
    const model = new MockProvider({ responses: ["a b c d e f g h"] });
    await run(
      {
        provider: model.middleware(),
        use: [costTracking({ store, dailyBudgetUsd: 1 })],
      },
      async ({ stream }) => {
        for await (const _ of stream("Hi", undefined, { model: CENT_MODEL }))
          break;
      },
    );
    expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 0 });
  });

  test("of a call that the handler has not waited for: the worst case", async () => {
    const store = memoryStores();
    const warn = jest.spyOn(process, "emitWarning").mockReturnValue();
    const model = new MockProvider({
      responses: [{ text: "late", delayMs: Number.POSITIVE_INFINITY }],
    });
    const context = new MockLambdaContext({ timeoutMs: 60_000 });
    await run(
      {
        provider: model.middleware(),
        use: [costTracking({ store, dailyBudgetUsd: 1 })],
        context,
      },
      async (handlerContext) => {
        void ask(handlerContext);
        // It is on its way.
        while (model.totalCalls === 0)
          await new Promise((done) => setImmediate(done));
      },
    );
    expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 0 });
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  test("and the answer are not lost for tags that are no text", async () => {
    const store = memoryStores();
    const tags = Object({ "prompt.name": 7 });
    const tagging: MiddyMiddleware = {
      before: async ({ context }) =>
        invocationOf(context).intercept("call", "tags", (request, next) =>
          next({ ...request, tags }),
        ),
    };
    const use = [costTracking({ store, dailyBudgetUsd: 1 }), tagging];
    expect(await run({ use }, ask)).toBe("Hello");
    const tracker = new CostTracker({ store });
    expect((await tracker.report("daily")).byPrompt).toMatchObject([
      { prompt: "7", costUsd: 0.01 },
    ]);
  });

  test("of an error that the caller's own code throws at the sight of a piece: the worst case", async () => {
    const store = memoryStores();
    await rejection(
      run(
        {
          provider: new MockProvider({ responses: ["a b c"] }).middleware(),
          use: [costTracking({ store, dailyBudgetUsd: 1 })],
        },
        async ({ converse }) =>
          converse({
            model: CENT_MODEL,
            messages: [{ role: "user", content: [{ text: "Hi" }] }],
            onDelta: () => {
              throw new ConfigurationError("Not this one.");
            },
          }),
      ),
    );
    expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 0 });
  });

  test("of an abort while the model writes: the worst case; of one before anything was sent: nothing", async () => {
    const store = memoryStores();
    const controller = new AbortController();
    const signalled = { model: CENT_MODEL, signal: controller.signal };
    await rejection(
      run(
        {
          provider: providerOf(async ({ signal }) => {
            controller.abort();
            signal?.throwIfAborted();
            return half;
          }),
          use: [costTracking({ store, dailyBudgetUsd: 1 })],
        },
        ({ invoke }) => invoke("Hi", undefined, signalled),
      ),
    );
    expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 0 });
    const calls: ModelRequest[] = [];
    const reserve = jest.fn<BudgetStore["reserve"]>();
    await rejection(
      run(
        {
          provider: providerOf(async (request) => {
            calls.push(request);
            return half;
          }),
          use: [
            costTracking({ store: storeWith({ reserve }), dailyBudgetUsd: 1 }),
          ],
        },
        ({ invoke }) => invoke("Hi", undefined, signalled),
      ),
    );
    expect(calls).toEqual([]);
    expect(reserve).not.toHaveBeenCalled();
    expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 0 });
  });

  test("over midnight belongs to the day on which the call began", async () => {
    const store = memoryStores();
    const late = Date.UTC(2026, 10, 30, 23, 59, 59);
    jest.setSystemTime(late);
    await run(
      {
        provider: providerOf(async () => {
          jest.setSystemTime(late + 5_000);
          return half;
        }),
        use: [costTracking({ store, dailyBudgetUsd: 1, monthlyBudgetUsd: 1 })],
      },
      ask,
    );
    expect(await used(store, "global", late)).toEqual({
      dayNanoUsd: CENT / 2,
      monthNanoUsd: CENT / 2,
      inFlight: 0,
    });
    expect(await used(store)).toMatchObject({ monthNanoUsd: 0 });
    const days = { from: "2026-11-30", to: "2026-12-01" };
    expect(await store.budgets.report("global", days)).toMatchObject([
      { day: "2026-11-30", costNanoUsd: CENT / 2 },
    ]);
  });
});
