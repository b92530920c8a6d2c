import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { BudgetExceededError, findModel, registerModel } from "@lambdallm/core";
import { invocationOf, type ModelRequest } from "@lambdallm/core/feature";
import { memoryStores, type Stores } from "@lambdallm/core/stores";
import costTracking from "@lambdallm/cost-tracking";
import retryFallback from "@lambdallm/retry-fallback";
import { MockLambdaContext } from "@lambdallm/testing";
import httpErrorHandler from "@middy/http-error-handler";
import middy7 from "middy7";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  ask,
  CENT,
  CENT_MODEL,
  type HandlerContext,
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

const CHEAP = "test.cheap-v1:0";
const CHEAPER = "test.cheaper-v1:0";
registerModel(CHEAP, { prices: { input: 0, output: 5 }, tools: true });
registerModel(CHEAPER, {
  prices: { input: 0, output: 1 },
  tools: false,
  contextWindowTokens: 2_000,
});

/** A provider that answers for the model it is asked for, and counts. */
function echo() {
  const models: string[] = [];
  const provider = providerOf(async ({ model }: ModelRequest) => {
    models.push(model);
    return answerOf({ model }, findModel(model)?.maxOutputTokens);
  });
  return { models, provider };
}

const times = async (
  count: number,
  context: HandlerContext,
): Promise<readonly unknown[]> => {
  const errors: unknown[] = [];
  for (let index = 0; index < count; index++)
    await ask(context).catch((error: unknown) => errors.push(error));
  return errors;
};

