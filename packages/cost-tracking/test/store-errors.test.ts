import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { StoreError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import type { BudgetStore } from "@lambdallm/core/stores";
import costTracking, {
  type CostTrackingOptions,
} from "@lambdallm/cost-tracking";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import {
  answerOf,
  ask,
  CENT,
  CENT_MODEL,
  listener,
  NOON,
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

const down = (operation: string) =>
  new StoreError("The table is not there.", { reason: "not-found", operation });

/** Fails as often as told, before or after it has done what it was asked to. */
function failing<Name extends keyof BudgetStore>(
  store: ReturnType<typeof storeWith>,
  name: Name,
  { failures = Infinity, loses = "request" as "request" | "reply" } = {},
) {
  let left = failures;
  // The same function of the same store.
  const real = store.real[name] as (...given: unknown[]) => Promise<unknown>;
  const replaced = async (...given: unknown[]) => {
    if (left-- <= 0) return real(...given);
    if (loses === "reply") await real(...given);
    throw down(name);
  };
  Object.assign(store.budgets, { [name]: replaced });
  return store;
}

const hang = () => new Promise<never>(() => {});
const half = providerOf(async () => answerOf({}, 500));
const tracking = (
  store: ReturnType<typeof storeWith>,
  options: CostTrackingOptions = {},
) => costTracking({ store, dailyBudgetUsd: 1, ...options });
const problems = () => listener("budget-problem");

describe("When the reservation fails", () => {
  test("the call is not made, and the store's error is thrown", async () => {
    const model = new MockProvider();
    const store = failing(storeWith(), "reserve");
    const error = await rejection(
      run({ provider: model.middleware(), use: [tracking(store)] }, ask),
    );
    expect(error).toMatchObject({ code: "STORE", reason: "not-found" });
    expect(model.totalCalls).toBe(0);
  });

  test("and only its reply was lost, the money comes back", async () => {
    const store = failing(storeWith(), "reserve", {
      failures: 1,
      loses: "reply",
    });
    const { reserve } = store.budgets;
    let reservations = 0;
    store.budgets.reserve = (request) => {
      reservations += 1;
      return reserve(request);
    };
    await rejection(run({ use: [tracking(store)] }, ask));
    expect(await used(store)).toMatchObject({ dayNanoUsd: 0, inFlight: 0 });
    expect(reservations).toBe(1);
  });

  test.each([
    [
      "fails",
      async () => {
        throw down("reserve");
      },
    ],
    [
      "has no room",
      async () =>
        ({
          reserved: false,
          exceeded: "daily",
          use: { dayNanoUsd: CENT, monthNanoUsd: CENT },
        }) as const,
    ],
  ])(
    "a narrow budget has its money back before the error of a wide one that %s",
    async (_why, answer) => {
      const store = storeWith();
      const { reserve, settle } = store.real;
      store.budgets.reserve = async (request) =>
        request.scope === "global" ? answer() : reserve(request);
      const asked = Promise.withResolvers<void>();
      const awake = Promise.withResolvers<void>();
      store.budgets.settle = async (...given) => {
        asked.resolve();
        await awake.promise;
        return settle(...given);
      };
      const budgets = [
        { key: () => "a", dailyBudgetUsd: 1 },
        { dailyBudgetUsd: 5 },
      ];
      const order: string[] = [];
      await run(
        { use: [costTracking({ store, budgets })] },
        async (context) => {
          const failed = rejection(ask(context)).then(() =>
            order.push("error"),
          );
          await asked.promise;
          await new Promise(setImmediate);
          order.push("reply");
          awake.resolve();
          await failed;
        },
      );
      expect(order).toEqual(["reply", "error"]);
    },
  );

  test("and the money cannot be given back at once, that waits for the end of the invocation", async () => {
    const store = failing(storeWith(), "settle", { failures: 1 });
    failing(store, "reserve", { failures: 1, loses: "reply" });
    const { events, middleware } = problems();
    const use = [middleware, tracking(store)];
    const seen = await run({ use }, async (context) => {
      await rejection(ask(context));
      // Later than every pending callback: a rejection that nobody looks at fails the test.
      await new Promise(setImmediate);
      return used(store);
    });
    expect(seen).toMatchObject({ dayNanoUsd: CENT, inFlight: 1 });
    expect(await used(store)).toMatchObject({ dayNanoUsd: 0, inFlight: 0 });
    expect(events).toEqual([]);
  });

  test("in a wide budget, the narrow one gets its money back", async () => {
    const store = storeWith();
    const { reserve } = store.real;
    store.budgets.reserve = async (request) => {
      if (request.scope === "global") throw down("reserve");
      return reserve(request);
    };
    const use = [
      costTracking({
        store,
        budgets: [{ key: () => "a", dailyBudgetUsd: 1 }, { dailyBudgetUsd: 5 }],
      }),
    ];
    await rejection(run({ use }, ask));
    expect(await used(store, "key/a")).toMatchObject({
      dayNanoUsd: 0,
      inFlight: 0,
    });
  });

  test.each<CostTrackingOptions>([
    { onStoreError: "allow" },
    { onExceeded: "alert" },
    { onStoreError: "block", shadow: true },
  ])(
    "%p lets the call through, and books it when the store is back",
    async (options) => {
      const store = failing(storeWith(), "reserve", { failures: 1 });
      const { events, middleware } = problems();
      const use = [middleware, tracking(store, options)];
      expect(await run({ provider: half, use }, ask)).toBe("Hello");
      expect(events.map(({ event }) => event)).toEqual([
        {
          kind: "store",
          operation: "reserve",
          scope: "global",
          usd: 0.01,
          error: down("reserve"),
        },
      ]);
      expect(await used(store)).toMatchObject({
        dayNanoUsd: CENT / 2,
        inFlight: 0,
      });
    },
  );

  test("and only its reply was lost, an allowed call is booked once", async () => {
    const store = failing(storeWith(), "reserve", {
      failures: 1,
      loses: "reply",
    });
    const use = [
      problems().middleware,
      tracking(store, { onStoreError: "allow" }),
    ];
    await run({ provider: half, use }, ask);
    expect(await used(store)).toMatchObject({
      dayNanoUsd: CENT / 2,
      inFlight: 0,
    });
  });

  test("and the settlement's reply is lost, too, an allowed call is booked once", async () => {
    const store = failing(storeWith(), "settle", {
      failures: 1,
      loses: "reply",
    });
    failing(store, "reserve", { failures: 1, loses: "reply" });
    const use = [
      problems().middleware,
      tracking(store, { onStoreError: "allow" }),
    ];
    await run({ provider: half, use }, ask);
    expect(await used(store)).toMatchObject({
      dayNanoUsd: CENT / 2,
      inFlight: 0,
    });
  });

  test("and only its reply was lost, an allowed call that outlives its lease stays counted as its worst case", async () => {
    const store = failing(storeWith(), "reserve", {
      failures: 1,
      loses: "reply",
    });
    const provider = providerOf(async () => {
      jest.setSystemTime(NOON + 2 * 3_600_000);
      // Somebody else takes the caller for dead.
      await store.real.reap("global", Date.now());
      return answerOf({}, 500);
    });
    const { events, middleware } = problems();
    const context = new MockLambdaContext();
    Object.assign(context, { getRemainingTimeInMillis: undefined });
    const use = [middleware, tracking(store, { onStoreError: "allow" })];
    expect(await run({ provider, use, context }, ask)).toBe("Hello");
    expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 0 });
    expect(events.map(({ event }) => event)).toMatchObject([
      { operation: "reserve" },
      { operation: "settle", usd: 0.005, error: { reason: "timeout" } },
    ]);
  });

  test("because the store throws at once, an allowed call is made all the same", async () => {
    const store = storeWith({
      reserve: () => {
        throw down("reserve");
      },
    });
    const { events, middleware } = problems();
    const use = [middleware, tracking(store, { onStoreError: "allow" })];
    expect(await run({ provider: half, use }, ask)).toBe("Hello");
    expect(events.map(({ event }) => event)).toMatchObject([
      { operation: "reserve" },
      { operation: "settle" },
    ]);
  });

  test("of an allowed call that costs nothing, nothing is booked", async () => {
    const store = failing(storeWith(), "reserve", { failures: 1 });
    const use = [
      problems().middleware,
      tracking(store, { onStoreError: "allow" }),
    ];
    const provider = providerOf(async () => answerOf({}, 0));
    await run({ provider, use }, ask);
    expect(await used(store)).toMatchObject({ dayNanoUsd: 0, inFlight: 0 });
  });
});

