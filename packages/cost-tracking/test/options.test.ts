import { describe, expect, jest, test } from "@jest/globals";
import { registerModel } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import costTracking, {
  CostTracker,
  type CostTrackingOptions,
  costTrackingValidateOptions,
} from "@lambdallm/cost-tracking";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  ask,
  CENT,
  CENT_MODEL,
  listener,
  PRICED,
  providerOf,
  rejection,
  run,
  used,
} from "./support.ts";

const store = memoryStores();
const tracker = new CostTracker({ store, dailyBudgetUsd: 1 });

describe("The options", () => {
  test.each<[options: unknown, message: string]>([
    [undefined, "the options must be an object"],
    [{}, 'option "store" is missing'],
    [{ store: store.budgets }, '"store" must be a store that keeps budgets'],
    [{ store, dailyBudget: 5 }, 'no option "dailyBudget"'],
    [
      { store, dailyBudgetUsd: "5" },
      '"dailyBudgetUsd" must be a number of USD from 0 to 9000000, or a function',
    ],
    [{ store, name: "\ud800" }, '"name" must be'],
    [{ store, key: "acme" }, '"key" must be a function'],
    [{ store, onExceeded: "wait" }, "one of block, downgrade, alert"],
    [{ store, onExceeded: "downgrade" }, "go together"],
    [{ store, downgradeTo: [PRICED] }, "go together"],
    [
      { store, onExceeded: "downgrade", downgradeTo: ["claude-haiku"] },
      'price of "claude-haiku" in downgradeTo is not known',
    ],
    [{ store, unknownPrice: 5 }, '"error", "allow" or { input, output }'],
    [{ store, unknownPrice: { input: 1 } }, "{ input, output }"],
    [
      { store, unknownPrice: { input: 1, output: 2, cache: 3 } },
      "{ input, output }",
    ],
    [{ store, onStoreError: "retry" }, "one of block, allow"],
    [{ store, shadow: "yes" }, "true or false"],
    [{ store, budgets: [] }, '"budgets" is empty'],
    [{ store, budgets: [{}], name: "a" }, 'in place of "name"'],
    [{ store, budgets: [{ store }] }, 'budgets[0]: there is no option "store"'],
    [{ store, budgets: [{}, {}] }, 'two budgets have the name "global"'],
    [{ tracker: {} }, '"tracker" must be a CostTracker'],
    [{ tracker, store }, 'in place of "store"'],
  ])("%#: a wrong one is named", (options, message) => {
    expect(() => costTrackingValidateOptions(options)).toThrow(message);
    expect(() => costTracking(options as CostTrackingOptions)).toThrow(message);
  });

  test("a model to downgrade to may have an assumed price", () => {
    costTrackingValidateOptions({
      store,
      onExceeded: "downgrade",
      downgradeTo: ["test.not-registered"],
      unknownPrice: { input: 1, output: 2 },
    });
  });
});

