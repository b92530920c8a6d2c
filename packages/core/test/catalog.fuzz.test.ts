import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Usage } from "../src/contract/model-call.ts";
import { baseModelId, findModel, listModels } from "../src/models/catalog.ts";
import { costInPicoUsd } from "../src/models/cost.ts";

const ids = fc.constantFrom(...listModels().map(({ id }) => id));
/** Any id a caller may have: bare or in each of the profiles of its model. */
const callableIds = ids.chain((id) =>
  fc.constantFrom(
    id,
    ...(findModel(id)?.profiles ?? []).map((prefix) => `${prefix}.${id}`),
  ),
);
const tokens = fc.integer({ min: 0, max: 1_000_000 });

const usages: fc.Arbitrary<Usage> = fc
  .record({
    inputTokens: tokens,
    outputTokens: tokens,
    cacheReadInputTokens: tokens,
    fiveMinutes: tokens,
    anHour: tokens,
    untold: tokens,
  })
  .map(({ fiveMinutes, anHour, untold, ...usage }) => ({
    ...usage,
    totalTokens: 0,
    cacheWriteInputTokens: fiveMinutes + anHour + untold,
    cacheDetails: [
      { ttl: "5m", inputTokens: fiveMinutes },
      { ttl: "1h", inputTokens: anHour },
    ],
  }));

function add(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    totalTokens: 0,
    cacheReadInputTokens: a.cacheReadInputTokens + b.cacheReadInputTokens,
    cacheWriteInputTokens: a.cacheWriteInputTokens + b.cacheWriteInputTokens,
    cacheDetails: [...(a.cacheDetails ?? []), ...(b.cacheDetails ?? [])],
  };
}

function exactCost(model: string, usage: Usage): bigint | undefined {
  const { prices } = findModel(model) ?? {};
  const anHour = usage.cacheDetails?.[1]?.inputTokens ?? 0;
  const context =
    usage.inputTokens +
    usage.cacheReadInputTokens +
    usage.cacheWriteInputTokens;
  const long = prices?.longContext;
  const rates = long && context > long.aboveInputTokens ? long : prices;
  const parts: [number, number | undefined][] = [
    [usage.inputTokens, rates?.input],
    [usage.outputTokens, rates?.output],
    [usage.cacheReadInputTokens, rates?.cacheRead],
    [usage.cacheWriteInputTokens - anHour, rates?.cacheWrite],
    [anHour, rates?.cacheWrite1h],
  ];
  let sum = 0n;
  for (const [count, rate] of parts) {
    if (count === 0) continue;
    if (rate === undefined) return undefined;
    // Six decimals of the price list's own digits, without any arithmetic on fractions.
    sum += BigInt(count) * BigInt(rate.toFixed(6).replace(".", ""));
  }
  return sum;
}

describe("a cost", () => {
  test("equals the sum in integers of any size", () => {
    fc.assert(
      fc.property(callableIds, usages, (model, usage) => {
        const cost = costInPicoUsd({ model, usage });
        expect(cost === undefined ? undefined : BigInt(cost)).toBe(
          exactCost(model, usage),
        );
      }),
    );
  });

  test("never falls when tokens are added", () => {
    fc.assert(
      fc.property(callableIds, usages, usages, (model, a, b) => {
        const [one, both] = [a, add(a, b)].map((usage) =>
          costInPicoUsd({ model, usage }),
        );
        if (one === undefined) expect(both).toBeUndefined();
        else if (both !== undefined) expect(both).toBeGreaterThanOrEqual(one);
      }),
    );
  });

  test("of two requests is the sum of their costs, where size does not change the price", () => {
    const flat = callableIds.filter(
      (id) => findModel(id)?.prices?.longContext === undefined,
    );
    fc.assert(
      fc.property(flat, usages, usages, (model, a, b) => {
        const cost = (usage: Usage) => costInPicoUsd({ model, usage });
        const [one, other] = [cost(a), cost(b)];
        if (one !== undefined && other !== undefined)
          expect(cost(add(a, b))).toBe(one + other);
      }),
    );
  });
});

describe("a model id", () => {
  const words = fc.constantFrom(
    "us",
    "us-gov",
    "global",
    "mx",
    ".",
    ":",
    "/",
    ":0",
    ":200k",
    "arn:aws:bedrock:us-east-1:1:",
    "foundation-model/",
    "inference-profile/",
    "__proto__",
    "anthropic",
    "|",
    "\n",
  );
  const strings = fc
    .array(fc.oneof(words, ids, fc.string()), { maxLength: 6 })
    .map((parts) => parts.join(""));

  test("of any kind is understood or not, but never breaks anything", () => {
    fc.assert(
      fc.property(strings, fc.string(), (id, region) => {
        const model = findModel(id, { region });
        if (model === undefined) return;
        expect(model.id).toBe(baseModelId(id));
        expect(findModel(model.id)?.maxOutputTokens).toBe(
          model.maxOutputTokens,
        );
      }),
    );
  });

  test("means the same inside of an ARN", () => {
    fc.assert(
      fc.property(callableIds, (id) => {
        const arn = `arn:aws:bedrock:xx-none-1:1:inference-profile/${id}`;
        expect(findModel(arn)).toStrictEqual(findModel(id));
      }),
    );
  });
});