describe("What is left as far as this process knows", () => {
  const leftAfter = (
    store: ReturnType<typeof storeWith>,
    options: CostTrackingOptions,
    prepare: () => void,
  ) => {
    const use = [problems().middleware, tracking(store, options)];
    return run({ provider: half, use }, async (context) => {
      await ask(context);
      prepare();
      await ask(context);
      return invocationOf(context).budgetShareLeft();
    });
  };

  test("is no more for a settlement that somebody else came before", async () => {
    const store = storeWith();
    const share = await leftAfter(store, { dailyBudgetUsd: 0.1 }, () => {
      store.budgets.settle = async () => false;
    });
    // Half a cent, and a whole one that stays counted.
    expect(share).toBeCloseTo(1 - 0.15, 12);
  });

  test("is no more for a reservation of which it has seen nothing", async () => {
    const store = storeWith();
    const options = {
      dailyBudgetUsd: 0.1,
      onStoreError: "allow",
    } satisfies CostTrackingOptions;
    const share = await leftAfter(store, options, () => {
      failing(store, "reserve", { failures: 1, loses: "reply" });
    });
    expect(share).toBeCloseTo(1 - 0.05, 12);
    expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 0 });
  });
});

describe("When the settlement fails", () => {
  test("the answer is given all the same, and the end of the invocation settles", async () => {
    const store = failing(storeWith(), "settle", { failures: 1 });
    const { events, middleware } = problems();
    const use = [middleware, tracking(store)];
    const seen = await run({ provider: half, use }, async (context) => {
      await ask(context);
      return used(store);
    });
    expect(seen).toMatchObject({ dayNanoUsd: CENT, inFlight: 1 });
    expect(await used(store)).toMatchObject({
      dayNanoUsd: CENT / 2,
      inFlight: 0,
    });
    expect(events).toEqual([]);
  });

  test("for good, its worst case stays counted, and an event says so", async () => {
    const store = failing(storeWith(), "settle");
    const { events, middleware } = problems();
    const use = [middleware, tracking(store)];
    expect(await run({ provider: half, use }, ask)).toBe("Hello");
    expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 1 });
    expect(events.map(({ event }) => event)).toEqual([
      {
        kind: "store",
        operation: "settle",
        scope: "global",
        usd: 0.005,
        error: down("settle"),
      },
    ]);
    jest.setSystemTime(NOON + 3_600_000);
    await run({ use: [tracking(storeWith(store.real))] }, ask);
    expect((await store.real.read("global", NOON)).reservations).toEqual([]);
    expect(await used(store)).toMatchObject({ dayNanoUsd: 2 * CENT });
  });

  test("without a listener the process is warned", async () => {
    const warn = jest.spyOn(process, "emitWarning").mockReturnValue();
    const store = failing(storeWith(), "settle");
    await run({ provider: half, use: [tracking(store)] }, ask);
    expect(warn.mock.calls).toEqual([
      [
        'The budget "global": settle of 0.005 USD failed: The table is not there.',
        "LambdaLLMWarning",
      ],
    ]);
    warn.mockRestore();
  });
});

