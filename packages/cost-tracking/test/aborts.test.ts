import { getEventListeners } from "node:events";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { Model, ModelInvocationError } from "@lambdallm/core";
import {
  invocationOf,
  type MiddyMiddleware,
  type ModelRequest,
} from "@lambdallm/core/feature";
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
  type Setup,
  storeWith,
  used,
} from "./support.ts";

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask"], now: NOON });
});
afterEach(() => {
  jest.useRealTimers();
});

const hang = () => new Promise<never>(() => {});
const tracking = (
  store: ReturnType<typeof storeWith>,
  options: CostTrackingOptions = {},
) => costTracking({ store, dailyBudgetUsd: 1, ...options });
const context = () => new MockLambdaContext({ timeoutMs: 60_000 });
const nothing = { dayNanoUsd: 0, monthNanoUsd: 0, inFlight: 0 };

/** An invocation with one call, which is aborted after half a second, while nothing else happens. */
async function abortedCall(setup: Setup) {
  const controller = new AbortController();
  const answered = Promise.withResolvers<unknown>();
  const goOn = Promise.withResolvers<void>();
  const over = run({ context: context(), ...setup }, async ({ invoke }) => {
    const { signal } = controller;
    const call = { model: CENT_MODEL, maxTokens: 1_000, signal };
    await invoke("Hi", undefined, call).then(
      answered.resolve,
      answered.resolve,
    );
    await goOn.promise;
  });
  await jest.advanceTimersByTimeAsync(500);
  controller.abort();
  // No time passes until it is there.
  const outcome = await answered.promise;
  return {
    outcome,
    /** Ends the invocation, which may wait for the store. */
    end: async () => {
      goOn.resolve();
      await jest.advanceTimersByTimeAsync(20_000);
      await over;
    },
  };
}

/** A model that writes until it is stopped, and nobody knows what that costs. */
const endless = () =>
  providerOf(
    ({ model, signal }: ModelRequest) =>
      new Promise((_, reject) => {
        signal?.addEventListener("abort", () => {
          reject(
            new ModelInvocationError("Aborted.", {
              reason: "aborted",
              model,
              billed: "unknown",
            }),
          );
        });
      }),
  );

/** Replies when it is told to. */
function asleep(
  store: ReturnType<typeof storeWith>,
  name: "reserve" | "settle",
) {
  const { promise, resolve } = Promise.withResolvers<void>();
  // The same function of the same store.
  const real = store.real[name] as (...given: unknown[]) => Promise<unknown>;
  const replaced = async (...given: unknown[]) => {
    await promise;
    return real(...given);
  };
  Object.assign(store.budgets, { [name]: replaced });
  return resolve;
}

describe.each<CostTrackingOptions>([
  { onStoreError: "block" },
  { onStoreError: "allow" },
])("A call that is aborted while the store is asked, with %p", (options) => {
  test("ends at once, and is not sent", async () => {
    const model = new MockProvider();
    const store = storeWith({ reserve: hang });
    const { events, middleware } = listener("budget-problem");
    const use = [middleware, tracking(store, options)];
    const { outcome, end } = await abortedCall({
      provider: model.middleware(),
      use,
    });
    expect(outcome).toMatchObject({ reason: "aborted", billed: "none" });
    expect(model.totalCalls).toBe(0);
    expect(events).toEqual([]);
    await end();
    // The end of the invocation has waited for the store in vain.
    expect(events.map(({ event }) => event)).toMatchObject([
      { operation: "settle", usd: 0, error: { reason: "timeout" } },
    ]);
  });

  test("gives back what is reserved after all, before the invocation ends", async () => {
    const store = storeWith();
    const wake = asleep(store, "reserve");
    const { events, middleware } = listener("budget-problem");
    const use = [middleware, tracking(store, options)];
    const { end } = await abortedCall({ use });
    wake();
    await end();
    expect(await used(store)).toEqual(nothing);
    expect(events).toEqual([]);
  });

  test("leaves no rejection behind when the store fails after that", async () => {
    const failing = Promise.withResolvers<never>();
    const store = storeWith({ reserve: () => failing.promise });
    const { events, middleware } = listener("budget-problem");
    const use = [middleware, tracking(store, options)];
    const { end } = await abortedCall({ use });
    failing.reject(new Error("The table is gone."));
    // Later than every pending callback: a rejection that nobody looks at fails the test.
    await new Promise((resolve) => process.nextTick(resolve));
    await end();
    expect(events).toEqual([]);
    expect(await used(store)).toEqual(nothing);
  });

  test("gives back what a narrower budget has set aside, and asks no wider one", async () => {
    const store = storeWith();
    const { reserve } = store.real;
    const asked: string[] = [];
    store.budgets.reserve = async (request) => {
      asked.push(request.scope);
      return request.scope === "team" ? hang() : reserve(request);
    };
    const budgets = [
      { key: () => "a", dailyBudgetUsd: 1 },
      { name: "team", dailyBudgetUsd: 2 },
      { dailyBudgetUsd: 5 },
    ];
    const use = [
      listener("budget-problem").middleware,
      costTracking({ store, budgets, ...options }),
    ];
    const { end } = await abortedCall({ use });
    expect(await used(store, "key/a")).toEqual(nothing);
    expect(asked).toEqual(["key/a", "team"]);
    await end();
  });

  test("because the invocation ends, holds that up for as long as the store needs", async () => {
    const store = storeWith();
    const wake = asleep(store, "reserve");
    setTimeout(wake, 900);
    // It is told that calls were still running.
    const warnings = jest.spyOn(process, "emitWarning").mockReturnValue();
    const model = new MockProvider();
    const provider = model.middleware();
    const use = [tracking(store, options)];
    const over = run({ provider, use, context: context() }, async (lambda) => {
      void rejection(ask(lambda));
    }).then(() => Date.now());
    await jest.advanceTimersByTimeAsync(20_000);
    expect(await over).toBe(NOON + 900);
    expect(model.totalCalls).toBe(0);
    expect(await used(store)).toEqual(nothing);
    warnings.mockRestore();
  });
});

