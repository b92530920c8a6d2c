import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  type ConverseRequest,
  listModels,
  Model,
  registerModel,
} from "@lambdallm/core";
import router, {
  type RouteCircumstances,
  type RouterOptions,
} from "@lambdallm/router";
import { familyTier } from "../src/tiers.ts";
import { asking, NOW } from "./support.ts";

const FREE = "strategies-test.free";
const UNPRICED = "strategies-test.unpriced";
const TUNED = "arn:aws:bedrock:us-east-1:123456789012:custom-model/tuned";

const { CLAUDE_HAIKU_4_5, CLAUDE_SONNET_4_6, CLAUDE_OPUS_4_6 } = Model;
const CLAUDES = [CLAUDE_OPUS_4_6, CLAUDE_SONNET_4_6, CLAUDE_HAIKU_4_5];

beforeAll(() => {
  registerModel(FREE, { prices: { input: 0, output: 0 } });
  registerModel(TUNED, { baseModel: CLAUDE_SONNET_4_6 });
});

const explain = (
  options: RouterOptions,
  request: string | ConverseRequest = "Hi",
  circumstances: RouteCircumstances = {},
) => router(options).explain(request, { now: NOW, ...circumstances });

const order = (...parameters: Parameters<typeof explain>) =>
  explain(...parameters).ranking.map(({ model }) => model);

describe("The strategy cheapest, which is the default", () => {
  test("ranks by the estimated cost of this call, an unknown price last", () => {
    const models = [UNPRICED, ...CLAUDES, FREE];
    const { ranking, reason } = explain({ models });
    expect(ranking.map(({ model }) => model)).toEqual([
      FREE,
      CLAUDE_HAIKU_4_5,
      CLAUDE_SONNET_4_6,
      CLAUDE_OPUS_4_6,
      UNPRICED,
    ]);
    expect(reason).toBe("cheapest: 5 of 5 models fit");
    // A token of input at 1 USD a million, 500 of output at 5.
    expect(ranking[1]?.costUsd).toBe(0.002501);
    expect(ranking[4]?.costUsd).toBeUndefined();
  });

  test("counts on an answer of maxTokens, or as long as usual", () => {
    const cost = (more: object, options: object = {}) =>
      explain({ models: [CLAUDE_HAIKU_4_5], ...options }, asking(more))
        .ranking[0]?.costUsd;
    const input = 4e-6;
    expect(cost({})).toBeCloseTo(input + 500 * 5e-6, 12);
    expect(cost({ maxTokens: 100 })).toBeCloseTo(input + 100 * 5e-6, 12);
    const usual = { expectedOutputTokens: 200 };
    expect(cost({}, usual)).toBeCloseTo(input + 200 * 5e-6, 12);
    expect(cost({ maxTokens: 1_000 }, usual)).toBeCloseTo(
      input + 200 * 5e-6,
      12,
    );
    expect(cost({ maxTokens: 100 }, usual)).toBeCloseTo(input + 100 * 5e-6, 12);
  });

  test("depends on the prompt: dear input and dear output are different things", () => {
    const models = ["strategies-test.reader", "strategies-test.writer"];
    registerModel("strategies-test.reader", {
      prices: { input: 1, output: 9 },
    });
    registerModel("strategies-test.writer", {
      prices: { input: 2, output: 2 },
    });
    expect(order({ models }, "Hi")).toEqual(models.toReversed());
    expect(order({ models }, "word".repeat(10_000))).toEqual(models);
  });

  test("knows the prices of a Region and of a profile", () => {
    const cost = (model: string, region?: string) =>
      explain({ models: [model] }, "Hi", { region }).ranking[0]?.costUsd;
    const base = cost(CLAUDE_HAIKU_4_5) ?? Number.NaN;
    expect(cost(`us.${CLAUDE_HAIKU_4_5}`)).toBeCloseTo(1.1 * base, 12);
    expect(cost(Model.NOVA_PRO, "ap-southeast-2")).not.toBe(
      cost(Model.NOVA_PRO, "us-gov-east-1"),
    );
  });

  test("breaks a tie by native output where a shape is asked for, then by tier, then by the order of the option", () => {
    const same = { prices: { input: 1, output: 1 } };
    registerModel("strategies-test.a", same);
    registerModel("strategies-test.b", same);
    registerModel("strategies-test.native", {
      ...same,
      nativeStructuredOutput: true,
    });
    const a = "strategies-test.a";
    const b = "strategies-test.b";
    const native = "strategies-test.native";
    const options: RouterOptions = {
      models: [a, b, native],
      quality: { [b]: 2 },
    };
    expect(order(options)).toEqual([b, a, native]);
    expect(
      order(options, asking({ output: { schema: { type: "object" } } })),
    ).toEqual([native, b, a]);
  });

  test("meets the quality threshold", () => {
    expect(explain({ models: CLAUDES, qualityThreshold: 4 })).toMatchObject({
      model: CLAUDE_SONNET_4_6,
      reason: "cheapest: 2 of 3 models fit",
      ranking: [
        { model: CLAUDE_SONNET_4_6, fits: true, misfits: [] },
        { model: CLAUDE_OPUS_4_6, fits: true },
        {
          model: CLAUDE_HAIKU_4_5,
          fits: false,
          misfits: ["its quality tier 3 is below 4"],
        },
      ],
    });
  });
});