describe("When the store never answers", () => {
  const context = () => new MockLambdaContext({ timeoutMs: 800 });

  test("a reservation is given up in time for an error", async () => {
    const store = storeWith({ reserve: hang });
    jest.useRealTimers();
    const error = await rejection(
      run(
        { use: [problems().middleware, tracking(store)], context: context() },
        ask,
      ),
    );
    expect(error).toMatchObject({ code: "INVOCATION_TIMEOUT" });
  });

  test("an allowed call is made, and counted when the store wakes up", async () => {
    const store = storeWith();
    const { reserve } = store.real;
    const awake = Promise.withResolvers<void>();
    let reservations = 0;
    store.budgets.reserve = async (request) => {
      reservations += 1;
      await awake.promise;
      return reserve(request);
    };
    const { events, middleware } = problems();
    const use = [middleware, tracking(store, { onStoreError: "allow" })];
    const answer = await run(
      { provider: half, use },
      async (handlerContext) => {
        const text = await ask(handlerContext);
        awake.resolve();
        return text;
      },
    );
    expect(answer).toBe("Hello");
    expect(await used(store)).toMatchObject({
      dayNanoUsd: CENT / 2,
      inFlight: 0,
    });
    // It has said that it is there: nobody has to ask again.
    expect(reservations).toBe(1);
    expect(events.map(({ event }) => event)).toMatchObject([
      { operation: "reserve", error: { reason: "timeout" } },
    ]);
  });

  test("and a reservation arrives after all, an allowed call is not counted beside it", async () => {
    const store = storeWith();
    const { reserve } = store.real;
    const arrives = Promise.withResolvers<void>();
    let calls = 0;
    store.budgets.reserve = async (request) => {
      calls += 1;
      // Only the first one is on its way for that long.
      if (calls === 1) await arrives.promise;
      return reserve(request);
    };
    const use = [
      problems().middleware,
      tracking(store, { onStoreError: "allow" }),
    ];
    await run({ provider: half, use }, async (handlerContext) => {
      await ask(handlerContext);
      arrives.resolve();
    });
    expect(await used(store)).toMatchObject({
      dayNanoUsd: CENT / 2,
      inFlight: 0,
    });
  });

  describe("the end of the invocation gives up", () => {
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask"] });
    });
    // Nothing else limits the time.
    const timeless = () => {
      const context = new MockLambdaContext();
      Object.assign(context, { getRemainingTimeInMillis: undefined });
      return context;
    };

    test.each(["settle", "record", "reap"] as const)(
      "on %s, and says so",
      async (operation) => {
        const store = storeWith({ [operation]: hang });
        const { events, middleware } = problems();
        const use = [middleware, tracking(store)];
        const answer = run({ provider: half, use, context: timeless() }, ask);
        await jest.advanceTimersByTimeAsync(20_000);
        expect(await answer).toBe("Hello");
        expect(events.map(({ event }) => event)).toMatchObject([
          { kind: "store", operation, error: { reason: "timeout", operation } },
        ]);
      },
    );

    test("and what fails after that is not told again", async () => {
      const end = Promise.withResolvers<never>();
      const store = storeWith({ record: () => end.promise });
      const { events, middleware } = problems();
      const use = [middleware, tracking(store)];
      const answer = run({ provider: half, use, context: timeless() }, ask);
      await jest.advanceTimersByTimeAsync(20_000);
      await answer;
      end.reject(down("record"));
      await jest.advanceTimersByTimeAsync(0);
      expect(events).toMatchObject([{ event: { operation: "record" } }]);
    });
  });

  test("the answer does not wait for its settlement, nor does an answer that was cut off at the deadline", async () => {
    const store = storeWith({ settle: hang });
    const model = new MockProvider({
      responses: ["Hello", { text: "late", delayMs: Number.POSITIVE_INFINITY }],
    });
    jest.useRealTimers();
    const seen = await run(
      {
        provider: model.middleware(),
        use: [problems().middleware, tracking(store)],
        context: new MockLambdaContext({ timeoutMs: 60_000 }),
      },
      async ({ converse }) => {
        const request = {
          model: CENT_MODEL,
          messages: [{ role: "user" as const, content: [{ text: "Hi" }] }],
        };
        const { text } = await converse(request);
        const { stopReason } = await converse({
          ...request,
          // Before Lambda's own, so that a busy machine has the time between the two.
          deadline: Date.now() + 3_500,
        });
        return [text, stopReason];
      },
    );
    expect(seen).toEqual(["Hello", "timeout"]);
  });
});