test.each([1, 2])(
  "A call that is aborted at reservation %d of it and of a cheaper model is an aborted one, and no further one is asked for",
  async (last) => {
    const controller = new AbortController();
    const { signal } = controller;
    const store = storeWith();
    const { reserve } = store.real;
    let asked = 0;
    store.budgets.reserve = async (request) => {
      asked += 1;
      const outcome = await reserve(request);
      if (asked === last) controller.abort();
      return outcome;
    };
    const { events, middleware } = listener("budget-exceeded");
    const downgrading = costTracking({
      store,
      dailyBudgetUsd: 0.001,
      onExceeded: "downgrade",
      downgradeTo: [Model.NOVA_MICRO, Model.NOVA_LITE],
    });
    const use = [middleware, downgrading];
    const error = await run({ use, context: context() }, ({ invoke }) =>
      rejection(invoke("Hi", undefined, { model: CENT_MODEL, signal })),
    );
    expect(error).toMatchObject({ reason: "aborted", billed: "none" });
    expect(asked).toBe(last);
    expect(events).toEqual([]);
    expect(await used(store)).toEqual(nothing);
  },
);

test("A call that is aborted while the model writes does not wait for its settlement, which the end of the invocation makes sure of", async () => {
  const store = storeWith();
  const wake = asleep(store, "settle");
  const use = [tracking(store)];
  const { outcome, end } = await abortedCall({ provider: endless(), use });
  expect(outcome).toMatchObject({ reason: "aborted", billed: "unknown" });
  expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 1 });
  wake();
  await end();
  expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 0 });
});

test("A call that is aborted while it is settled waits no longer, and its cost is counted", async () => {
  const store = storeWith();
  const wake = asleep(store, "settle");
  const provider = providerOf(async () => answerOf({}, 500));
  const { outcome, end } = await abortedCall({
    provider,
    use: [tracking(store)],
  });
  expect(outcome).toBe("Hello");
  wake();
  await end();
  expect(await used(store)).toMatchObject({
    dayNanoUsd: CENT / 2,
    inFlight: 0,
  });
});

test("A call whose signal somebody has taken away is reserved and settled as any other", async () => {
  const store = storeWith();
  const without: MiddyMiddleware = {
    before: async (request) => {
      invocationOf(request.context).intercept(
        "limit",
        "test",
        ({ signal: _, ...rest }, next) => next(rest),
      );
    },
  };
  await run({ use: [without, tracking(store)] }, ask);
  expect(await used(store)).toMatchObject({ dayNanoUsd: CENT, inFlight: 0 });
});

test("Nothing listens to the signal of a call any more when the store has answered", async () => {
  const signals: AbortSignal[] = [];
  const listening = () =>
    signals.map((signal) => getEventListeners(signal, "abort").length);
  const provider = providerOf(async ({ signal }) => {
    if (signal) signals.push(signal);
    expect(listening()).toEqual([0]);
    return answerOf();
  });
  await run({ provider, use: [tracking(storeWith())] }, ask);
  expect(listening()).toEqual([0]);
});