describe.each(middyMajors)("%s", (_name, middy) => {
  test("without a provider's middleware before it, the error says what to do", async () => {
    const handler = middy()
      .use(costTracking({ store }))
      .handler(async () => "never");
    await expect(handler({}, {} as never)).rejects.toThrow(
      "add .use(bedrock())",
    );
  });

  test.each([
    ["a#b", 'key of the budget "key" contains "#"'],
    ["", "is empty"],
    ["k".repeat(2_048), "has 2048 bytes"],
    [undefined, "must be a string, not undefined"],
    [Promise.resolve("acme"), "must be a string, not object"],
  ])("the key %p is refused before anything is sent", async (key, message) => {
    const model = new MockProvider();
    const use = [costTracking({ store, key: () => key })];
    const error = await rejection(
      run({ middy, provider: model.middleware(), use }, ask),
    );
    expect(error).toMatchObject({
      code: "CONFIGURATION",
      message: expect.stringContaining(message),
    });
    expect(model.totalCalls).toBe(0);
  });

  describe("in Lambda's tenant isolation mode", () => {
    const contextOf = (tenantId: unknown) =>
      Object.assign(new MockLambdaContext(), { tenantId });
    const scopeFor = (
      options: Partial<CostTrackingOptions>,
      tenantId: unknown = "acme",
    ) =>
      run(
        {
          middy,
          use: [costTracking({ store, ...options })],
          context: contextOf(tenantId),
        },
        async ({ costTracker }) => costTracker.scope,
      );

    test("the tenant has a budget of its own", async () => {
      const own = memoryStores();
      const use = [costTracking({ store: own, dailyBudgetUsd: 0.01 })];
      const spend = (tenantId: string) =>
        run({ middy, use, context: contextOf(tenantId) }, ask);
      expect(await spend("acme")).toBe("Hello");
      expect(await rejection(spend("acme"))).toMatchObject({
        code: "BUDGET_EXCEEDED",
        scope: "key/acme",
      });
      expect(await spend("umbrella")).toBe("Hello");
    });

    test.each<[Partial<CostTrackingOptions>, string]>([
      [{ name: "tenant" }, "tenant/acme"],
      [{ key: ({ user = "ada" }) => user }, "key/ada"],
      [{ key: (_event, { tenantId }) => `${tenantId}/ada` }, "key/acme/ada"],
      [{ budgets: [{}] }, "global"],
      [{ budgets: [{ name: "team", key: () => "a" }, {}] }, "team/a"],
    ])("what %j says comes first", async (options, scope) => {
      expect(await scopeFor(options)).toBe(scope);
    });

    test.each([undefined, null])(
      "an id that is %p is none, as outside of that mode",
      async (tenantId) => {
        const use = [costTracking({ store })];
        const context = contextOf(tenantId);
        const scope = await run(
          { middy, use, context },
          async ({ costTracker }) => costTracker.scope,
        );
        expect(scope).toBe("global");
      },
    );

    test.each([
      ["a#b", 'contains "#", which separates the parts of a key'],
      ["", "is empty"],
      ["k".repeat(513), "has 513 bytes; at most 512 are allowed"],
      [7, "must be a string, not number"],
    ])("the id %p is an error that names it", async (tenantId, problem) => {
      expect(await rejection(scopeFor({}, tenantId))).toMatchObject({
        code: "CONFIGURATION",
        message: `costTracking: without the option "key", it is context.tenantId that says whose budget it is. The key of the budget "key" ${problem}.`,
      });
    });
  });

  test("limits of the event's plan hold, and a plan without one has none", async () => {
    const own = memoryStores();
    const plans: Readonly<Record<string, number>> = { free: 0.01, paid: 0.02 };
    const tracking = costTracking({
      store: own,
      key: ({ tenant }) => tenant,
      dailyBudgetUsd: ({ plan }, { awsRequestId }) =>
        awsRequestId === "" ? 0 : plans[plan],
      monthlyBudgetUsd: () => 0.03,
    });
    const calls = async (event: object) => {
      let passed = 0;
      const use = [tracking];
      for (; passed < 5; passed++)
        if (
          await run({ middy, use, event }, ask).then(
            () => false,
            () => true,
          )
        )
          break;
      return passed;
    };
    expect([
      await calls({ tenant: "a", plan: "free" }),
      await calls({ tenant: "b", plan: "paid" }),
      await calls({ tenant: "c", plan: "enterprise" }),
    ]).toEqual([1, 2, 3]);
    const limits = await run(
      { middy, use: [tracking], event: { tenant: "a", plan: "free" } },
      async ({ costTracker }) => costTracker.limits,
    );
    expect(limits).toEqual({ dailyNanoUsd: CENT, monthlyNanoUsd: 3 * CENT });
  });

  test.each([-1, Number.NaN, "5", null, Promise.resolve(5)])(
    "a limit of %p is refused before anything is sent",
    async (limit) => {
      const model = new MockProvider();
      // A function without types can return anything.
      const monthlyBudgetUsd = () => limit as number;
      const use = [costTracking({ store, monthlyBudgetUsd })];
      const error = await rejection(
        run({ middy, provider: model.middleware(), use }, ask),
      );
      expect(error).toMatchObject({
        code: "CONFIGURATION",
        message:
          'costTracking: the function "monthlyBudgetUsd" has to return a number of USD from 0 to 9000000, or undefined for no limit.',
      });
      expect(model.totalCalls).toBe(0);
    },
  );

  test("an existing tracker is the budget, and the handler's context has it", async () => {
    const own = memoryStores();
    const mine = new CostTracker({
      store: own,
      name: "team",
      dailyBudgetUsd: 0.01,
    });
    const use = [costTracking({ tracker: mine })];
    const seen = await run({ middy, use }, async (context) => {
      await ask(context);
      await expect(context.costTracker.checkBudget()).rejects.toMatchObject({
        scope: "team",
      });
      return {
        isMine: context.costTracker === mine,
        keys: Object.keys(context),
      };
    });
    expect(seen.isMine).toBe(true);
    expect(seen.keys).not.toContain("costTracker");
  });
});