describe("The end of the invocation", () => {
  test("tells which reports were not written", async () => {
    const store = failing(failing(storeWith(), "record"), "reap");
    const { events, middleware } = problems();
    const use = [middleware, tracking(store)];
    await run({ use }, async (context) => {
      await ask(context);
      await ask(context);
    });
    expect(events.map(({ event }) => event)).toMatchObject([
      { operation: "record", scope: "global", usd: 0.02 },
      { operation: "reap", scope: "global", usd: 0 },
    ]);
  });

  test("cleans up after callers that died, every ten minutes at most; what they set aside stays counted", async () => {
    const store = storeWith();
    const reaped: number[] = [];
    const { reap } = store.real;
    store.budgets.reap = async (scope, at) => {
      const count = await reap(scope, at);
      reaped.push(count);
      return count;
    };
    const middleware = tracking(store);
    const die = () =>
      store.real.reserve({
        scope: "global",
        id: `dead-${Date.now()}`,
        amountNanoUsd: CENT,
        limits: {},
        at: Date.now(),
        expiresAt: Date.now() + 60_000,
      });
    await die();
    for (const minute of [0, 5, 11, 15, 21]) {
      jest.setSystemTime(NOON + minute * 60_000);
      await run({ use: [middleware] }, async () => undefined);
    }
    expect(reaped).toEqual([0, 1, 0]);
    expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 0 });
  });

  test("a reservation is leased until Lambda's timeout and a minute, or for an hour and a minute without one", async () => {
    const store = storeWith();
    const leases: number[] = [];
    const { reserve } = store.real;
    store.budgets.reserve = (request) => {
      leases.push(request.expiresAt - request.at);
      return reserve(request);
    };
    const use = [tracking(store)];
    await run(
      { use, context: new MockLambdaContext({ timeoutMs: 9_000 }) },
      ask,
    );
    const timeless = new MockLambdaContext();
    Object.assign(timeless, { getRemainingTimeInMillis: undefined });
    await run({ use, context: timeless }, ask);
    expect(leases).toEqual([69_000, 3_660_000]);
  });
});

