import { describe, expect, test } from "@jest/globals";
import { ConfigurationError, Model } from "@lambdallm/core";
import router, {
  router as named,
  type RouterOptions,
  routerValidateOptions,
} from "@lambdallm/router";
import { thrown } from "./support.ts";

const models = [Model.NOVA_LITE, Model.CLAUDE_HAIKU_4_5];

describe("The options", () => {
  test.each([
    [undefined, "the options must be an object"],
    [{}, 'the option "models" needs at least one model to choose from.'],
    [{ models: [] }, 'the option "models" needs at least one model'],
    [{ models: "all" }, 'the option "models" must be an array'],
    [{ models: [Model.NOVA_LITE, ""] }, "models[1] must be a non-empty string"],
    [{ models: [7] }, "models[0] must be a non-empty string"],
    [
      { models: [...models, Model.NOVA_LITE] },
      `models[2] is "${Model.NOVA_LITE}" a second time; leave it out`,
    ],
    [
      { models, strategy: "cost-optimized" },
      'the option "strategy" must be one of cheapest, quality, balanced',
    ],
    [{ models, stratgey: "quality" }, 'there is no option "stratgey"'],
    [
      { models, qualityThreshold: 0.85 },
      'the option "qualityThreshold" must be one of 1, 2, 3, 4, 5',
    ],
    [
      { models, quality: { [Model.NOVA_LITE]: 6 } },
      'the option "quality" must be an object of tiers: 1, 2, 3, 4, 5',
    ],
    [
      { models, quality: { "nova-light": 3 } },
      'the option "quality" has a tier for "nova-light", which is in neither "models" nor "rules"',
    ],
    [
      { models, expectedOutputTokens: 0 },
      'the option "expectedOutputTokens" must be a positive integer',
    ],
    [
      { models, requireNativeOutput: 1 },
      'the option "requireNativeOutput" must be true or false',
    ],
    [{ models, rules: {} }, 'the option "rules" must be an array'],
    [
      { models, rules: ["true"] },
      "router: rules[0]: the options must be an object",
    ],
    [
      { models, rules: [{ when: "true" }] },
      'router: rules[0]: a rule needs both "when" and "model"',
    ],
    [
      { models, rules: [{ model: "x" }] },
      'router: rules[0]: a rule needs both "when" and "model"',
    ],
    [
      { models, rules: [{ when: 5, model: "x" }] },
      'the option "when" must be a non-empty string or a function',
    ],
    [
      { models, rules: [{ when: "true", model: "" }] },
      'the option "model" must be a non-empty string',
    ],
    [
      { models, rules: [{ condition: "true", model: "x" }] },
      'rules[0]: there is no option "condition"',
    ],
  ])("%j are refused: %s", (options, message) => {
    for (const create of [router, routerValidateOptions]) {
      // What JavaScript lets through.
      const error = thrown(() => create(options as unknown as RouterOptions));
      expect(ConfigurationError.isInstance(error)).toBe(true);
      expect(error.message).toMatch(/^router: /);
      expect(error.message).toContain(message);
    }
  });

  test("that are undefined are not given", () => {
    routerValidateOptions({ models, strategy: undefined, rules: undefined });
    expect(named).toBe(router);
  });

  test("may name one model with two profiles, a model for a rule, and a tier for either", () => {
    const two = [
      `us.${Model.CLAUDE_HAIKU_4_5}`,
      `global.${Model.CLAUDE_HAIKU_4_5}`,
    ];
    const { ranking } = router({
      models: two,
      rules: [{ when: "has_tools", model: "acme.other" }],
      quality: { "acme.other": 5, [Model.CLAUDE_HAIKU_4_5]: 2 },
    }).explain("Hi", { now: 0 });
    expect(ranking).toMatchObject([
      { model: two[1], tier: 2 },
      { model: two[0], tier: 2 },
    ]);
  });

  test("are copied, so that a later change of the array has no effect", () => {
    const own = [...models];
    const routing = router({ models: own });
    own.length = 0;
    expect(routing.explain("Hi").ranking).toHaveLength(2);
  });
});

describe("explain", () => {
  test.each([
    [undefined, {}, "give a prompt, or a request that has messages"],
    [{}, {}, "give a prompt, or a request that has messages"],
    ["Hi", { budgetLeft: 1 }, 'there is no option "budgetLeft"'],
    [
      "Hi",
      { budgetShareLeft: 2 },
      'the option "budgetShareLeft" must be a number from 0 to 1',
    ],
    [
      "Hi",
      { remainingTimeMs: Number.NaN },
      'the option "remainingTimeMs" must be a number',
    ],
    [
      "Hi",
      { remainingTimeMs: "1" },
      'the option "remainingTimeMs" must be a number',
    ],
    ["Hi", { region: "" }, 'the option "region" must be a non-empty string'],
    [
      "Hi",
      { now: -1 },
      'the option "now" must be a finite number of at least 0',
    ],
  ])("of %j with %j is refused: %s", (request, circumstances, message) => {
    const error = thrown(() =>
      // What JavaScript lets through.
      router({ models }).explain(request as string, circumstances as object),
    );
    expect(ConfigurationError.isInstance(error)).toBe(true);
    expect(error.message).toContain(`router.explain: ${message}`);
  });

  test("takes the infinite time that there is outside of Lambda, and time that is over", () => {
    for (const remainingTimeMs of [Number.POSITIVE_INFINITY, -5])
      expect(router({ models }).explain("Hi", { remainingTimeMs }).model).toBe(
        Model.NOVA_LITE,
      );
  });

  test("does not throw when no model fits", () => {
    const routing = router({ models: ["acme.one"], qualityThreshold: 2 });
    expect(routing.explain("Hi")).toMatchObject({
      model: undefined,
      rule: undefined,
      reason:
        "no model fits: acme.one does not fit (its quality tier 1 is below 2)",
    });
  });

  test("ignores the model of the request", () => {
    expect(
      router({ models }).explain({
        model: "acme.one",
        messages: [{ role: "user", content: [{ text: "Hi" }] }],
      }).model,
    ).toBe(Model.NOVA_LITE);
  });
});