describe("A budget that two middlewares count in", () => {
  const limits = { store: memoryStores(), dailyBudgetUsd: 1 };

  test("is refused in one chain", async () => {
    const use = [costTracking(limits), costTracking(limits)];
    await expect(run({ use }, ask)).rejects.toThrow(
      'used twice for the budget "global"',
    );
  });

  test("counts a call of a nested chain once, and each budget for itself", async () => {
    const own = memoryStores();
    const both = { store: own, dailyBudgetUsd: 1 };
    await run({ use: [costTracking(both)] }, async (context) => {
      const { costTracker } = context;
      await run(
        {
          use: [
            costTracking({ ...both, budgets: undefined }),
            costTracking({ ...both, name: "inner" }),
          ],
          context,
        },
        async (nested) => {
          expect(nested.costTracker.scope).toBe("inner");
          await ask(nested);
        },
      );
      expect(context.costTracker).toBe(costTracker);
    });
    expect(await used(own)).toMatchObject({ dayNanoUsd: CENT });
    expect(await used(own, "inner")).toMatchObject({ dayNanoUsd: CENT });
  });

  test("counts all calls of a nested chain when the outer one has no budget", async () => {
    const own = memoryStores();
    const use = [costTracking({ store: own, dailyBudgetUsd: 1 })];
    await run({ use: [] }, async (context) => {
      await run({ use, context }, ask);
    });
    expect(await used(own)).toMatchObject({ dayNanoUsd: CENT });
  });

  test("a nested provider's Region counts in its upper bound", async () => {
    registerModel("test.regional", {
      baseModel: "deepseek.v3.2",
      maxOutputTokens: 1_000_000,
      contextWindowTokens: 0,
    });
    const own = memoryStores();
    const seen: number[] = [];
    const answering = async () => {
      seen.push((await used(own)).dayNanoUsd);
      return answerOf();
    };
    const request = { model: "test.regional", maxTokens: 1_000_000 };
    const askRegional = (context: {
      invoke: (
        prompt: string,
        variables: undefined,
        options: object,
      ) => unknown;
    }) => context.invoke("Hi", undefined, request);
    await run(
      {
        use: [costTracking({ store: own, dailyBudgetUsd: 10 })],
        provider: providerOf(answering),
      },
      async (context) => {
        await askRegional(context);
        await run(
          {
            use: [],
            context,
            provider: providerOf(answering, { region: "sa-east-1" }),
          },
          async (nested) => askRegional(nested),
        );
      },
    );
    expect(seen).toEqual([1_850_000_000, 2_220_000_000 + CENT]);
  });
});

