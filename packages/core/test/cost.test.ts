import { describe, expect, test } from "@jest/globals";
import { type Usage, ZERO_USAGE } from "../src/contract/model-call.ts";
import { registerModel } from "../src/models/catalog.ts";
import { costInPicoUsd, costOf, sumOfUsd } from "../src/models/cost.ts";
import { Model } from "../src/models/model.ts";

const HAIKU = Model.CLAUDE_HAIKU_4_5;
const SONNET = Model.CLAUDE_SONNET_4_5;

const pico = (
  model: string,
  usage: Partial<Usage>,
  more: { region?: string; serviceTier?: string; now?: number } = {},
) => costInPicoUsd({ model, usage: { ...ZERO_USAGE, ...usage }, ...more });

describe("costInPicoUsd", () => {
  test.each<[string, Partial<Usage>, number]>([
    [`global.${HAIKU}`, { inputTokens: 1 }, 1_000_000],
    [`global.${HAIKU}`, { outputTokens: 1 }, 5_000_000],
    [`global.${HAIKU}`, { cacheReadInputTokens: 1 }, 100_000],
    [`global.${HAIKU}`, { cacheWriteInputTokens: 1 }, 1_250_000],
    [`us.${HAIKU}`, { inputTokens: 1 }, 1_100_000],
    [`us.${HAIKU}`, { cacheReadInputTokens: 1 }, 110_000],
    [`us.${HAIKU}`, { cacheWriteInputTokens: 1 }, 1_375_000],
    [`eu.${Model.NOVA_LITE}`, { inputTokens: 1 }, 69_000],
    [`eu.${Model.NOVA_LITE}`, { cacheReadInputTokens: 3 }, 51_750],
    [Model.NOVA_MICRO, { inputTokens: 1, outputTokens: 1 }, 175_000],
    [Model.NOVA_MICRO, { cacheReadInputTokens: 1 }, 8_750],
    [Model.LLAMA3_70B, { inputTokens: 10, outputTokens: 20 }, 96_500_000],
    [HAIKU, {}, 0],
  ])("bills %s for %j with %i", (model, usage, cost) => {
    expect(pico(model, usage)).toBe(cost);
  });

  test("bills cache writes by their time to live, and the rest at the default one", () => {
    const write = (
      cacheWriteInputTokens: number,
      ...details: [ttl: string, inputTokens: number][]
    ) =>
      pico(`global.${HAIKU}`, {
        cacheWriteInputTokens,
        cacheDetails: details.map(([ttl, inputTokens]) => ({
          ttl,
          inputTokens,
        })),
      });
    expect(write(10)).toBe(12_500_000);
    expect(write(10, ["5m", 10])).toBe(12_500_000);
    expect(write(10, ["1h", 10])).toBe(20_000_000);
    expect(write(10, ["5m", 4], ["1h", 6])).toBe(17_000_000);
    expect(write(10, ["1h", 6])).toBe(17_000_000);
    expect(write(10, ["30m", 10])).toBe(12_500_000);
    expect(write(0, ["1h", 6])).toBe(12_000_000);
    expect(write(10, ["24h", 1])).toBeUndefined();
    expect(write(10, ["24h", 0])).toBe(12_500_000);
  });

  test("uses the prices of long contexts for the whole request, beyond the threshold only", () => {
    const call = (inputTokens: number) =>
      pico(`us.${SONNET}`, {
        inputTokens,
        outputTokens: 100,
        cacheReadInputTokens: 50_000,
        cacheWriteInputTokens: 50_000,
        cacheDetails: [{ ttl: "1h", inputTokens: 10_000 }],
      });
    expect(call(100_000)).toBe(
      100_000 * 3_300_000 +
        100 * 16_500_000 +
        50_000 * 330_000 +
        40_000 * 4_125_000 +
        10_000 * 6_600_000,
    );
    expect(call(100_001)).toBe(
      100_001 * 6_600_000 +
        100 * 24_750_000 +
        50_000 * 660_000 +
        40_000 * 8_250_000 +
        10_000 * 13_200_000,
    );
    const haiku = (tokens: number) =>
      pico(`eu.${Model.CLAUDE_HAIKU_5_5}`, { inputTokens: tokens });
    expect(haiku(100_000)).toBe(100_000 * 110_000);
    expect(haiku(100_001)).toBe(100_001 * 550_000);
  });

  test("takes the Region's price for a model without a profile", () => {
    const usage = { inputTokens: 1 };
    expect(pico(Model.LLAMA3_70B, usage, { region: "sa-east-1" })).toBe(
      4_450_000,
    );
    expect(pico(Model.GPT_5_6_SOL, usage, { region: "us-west-2" })).toBe(
      4_400_000,
    );
    expect(pico(`global.${Model.GPT_5_6_SOL}`, usage)).toBe(4_000_000);
  });

  test("takes the price of the moment", () => {
    const at = (date: string) =>
      pico(
        Model.CLAUDE_3_5_SONNET,
        { outputTokens: 1 },
        { now: Date.parse(date) },
      );
    expect(at("2025-11-30")).toBe(15_000_000);
    expect(at("2025-12-01")).toBe(30_000_000);
  });

  test("does not know the cost of unknown models, profiles and kinds of tokens", () => {
    expect(pico("acme.unknown", { inputTokens: 1 })).toBeUndefined();
    expect(pico("acme.unknown", {})).toBeUndefined();
    expect(pico(`mx.${HAIKU}`, { inputTokens: 1 })).toBeUndefined();
    const llama = Model.LLAMA3_70B;
    expect(pico(llama, { cacheReadInputTokens: 1 })).toBeUndefined();
    expect(pico(llama, { cacheWriteInputTokens: 1 })).toBeUndefined();
    const sonnet4 = Model.CLAUDE_SONNET_4;
    const cacheDetails = [{ ttl: "1h", inputTokens: 1 }];
    expect(pico(sonnet4, { cacheDetails })).toBeUndefined();
  });

  test("does not know the cost of a service tier that was not registered", () => {
    const tier = (model: string, serviceTier: string) =>
      pico(model, { inputTokens: 2 }, { serviceTier });
    for (const plain of ["default", "standard"])
      expect(tier(`global.${HAIKU}`, plain)).toBe(2_000_000);
    for (const other of ["flex", "priority", "__proto__", "constructor", ""])
      expect(tier(`global.${HAIKU}`, other)).toBeUndefined();
    expect(tier("acme.unknown", "flex")).toBeUndefined();
    registerModel("acme.tiered", {
      prices: {
        input: 2,
        output: 4,
        serviceTiers: { flex: { input: 1, output: 2 } },
      },
    });
    expect(tier("acme.tiered", "flex")).toBe(2_000_000);
    expect(tier("acme.tiered", "priority")).toBeUndefined();
    expect(tier("acme.tiered", "constructor")).toBeUndefined();
    expect(tier("acme.tiered", "default")).toBe(4_000_000);
  });

  test.each([
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    undefined,
  ])("does not know what %p tokens cost", (count) => {
    // Usage comes from outside, whatever its type says.
    const wrong = count as number;
    for (const kind of [
      "inputTokens",
      "outputTokens",
      "cacheReadInputTokens",
      "cacheWriteInputTokens",
    ])
      expect(pico(HAIKU, { [kind]: wrong })).toBeUndefined();
    const cacheDetails = [{ ttl: "5m", inputTokens: wrong }];
    expect(pico(HAIKU, { cacheDetails })).toBeUndefined();
  });

  test("does not give a cost that is too large to be exact", () => {
    expect(pico(`global.${HAIKU}`, { inputTokens: 9e9 })).toBe(9e15);
    expect(pico(`global.${HAIKU}`, { inputTokens: 1e10 })).toBeUndefined();
    expect(pico(HAIKU, { inputTokens: 1e308 })).toBeUndefined();
  });

  test("is a whole number even for estimates that are not", () => {
    expect(pico(Model.NOVA_MICRO, { cacheReadInputTokens: 1.0001 })).toBe(
      8_751,
    );
  });
});

describe("costOf", () => {
  test("is the cost in USD", () => {
    const usage = { ...ZERO_USAGE, inputTokens: 1_000, outputTokens: 500 };
    expect(costOf({ model: `global.${HAIKU}`, usage })).toBe(0.0035);
    expect(costOf({ model: `us.${HAIKU}`, usage })).toBe(0.00385);
    expect(costOf({ model: Model.NOVA_2_LITE, usage: ZERO_USAGE })).toBe(0);
  });

  test("is unknown when the price is", () => {
    const usage = { ...ZERO_USAGE, inputTokens: 1 };
    expect(costOf({ model: "acme.unknown", usage })).toBeUndefined();
  });
});

describe("sumOfUsd", () => {
  test("is exact, and unknown when one of the costs is", () => {
    expect(sumOfUsd([])).toBe(0);
    expect(sumOfUsd([0.1, 0.2])).toBe(0.3);
    expect(sumOfUsd([0.1, undefined])).toBeUndefined();
  });
});
