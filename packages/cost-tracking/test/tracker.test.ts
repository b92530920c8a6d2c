import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import {
  BudgetExceededError,
  ModelInvocationError,
  Prompt,
} from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import costTracking, {
  CostTracker,
  type CostTrackerOptions,
} from "@lambdallm/cost-tracking";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  ask,
  CENT,
  CENT_MODEL,
  DAY,
  DOLLAR,
  NOON,
  PRICED,
  providerOf,
  rejection,
  run,
  stopClock,
} from "./support.ts";

beforeEach(() => stopClock());
afterEach(() => {
  jest.useRealTimers();
});

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

type Stores = ReturnType<typeof memoryStores>;

/** Books an amount as a call would have at that moment. */
async function spend(
  { budgets }: Stores,
  nanoUsd: number,
  at = Date.now(),
  { isSettled = true, expiresAt = at + DAY_MS } = {},
) {
  const request = {
    scope: "global",
    id: `${at}-${nanoUsd}-${isSettled}-${expiresAt}`,
    amountNanoUsd: nanoUsd,
    limits: {},
    at,
    expiresAt,
  };
  const outcome = await budgets.reserve(request);
  if (isSettled && outcome.reserved)
    await budgets.settle(outcome.reservation, nanoUsd);
}

describe.each(middyMajors)("%s", (_name, middy) => {
  test("an invocation's calls are in the reports, by model, prompt and key", async () => {
    const store = memoryStores();
    const model = new MockProvider({
      responses: [
        { text: "a", usage: { inputTokens: 500, outputTokens: 100 } },
        { text: "b", usage: { inputTokens: 0, outputTokens: 1_000 } },
        { text: "c", usage: { inputTokens: 0, outputTokens: 500 } },
      ],
    });
    const tracking = costTracking({
      store,
      budgets: [
        { name: "tenant", key: ({ tenant }) => tenant, dailyBudgetUsd: 1 },
        { monthlyBudgetUsd: 100 },
      ],
    });
    const summarize = new Prompt({ name: "summarize", template: "{text}" });
    await run(
      {
        middy,
        provider: model.middleware(),
        use: [tracking],
        event: { tenant: "acme" },
      },
      async (context) => {
        await context.invoke(summarize, { text: "x" }, { model: PRICED });
        await context.invoke(summarize, { text: "y" }, { model: CENT_MODEL });
        await ask(context);
        expect(context.costTracker.scope).toBe("tenant/acme");
      },
    );
    const total = {
      costUsd: 0.016,
      calls: 3,
      inputTokens: 500,
      outputTokens: 1_600,
    };
    const cents = { calls: 2, inputTokens: 0, outputTokens: 1_500 };
    const priced = {
      costUsd: 0.001,
      calls: 1,
      inputTokens: 500,
      outputTokens: 100,
    };
    const report = await new CostTracker({
      store,
      monthlyBudgetUsd: 100,
    }).report("monthly");
    expect(report).toEqual({
      ...total,
      scope: "global",
      period: "monthly",
      from: "2026-11-01",
      to: "2026-11-30",
      reservedUsd: 0,
      budgetUsd: 100,
      leftUsd: 99.984,
      byModel: [
        { model: CENT_MODEL, costUsd: 0.015, ...cents },
        { model: PRICED, ...priced },
      ],
      byPrompt: [
        {
          prompt: "summarize",
          costUsd: 0.011,
          calls: 2,
          inputTokens: 500,
          outputTokens: 1_100,
        },
        {
          prompt: "",
          costUsd: 0.005,
          calls: 1,
          inputTokens: 0,
          outputTokens: 500,
        },
      ],
      byKey: [{ key: "acme", ...total }],
      unattributedUsd: 0,
    });
    const own = new CostTracker({ store, name: "tenant", key: "acme" });
    expect(await own.report("daily")).toMatchObject({
      scope: "tenant/acme",
      ...total,
      byKey: [{ key: "acme" }],
    });
  });
});