describe("An abort during the reservation", () => {
  test("sends nothing and costs nothing", async () => {
    const store = storeWith();
    const { reserve } = store.real;
    const controller = new AbortController();
    store.budgets.reserve = async (request) => {
      const outcome = await reserve(request);
      controller.abort();
      return outcome;
    };
    const model = new MockProvider();
    const error = await rejection(
      run(
        { provider: model.middleware(), use: [tracking(store)] },
        ({ invoke }) =>
          invoke("Hi", undefined, {
            model: CENT_MODEL,
            signal: controller.signal,
          }),
      ),
    );
    expect(error).toMatchObject({ reason: "aborted" });
    expect(model.totalCalls).toBe(0);
    expect(await used(store)).toMatchObject({ dayNanoUsd: 0, inFlight: 0 });
  });
});

test.each(["daily", "monthly"] as const)(
  "A store that refuses by a %s limit that there is not is believed",
  async (exceeded) => {
    const use = { dayNanoUsd: 5, monthNanoUsd: 7 };
    const store = storeWith({
      reserve: async () => ({ reserved: false, exceeded, use }),
    });
    const error = await rejection(
      run({ use: [tracking(store, { onExceeded: "alert" })] }, ask),
    );
    expect(error).toMatchObject({
      code: "BUDGET_EXCEEDED",
      period: exceeded,
      limitUsd: 0,
    });
  },
);

test("What a store throws is told, whatever it is", async () => {
  const warn = jest.spyOn(process, "emitWarning").mockReturnValue();
  const record = () => Promise.reject("out of paper");
  await run({ use: [tracking(storeWith({ record }))] }, ask);
  expect(warn.mock.calls).toEqual([
    [
      'The budget "global": record of 0.01 USD failed: out of paper',
      "LambdaLLMWarning",
    ],
  ]);
  warn.mockRestore();
});

test("A store that refuses what it is only told of is left alone", async () => {
  const store = storeWith({
    reserve: async () => {
      throw down("reserve");
    },
  });
  const { events, middleware } = problems();
  let calls = 0;
  store.budgets.reserve = async () => {
    calls += 1;
    if (calls === 1) throw down("reserve");
    return {
      reserved: false,
      exceeded: "daily",
      use: { dayNanoUsd: 0, monthNanoUsd: 0 },
    };
  };
  const use = [middleware, tracking(store, { onStoreError: "allow" })];
  expect(await run({ use }, ask)).toBe("Hello");
  expect(calls).toBe(2);
  expect(events.map(({ event }) => event)).toMatchObject([
    { operation: "reserve" },
  ]);
});