describe.each(middyMajors)("%s", (_name, middy) => {
  test("what the budget does not cover is not sent, and the error says what was left", async () => {
    const { models, provider } = echo();
    const { events, middleware } = listener("budget-exceeded");
    const use = [
      middleware,
      costTracking({ store: memoryStores(), dailyBudgetUsd: 0.025 }),
    ];
    const errors = await run({ middy, provider, use }, (context) =>
      times(4, context),
    );
    expect(models).toHaveLength(2);
    expect(errors).toHaveLength(2);
    const [error] = errors;
    expect(BudgetExceededError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({
      message:
        "What is left of the budget of the day does not cover this call, which was not sent. The next one begins on 2026-11-23 at 00:00 UTC.",
      statusCode: 429,
      retryable: false,
      retryAfterMs: 12 * 3_600_000,
      scope: "global",
      period: "daily",
      limitUsd: 0.025,
      usedUsd: 0.02,
      neededUsd: 0.01,
    });
    expect(events.map(({ event }) => event)).toEqual([
      {
        callId: 3,
        scope: "global",
        period: "daily",
        limitUsd: 0.025,
        usedUsd: 0.02,
        neededUsd: 0.01,
        model: CENT_MODEL,
        action: "block",
        shadow: false,
      },
      expect.objectContaining({ callId: 4 }),
    ]);
  });
});

test("Retries and fallbacks leave a refused call alone", async () => {
  const { models, provider } = echo();
  const use = [
    costTracking({ store: memoryStores(), monthlyBudgetUsd: 0.001 }),
    retryFallback({ maxRetries: 3, fallbackModel: CHEAPER }),
  ];
  const error = await rejection(run({ provider, use }, ask));
  expect(error).toMatchObject({
    code: "BUDGET_EXCEEDED",
    message:
      "This call could cost more than the whole budget of the month, and was not sent.",
  });
  // To wait does not help.
  expect(error).not.toHaveProperty("retryAfterMs");
  expect(error).not.toHaveProperty("headers");
  expect(models).toEqual([]);
});

describe("Who has sent the request", () => {
  const ofMonth =
    "What is left of the budget of the month does not cover this call, which was not sent. The next one begins on 2026-12-01 at 00:00 UTC.";

  test.each([
    [
      "an hour before midnight",
      { dailyBudgetUsd: 0.015 },
      Date.UTC(2026, 10, 22, 23),
      "What is left of the budget of the day does not cover this call, which was not sent. The next one begins on 2026-11-23 at 00:00 UTC.",
      "3600",
    ],
    [
      "in the last second of a month",
      { monthlyBudgetUsd: 0.015 },
      Date.UTC(2026, 10, 30, 23, 59, 59, 1),
      ofMonth,
      "1",
    ],
    [
      "of two limits with the one that is longer to wait for",
      { dailyBudgetUsd: 0.011, monthlyBudgetUsd: 0.012 },
      NOON,
      ofMonth,
      String(8.5 * 86_400),
    ],
    [
      "of a call that never fits",
      { dailyBudgetUsd: 0.009 },
      NOON,
      "This call could cost more than the whole budget of the day, and was not sent.",
      undefined,
    ],
  ])(
    "is told when to come back %s, not whose the budget is and how large",
    async (_when, limits, now, body, retryAfter) => {
      jest.setSystemTime(now);
      const handler = middy7<unknown, unknown>()
        .use(httpErrorHandler({ logger: false }))
        .use(providerOf())
        .use(
          costTracking({ store: memoryStores(), key: () => "acme", ...limits }),
        )
        .handler(async (_event, { invoke }) => {
          await invoke("Hi", undefined, { maxTokens: 1_000 });
          return invoke("Hi", undefined, { maxTokens: 1_000 });
        });
      const response = await handler({}, new MockLambdaContext());
      expect(response).toMatchObject({ statusCode: 429, body });
      const { headers } = Object(response);
      expect(headers["retry-after"]).toBe(retryAfter);
    },
  );
});

test("A budget of 0 lets nothing pass that could cost something", async () => {
  const use = [costTracking({ store: memoryStores(), dailyBudgetUsd: 0 })];
  const seen = await run({ use }, async (context) => {
    const error = await rejection(ask(context));
    return { error, message: String(error) };
  });
  expect(seen.message).toContain("budget of the day");
});

test.each(["dailyBudgetUsd", "monthlyBudgetUsd"])(
  "A refusal by %s is remembered for some seconds, for its day, its budget and amounts as large",
  async (limit) => {
    const asked: number[] = [];
    const store = storeWith();
    const { reserve } = store.real;
    store.budgets.reserve = (request) => {
      asked.push(request.amountNanoUsd);
      return reserve(request);
    };
    const provider = providerOf(async ({ maxTokens }) =>
      answerOf({}, maxTokens),
    );
    let tenant = "a";
    const use = [costTracking({ store, [limit]: 0.015, key: () => tenant })];
    const count = async (maxTokens = 1_000) => {
      asked.length = 0;
      await run({ provider, use }, ({ invoke }) =>
        invoke("Hi", undefined, { maxTokens }),
      ).catch(() => {});
      return asked.length;
    };
    expect(await count()).toBe(1);
    expect(await count()).toBe(1);
    // It has asked, and was refused.
    expect(await count()).toBe(0);
    expect(await count(100)).toBe(1);
    tenant = "b";
    expect(await count()).toBe(1);
    tenant = "a";
    expect(await count()).toBe(0);
    jest.setSystemTime(NOON + 5_000);
    expect(await count()).toBe(1);
    expect(await count()).toBe(0);
    jest.setSystemTime(NOON + 12 * 3_600_000);
    expect(await count()).toBe(1);
  },
);

test("A refusal is forgotten when the limit has another value", async () => {
  const store = memoryStores();
  let plan = 0.005;
  const use = [
    costTracking({ store, key: () => "acme", dailyBudgetUsd: () => plan }),
  ];
  await rejection(run({ use }, ask));
  plan = 0.01;
  await run({ use }, ask);
  plan = 0.015;
  await rejection(run({ use }, ask));
  plan = 0.02;
  await run({ use }, ask);
  expect(await used(store, "key/acme")).toMatchObject({ dayNanoUsd: 2 * CENT });
});

test("Of a thousand keys the one that was not seen for longest is forgotten", async () => {
  let asked = 0;
  const store = storeWith();
  const { reserve } = store.real;
  store.budgets.reserve = (request) => {
    asked += 1;
    return reserve(request);
  };
  let key = "first";
  const use = [costTracking({ store, dailyBudgetUsd: 0, key: () => key })];
  const count = async () => {
    asked = 0;
    await rejection(run({ use }, ask));
    return asked;
  };
  expect(await count()).toBe(1);
  expect(await count()).toBe(0);
  for (let index = 0; index < 1_000; index++) {
    key = `tenant ${index}`;
    await run({ use }, async () => undefined);
  }
  key = "first";
  expect(await count()).toBe(1);
});

test("What another call gives back makes room at once", async () => {
  const store = memoryStores();
  let answer = Promise.withResolvers<void>();
  const provider = providerOf(async () => {
    await answer.promise;
    return answerOf({}, 100);
  });
  const use = [costTracking({ store, dailyBudgetUsd: 0.015 })];
  await run({ provider, use }, async (context) => {
    const first = ask(context);
    await expect(ask(context)).rejects.toThrow("does not cover");
    answer.resolve();
    await first;
    answer = Promise.withResolvers();
    answer.resolve();
    await ask(context);
  });
  expect(await used(store)).toMatchObject({ dayNanoUsd: 0.2 * CENT });
});

describe("A downgrade", () => {
  const tracking = (
    dailyBudgetUsd: number,
    store: Pick<Stores, "budgets"> = memoryStores(),
  ) =>
    costTracking({
      store,
      dailyBudgetUsd,
      onExceeded: "downgrade",
      downgradeTo: [CHEAPER, CHEAP],
    });

  test("goes to the dearest model that is covered, and the answer and an event tell it", async () => {
    const { models, provider } = echo();
    const store = memoryStores();
    const { events, middleware } = listener("budget-exceeded");
    const use = [middleware, tracking(0.0175, store)];
    const tags = await run({ provider, use }, async (context) => {
      const answers: unknown[] = [];
      for (let index = 0; index < 5; index++)
        await context
          .converse({
            messages: [{ role: "user", content: [{ text: "Hi" }] }],
            maxTokens: 1_000,
            tags: { feature: "chat" },
          })
          .then(
            (response) => answers.push(response.tags),
            (error: unknown) => answers.push(String(error)),
          );
      return answers;
    });
    expect(models).toEqual([CENT_MODEL, CHEAP, CHEAPER, CHEAPER]);
    expect(tags).toEqual([
      undefined,
      { "budget.downgradedFrom": CENT_MODEL },
      { "budget.downgradedFrom": CENT_MODEL },
      { "budget.downgradedFrom": CENT_MODEL },
      expect.stringContaining("BudgetExceededError"),
    ]);
    expect(events.map(({ event }) => event)).toMatchObject([
      { action: "downgrade", model: CENT_MODEL, toModel: CHEAP },
      { action: "downgrade", toModel: CHEAPER },
      { action: "downgrade", toModel: CHEAPER },
      { action: "block" },
    ]);
    expect(await used(store)).toMatchObject({ dayNanoUsd: 1.7 * CENT });
  });

  test("leaves out models that cannot take the call", async () => {
    const { models, provider } = echo();
    const use = [tracking(0.004)];
    const weather = {
      toolSpec: { name: "weather", inputSchema: { json: { type: "object" } } },
    };
    const ask = (request: object) =>
      rejection(
        run({ provider, use }, ({ converse }) =>
          converse({
            messages: [{ role: "user", content: [{ text: "Hi" }] }],
            maxTokens: 1_000,
            ...request,
          }),
        ),
      );
    for (const request of [
      { tools: [weather] },
      { system: "s".repeat(8_000) },
      // No more than the cheapest would cost.
      { model: CHEAPER, maxTokens: 5_000 },
    ])
      expect(await ask(request)).toMatchObject({ code: "BUDGET_EXCEEDED" });
    expect(models).toEqual([]);
  });

  test("leaves out models that are retired where the call goes", async () => {
    const { models, provider } = echo();
    registerModel("test.retired", {
      prices: { input: 0, output: 3 },
      endOfLife: "2026-11-22",
      stillActiveIn: ["eu-west-1"],
    });
    registerModel("test.last-day", {
      prices: { input: 0, output: 2 },
      endOfLife: "2026-11-23",
    });
    const inEurope =
      "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a";
    const inAmerica = inEurope.replace("eu-west-1", "us-west-2");
    for (const arn of [inEurope, inAmerica])
      registerModel(arn, { baseModel: "test.retired" });
    const tracking = (...downgradeTo: string[]) =>
      costTracking({
        store: memoryStores(),
        dailyBudgetUsd: 0.009,
        onExceeded: "downgrade",
        downgradeTo,
      });
    const retired = [tracking("test.retired", "test.last-day")];
    await run({ provider, use: retired }, ask);
    const nowhere = providerOf(
      async ({ model }) => {
        models.push(model);
        return answerOf({ model });
      },
      { region: undefined },
    );
    await run({ provider: nowhere, use: retired }, ask);
    await run({ provider, use: [tracking(inAmerica, "test.last-day")] }, ask);
    await run({ provider, use: [tracking(inEurope, "test.last-day")] }, ask);
    await run(
      {
        provider: providerOf(
          async ({ model }) => {
            models.push(model);
            return answerOf({ model });
          },
          { region: "eu-west-1" },
        ),
        use: [tracking("test.retired", "test.last-day")],
      },
      ask,
    );
    expect(models).toEqual([
      "test.last-day",
      "test.last-day",
      "test.last-day",
      inEurope,
      "test.retired",
    ]);
  });

  test("may go to a model that only has an assumed price, without maxTokens to one that has a limit", async () => {
    const { models, provider } = echo();
    const store = memoryStores();
    const use = [
      costTracking({
        store,
        dailyBudgetUsd: 0.009,
        onExceeded: "downgrade",
        downgradeTo: ["test.assumed", "test.limited"],
        unknownPrice: { input: 0, output: 2 },
      }),
    ];
    registerModel("test.limited", {
      prices: { input: 0, output: 1 },
      maxOutputTokens: 10,
      contextWindowTokens: 8_000,
    });
    await run({ provider, use }, async (context) => {
      await ask(context);
      await context.invoke("Hi");
    });
    expect(models).toEqual(["test.assumed", "test.limited"]);
  });

  test("never goes to a model that is no cheaper, even when there is room for it again", async () => {
    const { models, provider } = echo();
    const store = storeWith();
    const { reserve } = store.real;
    let calls = 0;
    store.budgets.reserve = async (request) => {
      calls += 1;
      return calls === 1
        ? {
            reserved: false,
            exceeded: "daily",
            use: { dayNanoUsd: CENT, monthNanoUsd: CENT },
          }
        : reserve(request);
    };
    const error = await rejection(
      run({ provider, use: [tracking(0.015, store)] }, (context) =>
        ask(context, CHEAPER),
      ),
    );
    expect(error).toMatchObject({ code: "BUDGET_EXCEEDED" });
    expect(models).toEqual([]);
  });

  test("is refused when another call was faster", async () => {
    const store = storeWith();
    const { reserve } = store.real;
    let calls = 0;
    store.budgets.reserve = async (request) => {
      calls += 1;
      // Somebody else reserves between the two.
      if (calls === 2)
        await reserve({ ...request, id: "other", amountNanoUsd: 0.6 * CENT });
      return reserve(request);
    };
    const use = [tracking(0.0061, store)];
    expect(await rejection(run({ use }, ask))).toMatchObject({
      code: "BUDGET_EXCEEDED",
    });
    // Of the cheapest model the second refusal says enough.
    expect(calls).toBe(2);
  });
});

describe("Alerts", () => {
  test("come at 80 % and at 100 %, once in a process, and nothing is blocked", async () => {
    const store = memoryStores();
    const { events, middleware } = listener("budget-alert", "budget-exceeded");
    const use = [
      middleware,
      costTracking({
        store,
        dailyBudgetUsd: 0.1,
        monthlyBudgetUsd: 1,
        onExceeded: "alert",
      }),
    ];
    for (let invocation = 0; invocation < 3; invocation++)
      expect(await run({ use }, (context) => times(5, context))).toEqual([]);
    const daily = { scope: "global", period: "daily", limitUsd: 0.1 };
    expect(events).toEqual([
      { name: "budget-alert", event: { ...daily, share: 0.8, usedUsd: 0.08 } },
      { name: "budget-alert", event: { ...daily, share: 1, usedUsd: 0.1 } },
    ]);
    expect(await used(store)).toMatchObject({ dayNanoUsd: 15 * CENT });
    jest.setSystemTime(NOON + 24 * 3_600_000);
    await run({ use }, (context) => times(12, context));
    expect(events.slice(2).map(({ event }) => event)).toMatchObject([
      { period: "daily", share: 0.8, usedUsd: 0.08 },
      { period: "daily", share: 1 },
    ]);
    jest.setSystemTime(NOON + 48 * 3_600_000);
    await run({ use }, (context) => times(75, context));
    expect(events.slice(6).map(({ event }) => event)).toMatchObject([
      { period: "monthly", share: 0.8 },
      { period: "monthly", share: 1 },
    ]);
  });

  test("of 80 % come with a downgraded call that passes them, too", async () => {
    const { events, middleware } = listener("budget-alert");
    const use = [
      middleware,
      costTracking({
        store: memoryStores(),
        // Dearer than the whole budget: the refusal itself is no alert.
        dailyBudgetUsd: 0.006,
        onExceeded: "downgrade",
        downgradeTo: [CHEAP],
      }),
    ];
    await run({ provider: echo().provider, use }, ask);
    expect(events.map(({ event }) => event)).toEqual([
      {
        scope: "global",
        period: "daily",
        share: 0.8,
        usedUsd: 0.005,
        limitUsd: 0.006,
      },
    ]);
  });

  test("of 100 % come with the first refusal, and not of a call that is dearer than the whole budget", async () => {
    const { events, middleware } = listener("budget-alert");
    const use = [
      middleware,
      costTracking({ store: memoryStores(), dailyBudgetUsd: 0.015 }),
    ];
    await run({ use }, async (context) => {
      const dear = { maxTokens: 1_000, model: CENT_MODEL };
      registerModel("test.dear", { prices: { input: 0, output: 1_000 } });
      await rejection(
        context.invoke("Hi", undefined, { ...dear, model: "test.dear" }),
      );
      await times(3, context);
    });
    expect(events.map(({ event }) => event)).toEqual([
      {
        scope: "global",
        period: "daily",
        share: 1,
        usedUsd: 0.01,
        limitUsd: 0.015,
      },
    ]);
  });
});

describe("Shadow mode", () => {
  test.each([
    [0.012, { action: "downgrade", toModel: CHEAPER }],
    [0.0105, { action: "block" }],
  ])(
    "says what it would have done with %p USD, and blocks nothing",
    async (dailyBudgetUsd, decision) => {
      const { models, provider } = echo();
      const store = memoryStores();
      const { events, middleware } = listener("budget-exceeded");
      const use = [
        middleware,
        costTracking({
          store,
          dailyBudgetUsd,
          onExceeded: "downgrade",
          downgradeTo: [CHEAP, CHEAPER],
          unknownPrice: "error",
          shadow: true,
        }),
      ];
      await run({ provider, use }, (context) => times(2, context));
      expect(models).toEqual([CENT_MODEL, CENT_MODEL]);
      expect(events.map(({ event }) => event)).toEqual([
        {
          callId: 2,
          scope: "global",
          period: "daily",
          usedUsd: 0.01,
          limitUsd: dailyBudgetUsd,
          neededUsd: 0.01,
          model: CENT_MODEL,
          shadow: true,
          ...decision,
        },
      ]);
      expect(await used(store)).toMatchObject({ dayNanoUsd: 2 * CENT });
    },
  );

  test("tells of a monthly limit from the call on that passes it", async () => {
    const { events, middleware } = listener("budget-exceeded");
    const use = [
      middleware,
      costTracking({
        store: memoryStores(),
        monthlyBudgetUsd: 0.02,
        shadow: true,
      }),
    ];
    await run({ use }, (context) => times(3, context));
    expect(events.map(({ event }) => event)).toMatchObject([
      { callId: 3, period: "monthly", usedUsd: 0.02, limitUsd: 0.02 },
    ]);
  });

  test("of alerts tells the alerts only", async () => {
    const { events, middleware } = listener("budget-exceeded", "budget-alert");
    const use = [
      middleware,
      costTracking({
        store: memoryStores(),
        dailyBudgetUsd: 0.01,
        onExceeded: "alert",
        shadow: true,
      }),
    ];
    await run({ use }, (context) => times(2, context));
    expect(events.map(({ name }) => name)).toEqual([
      "budget-alert",
      "budget-alert",
    ]);
  });
});

describe("Several budgets", () => {
  test("have to cover a call together, and what was set aside in one goes back when another refuses", async () => {
    const store = memoryStores();
    const tracking = costTracking({
      store,
      budgets: [
        { name: "user", key: ({ user }) => user, dailyBudgetUsd: 0.02 },
        { name: "tenant", key: ({ tenant }) => tenant, dailyBudgetUsd: 0.03 },
        { monthlyBudgetUsd: 1 },
      ],
    });
    const askAs = (user: string) =>
      run({ use: [tracking], event: { user, tenant: "acme" } }, ask).then(
        () => "ok",
        (error: BudgetExceededError) => error.scope,
      );
    expect([
      await askAs("ada"),
      await askAs("ada"),
      await askAs("ada"),
      await askAs("bob"),
      await askAs("bob"),
    ]).toEqual(["ok", "ok", "user/ada", "ok", "tenant/acme"]);
    for (const [scope, cents] of [
      ["user/ada", 2],
      ["user/bob", 1],
      ["tenant/acme", 3],
      ["global", 3],
    ] as const)
      expect(await used(store, scope)).toMatchObject({
        dayNanoUsd: cents * CENT,
        inFlight: 0,
      });
  });
});

describe("budgetShareLeft", () => {
  test("is the least of all limits, and unknown before the first call of a day", async () => {
    const tracking = costTracking({
      store: memoryStores(),
      budgets: [
        { name: "user", key: () => "ada", dailyBudgetUsd: 0.04 },
        { dailyBudgetUsd: 0.1, monthlyBudgetUsd: 0.02 },
        { name: "reports" },
      ],
    });
    const shares: unknown[] = [];
    const provider = providerOf(async () => answerOf({}, 500));
    const once = () =>
      run({ provider, use: [tracking] }, async (context) => {
        const { budgetShareLeft } = invocationOf(context);
        shares.push(budgetShareLeft());
        await ask(context);
        shares.push(budgetShareLeft());
      });
    await once();
    await once();
    jest.setSystemTime(NOON + 24 * 3_600_000);
    await once();
    expect(shares).toEqual([undefined, 0.75, 0.75, 0.5, undefined, 0.25]);
  });

  test("follows a call that ends on the next day, or in the next month", async () => {
    for (const [month, shareAfter] of [
      // Of 4 cents, 1 is used by today's call and half of one by yesterday's.
      [9, 0.625],
      // Yesterday's is not this month's.
      [10, 0.75],
    ] as const) {
      const midnight = Date.UTC(2026, month, month === 9 ? 15 : 1);
      jest.setSystemTime(midnight - 1_000);
      const tracking = costTracking({
        store: memoryStores(),
        monthlyBudgetUsd: 0.04,
      });
      const end = Promise.withResolvers<void>();
      const slow = providerOf(async () => {
        await end.promise;
        return answerOf({}, 500);
      });
      let share: unknown;
      await run({ provider: slow, use: [tracking] }, async (context) => {
        const yesterdays = ask(context);
        // Its reservation is made by now.
        await new Promise((done) => setImmediate(done));
        jest.setSystemTime(midnight + 1_000);
        await run({ use: [tracking] }, ask);
        end.resolve();
        await yesterdays;
        share = invocationOf(context).budgetShareLeft();
      });
      expect(share).toBe(shareAfter);
    }
  });

  test("is 0 of a budget of 0, and never below it", async () => {
    const shareOf = (dailyBudgetUsd: number) =>
      run(
        {
          use: [
            costTracking({
              store: memoryStores(),
              dailyBudgetUsd,
              onExceeded: "alert",
            }),
          ],
        },
        async (context) => {
          await ask(context);
          return invocationOf(context).budgetShareLeft();
        },
      );
    expect(await shareOf(0)).toBe(0);
    expect(await shareOf(0.001)).toBe(0);
  });
});
