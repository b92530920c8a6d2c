import { describe, expect, test } from "@jest/globals";
import { findModel, listModels } from "@lambdallm/core";
import router, { type RankedModel } from "@lambdallm/router";
import fc from "fast-check";
import { asking, DOCUMENT, IMAGE, NOW, TOOL } from "./support.ts";

const tier = fc.constantFrom(
  1 as const,
  2 as const,
  3 as const,
  4 as const,
  5 as const,
);

const candidates = [
  ...listModels().map(({ id }) => id),
  "acme.unknown",
  "us.anthropic.claude-haiku-4-5-20251001-v1:0",
];

const options = fc
  .record({
    models: fc.uniqueArray(fc.constantFrom(...candidates), {
      minLength: 1,
      maxLength: 12,
    }),
    qualityThreshold: fc.option(tier, { nil: undefined }),
    expectedOutputTokens: fc.option(fc.integer({ min: 1, max: 5_000 }), {
      nil: undefined,
    }),
    requireNativeOutput: fc.boolean(),
    own: fc.option(tier, { nil: undefined }),
  })
  .map(({ own, ...rest }) => ({
    ...rest,
    ...(own !== undefined && {
      quality: Object.fromEntries(
        rest.models.slice(0, 1).map((id) => [id, own]),
      ),
    }),
  }));

const request = fc
  .record({
    length: fc.constantFrom(0, 1, 100, 40_000, 150_000),
    maxTokens: fc.option(fc.integer({ min: 1, max: 200_000 }), {
      nil: undefined,
    }),
    tools: fc.boolean(),
    image: fc.boolean(),
    document: fc.boolean(),
    schema: fc.boolean(),
    streaming: fc.boolean(),
  })
  .map((given) =>
    asking({
      messages: [
        {
          role: "user",
          content: [
            { text: "word".repeat(given.length) },
            ...(given.image ? [IMAGE] : []),
            ...(given.document ? [DOCUMENT] : []),
          ],
        },
      ],
      maxTokens: given.maxTokens,
      ...(given.tools && { tools: [TOOL] }),
      ...(given.schema && { output: { schema: { type: "object" } } }),
      ...(given.streaming && { onDelta: () => {} }),
    }),
  );

const budgetShareLeft = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), {
  nil: undefined,
});

const price = ({ costUsd }: RankedModel) => costUsd ?? Number.POSITIVE_INFINITY;

describe("Whatever the models, the request and the budget", () => {
  test("the chosen model meets the needs and the threshold", () => {
    fc.assert(
      fc.property(
        options,
        request,
        fc.constantFrom(
          "cheapest" as const,
          "quality" as const,
          "balanced" as const,
        ),
        budgetShareLeft,
        (given, asked, strategy, share) => {
          const { model, ranking } = router({ ...given, strategy }).explain(
            asked,
            { now: NOW, budgetShareLeft: share },
          );
          expect(ranking.map((each) => each.model).sort()).toEqual(
            [...given.models].sort(),
          );
          if (model === undefined) {
            for (const { fits, misfits } of ranking)
              expect([fits, misfits.length > 0]).toEqual([false, true]);
            return;
          }
          const info = findModel(model, { now: NOW });
          if (asked.tools) expect(info?.tools).not.toBe(false);
          if (asked.tools && asked.onDelta)
            expect(info?.streamingTools).not.toBe(false);
          const kinds = asked.messages.flatMap(({ content }) =>
            content.flatMap((block) => Object.keys(block)),
          );
          if (kinds.includes("image")) expect(info?.vision).not.toBe(false);
          if (kinds.includes("document")) expect(info?.pdf).not.toBe(false);
          if (asked.output && given.requireNativeOutput)
            expect(info?.nativeStructuredOutput).toBe(true);
          const [first] = asked.messages[0]?.content ?? [];
          const textTokens =
            first !== undefined && "text" in first ? first.text.length / 4 : 0;
          expect(info?.contextWindowTokens ?? Infinity).toBeGreaterThan(
            textTokens,
          );
          expect(Date.parse(info?.endOfLife ?? "2100-01-01")).toBeGreaterThan(
            NOW,
          );
          expect(ranking[0]?.tier).toBeGreaterThanOrEqual(
            given.qualityThreshold ?? 1,
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  test("cheapest is never dearer than another model that fits", () => {
    fc.assert(
      fc.property(options, request, budgetShareLeft, (given, asked, share) => {
        const { ranking } = router(given).explain(asked, {
          now: NOW,
          budgetShareLeft: share,
        });
        const fitting = ranking.filter(({ fits }) => fits).map(price);
        expect(fitting).toEqual(
          [...fitting].sort((one, other) =>
            one < other ? -1 : one > other ? 1 : 0,
          ),
        );
      }),
      { numRuns: 200 },
    );
  });

  test("quality is never of a lower tier than another model that fits, nor dearer than another of its tier", () => {
    fc.assert(
      fc.property(options, request, (given, asked) => {
        const [best, ...others] = router({ ...given, strategy: "quality" })
          .explain(asked, { now: NOW })
          .ranking.filter(({ fits }) => fits);
        if (best === undefined) return;
        for (const other of others) {
          expect(best.tier).toBeGreaterThanOrEqual(other.tier);
          if (best.tier === other.tier)
            expect(price(best)).toBeLessThanOrEqual(price(other));
        }
      }),
      { numRuns: 200 },
    );
  });

  test("balanced never takes a model that is neither better nor cheaper than another, and gets no dearer as the budget empties, until it is the cheapest", () => {
    fc.assert(
      fc.property(
        options,
        request,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
          minLength: 2,
          maxLength: 4,
        }),
        (given, asked, shares) => {
          let dearest = Number.POSITIVE_INFINITY;
          for (const share of [
            1,
            ...shares.sort((one, other) => other - one),
            0,
          ]) {
            const [best, ...others] = router({ ...given, strategy: "balanced" })
              .explain(asked, { now: NOW, budgetShareLeft: share })
              .ranking.filter(({ fits }) => fits);
            if (best === undefined) return;
            for (const other of others)
              expect(other.tier > best.tier && price(other) < price(best)).toBe(
                false,
              );
            // The score is rounded: what differs by less than a millionth counts as equal.
            expect(price(best)).toBeLessThanOrEqual(dearest * 1.00001);
            dearest = price(best);
            if (share === 0)
              for (const other of others)
                expect(dearest).toBeLessThanOrEqual(price(other) * 1.00001);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test("the decision does not depend on anything but what it is given", () => {
    fc.assert(
      fc.property(options, request, (given, asked) => {
        const decide = () =>
          router({ ...given, strategy: "balanced" }).explain(asked, {
            now: NOW,
          });
        expect(decide()).toEqual(decide());
      }),
    );
  });
});