describe("A price that is not known", () => {
  const UNKNOWN = "test.nobody-knows";
  const provider = providerOf(async ({ model }) => answerOf({ model }, 1_000));
  const askUnknown =
    (options: object) => (context: Parameters<typeof ask>[0]) =>
      context.invoke("Hi", undefined, {
        model: UNKNOWN,
        maxTokens: 1_000,
        ...options,
      });
  const arn = "arn:aws:bedrock:us-east-1:123456789012:prompt/ABC:1";
  const openPrompt = "arn:aws:bedrock:us-east-1:123456789012:prompt/OPEN:1";
  registerModel(openPrompt, {
    prices: { input: 1, output: 1 },
    contextWindowTokens: 1_000,
  });
  registerModel("test.no-window", { prices: { input: 1, output: 1 } });
  registerModel("test.tiers", {
    prices: {
      input: 0,
      output: 10,
      serviceTiers: { priority: { input: 0, output: 20 } },
    },
    contextWindowTokens: 1_000,
  });
  registerModel(arn, { baseModel: CENT_MODEL });

  test.each<[what: string, options: object, message: string]>([
    ["of a model", {}, 'registerModel("test.nobody-knows", { prices:'],
    [
      "of a service tier",
      { model: PRICED, bedrock: { serviceTier: { type: "flex" } } },
      "the price of the service tier is not known",
    ],
    [
      "because a managed prompt has no limit that is known",
      { model: openPrompt },
      "a managed prompt says itself how long its answer can be",
    ],
  ])(
    "%s refuses the call and says what to do",
    async (_what, options, message) => {
      const model = new MockProvider();
      const use = [costTracking({ store: memoryStores(), dailyBudgetUsd: 1 })];
      const error = await rejection(
        run({ provider: model.middleware(), use }, askUnknown(options)),
      );
      expect(error).toMatchObject({
        code: "CONFIGURATION",
        message: expect.stringContaining(message),
      });
      expect(model.totalCalls).toBe(0);
    },
  );

  test.each<Partial<CostTrackingOptions>>([
    { onExceeded: "alert", unknownPrice: "error" },
    // There is a price, and still no bound.
    { unknownPrice: { input: 1, output: 1 } },
  ])("refuses the call with %j, too", async (options) => {
    const model = new MockProvider();
    const use = [
      costTracking({ store: memoryStores(), dailyBudgetUsd: 1, ...options }),
    ];
    const error = await rejection(
      run({ provider: model.middleware(), use }, (context) =>
        context.invoke("Hi", undefined, { model: openPrompt }),
      ),
    );
    expect(error).toMatchObject({ code: "CONFIGURATION" });
    expect(model.totalCalls).toBe(0);
  });

  test("of an ARN is told without its account number", async () => {
    const use = [costTracking({ store: memoryStores(), dailyBudgetUsd: 1 })];
    const opaque =
      "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
    const error = await rejection(run({ use }, askUnknown({ model: opaque })));
    expect(String(error)).toContain('registerModel("abc"');
    expect(String(error)).not.toContain("123456789012");
  });

  test("because a part of the prompt has no known size refuses the call, too", async () => {
    const use = [costTracking({ store: memoryStores(), dailyBudgetUsd: 1 })];
    const video = {
      video: { format: "mp4", source: { s3Location: { uri: "s3://a/b" } } },
    };
    await expect(
      run({ use }, ({ converse }) =>
        converse({
          model: "test.no-window",
          maxTokens: 5,
          messages: [{ role: "user", content: [video] }],
        }),
      ),
    ).rejects.toThrow("context window is not known");
  });

  test("and is allowed counts as 0, with an event", async () => {
    const own = memoryStores();
    const { events, middleware } = listener("budget-problem");
    const use = [
      middleware,
      costTracking({ store: own, dailyBudgetUsd: 1, unknownPrice: "allow" }),
    ];
    await run({ provider, use }, async (context) => {
      await askUnknown({})(context);
      await askUnknown({})(context);
    });
    expect(events).toEqual([
      {
        name: "budget-problem",
        event: { kind: "unknown-price", model: UNKNOWN },
      },
    ]);
    expect(await used(own)).toMatchObject({ dayNanoUsd: 0, inFlight: 0 });
  });

  test("and is allowed is charged what the answer says, as a prompt router's does", async () => {
    const own = memoryStores();
    const { events, middleware } = listener("budget-problem");
    const use = [
      middleware,
      costTracking({ store: own, dailyBudgetUsd: 1, unknownPrice: "allow" }),
    ];
    await run({ use }, askUnknown({}));
    expect(await used(own)).toMatchObject({ dayNanoUsd: CENT });
    expect(events).toHaveLength(1);
  });

  test("takes the price that was given for it", async () => {
    const own = memoryStores();
    const unknownPrice = { input: 2, output: 5 };
    const { middleware } = listener("budget-problem");
    const seen: number[] = [];
    const watching = providerOf(async ({ model }) => {
      seen.push((await used(own)).dayNanoUsd);
      return answerOf({
        model,
        usage: {
          inputTokens: 100,
          outputTokens: 200,
          totalTokens: 300,
          cacheReadInputTokens: 20,
          cacheWriteInputTokens: 30,
        },
      });
    });
    const use = [
      middleware,
      costTracking({ store: own, dailyBudgetUsd: 1, unknownPrice }),
    ];
    await run({ provider: watching, use }, askUnknown({}));
    expect(seen[0]).toBeGreaterThanOrEqual(5_000_000);
    expect(await used(own)).toMatchObject({ dayNanoUsd: 300_000 + 1_000_000 });
    // A call without maxTokens has the default, so it has a bound.
    await run({ use }, askUnknown({ maxTokens: undefined }));
    const flex = { bedrock: { serviceTier: { type: "flex" } } };
    await run({ use }, askUnknown({ model: PRICED, ...flex }));
    const alert = costTracking({
      store: own,
      name: "alerts",
      dailyBudgetUsd: 1,
      unknownPrice,
      onExceeded: "alert",
    });
    await run({ use: [middleware, alert] }, askUnknown({ model: openPrompt }));
  });

  test("of a tier is the tier's or the default's, whichever is dearer", async () => {
    const own = memoryStores();
    const seen: number[] = [];
    const watching = providerOf(async () => {
      seen.push((await used(own)).dayNanoUsd);
      return answerOf({}, 0);
    });
    const use = [costTracking({ store: own, dailyBudgetUsd: 1 })];
    for (const type of ["default", "priority"])
      await run(
        { provider: watching, use },
        askUnknown({ model: "test.tiers", bedrock: { serviceTier: { type } } }),
      );
    expect(seen).toEqual([CENT, 2 * CENT]);
  });

  test("a managed prompt may be as long as its model can take", async () => {
    const own = memoryStores();
    const seen: number[] = [];
    const watching = providerOf(async () => {
      seen.push((await used(own)).dayNanoUsd);
      return answerOf({}, 0);
    });
    const use = [costTracking({ store: own, dailyBudgetUsd: 1 })];
    await run(
      { provider: watching, use },
      askUnknown({ model: arn, maxTokens: 5 }),
    );
    expect(seen).toEqual([CENT]);
  });
});

test("A call that costs more than its upper bound is charged all of it, and told", async () => {
  const own = memoryStores();
  const warn = jest.spyOn(process, "emitWarning").mockReturnValue();
  const use = [costTracking({ store: own, dailyBudgetUsd: 1 })];
  await run(
    { provider: providerOf(async () => answerOf({}, 3_000)), use },
    ask,
  );
  expect(await used(own)).toMatchObject({ dayNanoUsd: 3 * CENT });
  expect(warn.mock.calls).toEqual([
    [
      expect.stringContaining(
        "has cost 0.03 USD, and 0.01 USD was its upper bound",
      ),
      "LambdaLLMWarning",
    ],
  ]);
  warn.mockRestore();
});