describe("Without limits", () => {
  test("there are reports and nothing else: a price that is not known counts as 0", async () => {
    const store = memoryStores();
    const use = [costTracking({ store })];
    const warn = jest.spyOn(process, "emitWarning").mockReturnValue();
    const provider = providerOf(async ({ model }) => answerOf({ model }));
    await run({ provider, use }, async (context) => {
      await ask(context);
      await ask(context, "test.nobody-knows");
      await ask(context, "test.nobody-knows");
    });
    expect(warn.mock.calls).toEqual([
      [
        expect.stringContaining("test.nobody-knows is not known"),
        "LambdaLLMWarning",
      ],
    ]);
    warn.mockRestore();
    expect((await store.budgets.read("global", NOON)).monthNanoUsd).toBe(0);
    const report = await new CostTracker({ store }).report("daily");
    expect(report).toMatchObject({
      costUsd: 0.01,
      calls: 3,
      byKey: [{ key: "" }],
      unattributedUsd: 0,
    });
    expect(report).not.toHaveProperty("leftUsd");
  });

  test("a failed attempt is in them when it cost something", async () => {
    const store = memoryStores();
    const use = [costTracking({ store })];
    for (const billed of ["none", "partial"] as const)
      await rejection(
        run(
          {
            use,
            provider: providerOf(async () => {
              throw new ModelInvocationError("No.", {
                reason: "interrupted",
                model: CENT_MODEL,
                billed,
              });
            }),
          },
          ask,
        ),
      );
    expect(await new CostTracker({ store }).report("daily")).toMatchObject({
      costUsd: 0.01,
      calls: 1,
      inputTokens: 0,
      outputTokens: 0,
    });
  });
});

describe("A report", () => {
  test("says what is set aside, and what was spent by callers that died", async () => {
    const store = memoryStores();
    const month = Date.UTC(2026, 10, 3);
    await spend(store, 5 * CENT, month);
    await spend(store, 20 * CENT, NOON, { isSettled: false });
    await spend(store, 3 * CENT, NOON, {
      isSettled: false,
      expiresAt: NOON - 1,
    });
    const tracker = new CostTracker({
      store,
      dailyBudgetUsd: 0.2,
      monthlyBudgetUsd: 1,
    });
    expect(await tracker.report("daily")).toMatchObject({
      from: DAY,
      to: DAY,
      costUsd: 0.03,
      reservedUsd: 0.2,
      budgetUsd: 0.2,
      leftUsd: 0,
      unattributedUsd: 0.03,
    });
    expect(await tracker.report("monthly")).toMatchObject({
      costUsd: 0.08,
      leftUsd: 0.72,
    });
    expect(await tracker.report("daily", new Date(month))).toMatchObject({
      from: "2026-11-03",
      costUsd: 0.05,
      reservedUsd: 0,
    });
    expect(
      await tracker.report("monthly", new Date("2024-02-10")),
    ).toMatchObject({ from: "2024-02-01", to: "2024-02-29", costUsd: 0 });
  });

  test.each([
    ["weekly", undefined, "period"],
    [undefined, undefined, "period"],
    ["daily", new Date("never"), "date"],
    ["daily", "2026-11-22", "date"],
  ])("of %p and %p is refused", async (period, date, name) => {
    const tracker = new CostTracker({ store: memoryStores() });
    const report = tracker.report.bind(tracker) as (
      ...given: unknown[]
    ) => Promise<unknown>;
    await expect(report(period, date)).rejects.toThrow(
      `the option "${name}" must be`,
    );
  });
});