describe("The strategy quality", () => {
  test("ranks by tier, then by cost", () => {
    const models = [FREE, ...CLAUDES.toReversed(), Model.CLAUDE_OPUS_5_5];
    expect(order({ models, strategy: "quality" })).toEqual([
      Model.CLAUDE_OPUS_5_5,
      CLAUDE_OPUS_4_6,
      CLAUDE_SONNET_4_6,
      CLAUDE_HAIKU_4_5,
      FREE,
    ]);
  });
});

describe("The strategy balanced", () => {
  test("pays at most three times as much for one tier more", () => {
    const models = ["strategies-test.dear", "strategies-test.low"];
    registerModel("strategies-test.low", { prices: { input: 1, output: 1 } });
    const chosen = (price: number, share?: number) => {
      registerModel("strategies-test.dear", {
        prices: { input: price, output: price },
      });
      return explain(
        {
          models,
          strategy: "balanced",
          quality: { "strategies-test.dear": 3, "strategies-test.low": 2 },
        },
        "Hi",
        { budgetShareLeft: share },
      ).model;
    };
    expect(chosen(2.9)).toBe("strategies-test.dear");
    expect(chosen(3)).toBe("strategies-test.low");
    expect(chosen(3.1)).toBe("strategies-test.low");
    // The square root of 3 with half of the budget, and nothing more without any.
    expect(chosen(1.7, 0.5)).toBe("strategies-test.dear");
    expect(chosen(1.8, 0.5)).toBe("strategies-test.low");
    expect(chosen(1.1, 0)).toBe("strategies-test.low");
    expect(chosen(1, 0)).toBe("strategies-test.dear");
  });

  test.each([
    // 500 tokens of a usual answer: 9 USD, and 2 USD.
    [18_000, 1, 3 - 2],
    [18_000, 0.5, 1.5 - 2],
    [4_000, 1, 3 - 0.63093],
  ])(
    "scores %d USD per million and %d of the budget with the tier's share and the cost's logarithm",
    (output, budgetShareLeft, score) => {
      registerModel("strategies-test.scored", { prices: { input: 0, output } });
      const { ranking } = explain(
        {
          models: ["strategies-test.scored"],
          strategy: "balanced",
          quality: { "strategies-test.scored": 3 },
        },
        "Hi",
        { budgetShareLeft },
      );
      expect(ranking[0]?.score).toBe(score);
    },
  );

  test("ranks what costs nothing first and an unknown price last", () => {
    const models = [UNPRICED, ...CLAUDES, FREE];
    const ranked = order({ models, strategy: "balanced" });
    expect(ranked[0]).toBe(FREE);
    expect(ranked.at(-1)).toBe(UNPRICED);
  });
});

describe("The quality tiers", () => {
  const tier = (model: string, quality?: RouterOptions["quality"]) =>
    explain({ models: [model], quality }).ranking[0]?.tier;

  test("are 1 for a model that nobody knows, and that of the model behind a profile or a registration", () => {
    expect(tier(UNPRICED)).toBe(1);
    expect(tier(`us.${CLAUDE_HAIKU_4_5}`)).toBe(3);
    expect(tier(TUNED)).toBe(4);
    expect(tier("constructor")).toBe(1);
  });

  test("can be given for an id, or for the model behind it", () => {
    expect(tier(UNPRICED, { [UNPRICED]: 5 })).toBe(5);
    expect(tier(`us.${CLAUDE_HAIKU_4_5}`, { [CLAUDE_HAIKU_4_5]: 5 })).toBe(5);
    expect(
      tier(`us.${CLAUDE_HAIKU_4_5}`, {
        [CLAUDE_HAIKU_4_5]: 5,
        [`us.${CLAUDE_HAIKU_4_5}`]: 2,
      }),
    ).toBe(2);
    expect(tier(TUNED, { [TUNED]: 2 })).toBe(2);
  });

  test("have a family for every model of the catalog", () => {
    const strangers = listModels()
      .filter(({ id }) => !id.includes("-test."))
      .filter(({ id }) => familyTier(id) === undefined);
    expect(strangers.map(({ id }) => id)).toEqual([]);
  });
});