describe("checkBudget", () => {
  test("throws once nothing is left of the day or the month", async () => {
    const store = memoryStores();
    const limits = { dailyBudgetUsd: 0.1, monthlyBudgetUsd: 0.15 };
    const tracker = new CostTracker({ store, ...limits });
    await spend(store, 10 * CENT - 1);
    await tracker.checkBudget();
    await spend(store, 1);
    const error = await rejection(tracker.checkBudget());
    expect(BudgetExceededError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({
      message:
        "The budget of the day is used up. The next one begins on 2026-11-23 at 00:00 UTC.",
      retryAfterMs: 12 * HOUR_MS,
      period: "daily",
      usedUsd: 0.1,
      limitUsd: 0.1,
    });
    expect(error).not.toHaveProperty("neededUsd");
    await spend(store, 5 * CENT, NOON - DAY_MS);
    await expect(
      new CostTracker({ store, monthlyBudgetUsd: 0.15 }).checkBudget(),
    ).rejects.toThrow("budget of the month is used up");
    await new CostTracker({ store }).checkBudget();
  });
});

describe("A forecast", () => {
  test("projects the mean of the last 14 whole days, with the range that their spread gives", async () => {
    const store = memoryStores();
    const dollars = [9, 9, 9, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3];
    for (const [index, amount] of dollars.entries())
      await spend(
        store,
        amount * DOLLAR,
        NOON - (dollars.length - index) * DAY_MS,
      );
    await spend(store, DOLLAR);
    const tracker = new CostTracker({ store, monthlyBudgetUsd: 60 });
    const forecast = await tracker.forecast();
    // 8.5 days of 2 USD are to come; the standard deviation of the 14 days is 1.0377.
    const spread = 1.96 * 1.0377 * Math.sqrt(8.5 + 8.5 ** 2 / 14);
    expect(forecast).toEqual({
      scope: "global",
      month: "2026-11",
      spentUsd: 56,
      basedOnDays: 14,
      projectedUsd: 73,
      lowUsd: expect.closeTo(73 - spread, 2),
      highUsd: expect.closeTo(73 + spread, 2),
      budgetUsd: 60,
      runsOutOn: "2026-11-24",
    });
    expect(
      await new CostTracker({ store, monthlyBudgetUsd: 56 }).forecast(),
    ).toMatchObject({ runsOutOn: DAY });
    // 73 lasts exactly until the month ends.
    for (const limits of [
      { monthlyBudgetUsd: 74 },
      { monthlyBudgetUsd: 73 },
      {},
    ])
      expect(
        await new CostTracker({ store, ...limits }).forecast(),
      ).not.toHaveProperty("runsOutOn");
  });

  test("counts days without spending once there was some, and looks into the month before", async () => {
    const store = memoryStores();
    jest.setSystemTime(Date.UTC(2026, 11, 2, 12));
    await spend(store, 4 * DOLLAR, Date.UTC(2026, 10, 28));
    await spend(store, 4 * DOLLAR, Date.UTC(2026, 11, 1));
    const forecast = await new CostTracker({ store }).forecast();
    expect(forecast).toMatchObject({
      month: "2026-12",
      spentUsd: 4,
      basedOnDays: 4,
      projectedUsd: 4 + 2 * 29.5,
    });
    expect(forecast.lowUsd).toBeGreaterThanOrEqual(4);
  });

  test("is none from less than three whole days", async () => {
    const store = memoryStores();
    await spend(store, DOLLAR, NOON - 2 * DAY_MS);
    const limits = { monthlyBudgetUsd: 2 };
    const forecast = { scope: "global", month: "2026-11", basedOnDays: 2 };
    expect(await new CostTracker({ store, ...limits }).forecast()).toEqual({
      ...forecast,
      spentUsd: 1,
      budgetUsd: 2,
    });
    // Exactly all of it is all of it.
    for (const spentUsd of [2, 5]) {
      await spend(store, (spentUsd === 2 ? 1 : 3) * DOLLAR);
      expect(await new CostTracker({ store, ...limits }).forecast()).toEqual({
        ...forecast,
        spentUsd,
        budgetUsd: 2,
        runsOutOn: DAY,
      });
    }
  });

  test("is there from three whole days on", async () => {
    const store = memoryStores();
    for (const day of [1, 2, 3])
      await spend(store, day * DOLLAR, NOON - day * DAY_MS);
    // Their standard deviation is 1.
    const spread = 1.96 * Math.sqrt(8.5 + 8.5 ** 2 / 3);
    expect(await new CostTracker({ store }).forecast()).toEqual({
      scope: "global",
      month: "2026-11",
      spentUsd: 6,
      basedOnDays: 3,
      projectedUsd: 6 + 2 * 8.5,
      lowUsd: expect.closeTo(23 - spread, 6),
      highUsd: expect.closeTo(23 + spread, 6),
    });
  });
});

describe("A tracker's options", () => {
  const store = memoryStores();
  test.each<[options: object, message: string]>([
    [{}, 'option "store" is missing'],
    [{ store: {} }, '"store" must be a store that keeps budgets'],
    [{ store, name: "a/b" }, '"name" must be'],
    [{ store, name: "" }, '"name" must be'],
    [{ store, key: "" }, "key of the budget is empty"],
    [{ store, key: "a#b" }, 'contains "#"'],
    [{ store, key: "k".repeat(2_048) }, "has 2048 bytes"],
    [{ store, key: "k".repeat(510) }, "with the budget's name, has 514 bytes"],
    [{ store, key: 7 }, "must be a string"],
    [{ store, dailyBudgetUsd: -1 }, '"dailyBudgetUsd" must be'],
    [{ store, monthlyBudgetUsd: 1e9 }, "from 0 to 9000000"],
    [{ store, budgetUsd: 5 }, 'no option "budgetUsd"'],
  ])("%#: a wrong one is named", (options, message) => {
    expect(() => new CostTracker(options as CostTrackerOptions)).toThrow(
      message,
    );
  });

  test("unicode keys are keys", () => {
    expect(new CostTracker({ store, key: "Ärzte/東京 😀" }).scope).toBe(
      "key/Ärzte/東京 😀",
    );
  });
});
