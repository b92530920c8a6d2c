import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type AnswerTiming,
  durationMs,
  MIN_TOKENS,
  SpeedMeter,
  tokensWithin,
} from "../src/speed-meter.ts";

/** The speed after these answers. */
function speedAfter(...answers: readonly AnswerTiming[]) {
  const meter = new SpeedMeter();
  for (const answer of answers) meter.record("model", answer);
  return meter.speedOf("model");
}

/** A buffered answer of 100 tokens at this rate. */
const at = (tokensPerSecond: number): AnswerTiming => ({
  outputTokens: 100,
  latencyMs: 100_000 / tokensPerSecond,
});

describe("The speed meter", () => {
  test("knows nothing of a model that it has not seen", () => {
    const meter = new SpeedMeter();
    meter.record("one", at(10));
    expect(meter.speedOf("other")).toBeUndefined();
  });

  test("tells the wait for the first token from the writing in a stream", () => {
    const streamed = {
      outputTokens: 100,
      latencyMs: 3_000,
      timeToFirstTokenMs: 1_000,
    };
    expect(speedAfter(streamed)).toEqual({
      tokensPerSecond: 50,
      timeToFirstTokenMs: 1_000,
    });
  });

  test("takes a buffered answer for a slow one: its wait is in its time", () => {
    expect(speedAfter({ outputTokens: 100, latencyMs: 4_000 })).toEqual({
      tokensPerSecond: 25,
      timeToFirstTokenMs: 0,
    });
  });

  test("takes the shortest wait that it has seen out of a buffered answer's time", () => {
    const waited = (timeToFirstTokenMs: number): AnswerTiming => ({
      outputTokens: 1_000,
      latencyMs: 3_000,
      timeToFirstTokenMs,
    });
    const buffered = { outputTokens: 100, latencyMs: 4_000 };
    expect(speedAfter(waited(2_000), waited(1_500), buffered)).toEqual({
      tokensPerSecond: 100 / 2.5,
      timeToFirstTokenMs: 2_000,
    });
  });

  test("does not divide by the time of an answer that came at once", () => {
    const atOnce = {
      outputTokens: 100,
      latencyMs: 20,
      timeToFirstTokenMs: 20,
    };
    expect(speedAfter(atOnce)).toEqual({
      tokensPerSecond: 100_000,
      timeToFirstTokenMs: 20,
    });
  });

  test("believes the slowest of few answers, and not the outliers of many", () => {
    expect(speedAfter(at(40), at(10), at(20))?.tokensPerSecond).toBeCloseTo(10);
    const many = [40, 41, 42, 1, 43, 44, 2, 45].map(at);
    expect(speedAfter(...many)?.tokensPerSecond).toBeCloseTo(40);
  });

  test("goes with the last eight answers", () => {
    const [slow, fast] = [Array(8).fill(at(5)), Array(8).fill(at(50))];
    expect(speedAfter(...slow, ...fast)?.tokensPerSecond).toBeCloseTo(50);
    expect(speedAfter(...fast, ...slow)?.tokensPerSecond).toBeCloseTo(5);
    // Two of eight are outliers, three are not.
    const [first, second] = [slow.slice(0, 3), fast.slice(0, 5)];
    expect(speedAfter(...first, ...second)?.tokensPerSecond).toBeCloseTo(5);
    expect(
      speedAfter(...first, ...second, at(50))?.tokensPerSecond,
    ).toBeCloseTo(50);
  });

  test("forgets a model on demand", () => {
    const meter = new SpeedMeter();
    meter.record("model", at(10));
    meter.forget("model");
    expect(meter.speedOf("model")).toBeUndefined();
  });

  test("keeps 50 models, those that it was asked for last", () => {
    const meter = new SpeedMeter();
    for (let model = 1; model <= 50; model++)
      meter.record(`model-${model}`, at(10));
    expect(meter.speedOf("model-1")).toBeDefined();
    meter.record("model-51", at(10));
    expect(meter.speedOf("model-2")).toBeUndefined();
    for (const model of ["model-1", "model-3", "model-51"])
      expect(meter.speedOf(model)).toBeDefined();
  });

  test("learns from an answer of fifty tokens", () => {
    expect(speedAfter({ outputTokens: 50, latencyMs: 1_000 })).toEqual({
      tokensPerSecond: 50,
      timeToFirstTokenMs: 0,
    });
  });

  test.each([
    { outputTokens: 49, latencyMs: 100 },
    { outputTokens: Number.NaN, latencyMs: 100 },
    { outputTokens: Number.POSITIVE_INFINITY, latencyMs: 100 },
    { outputTokens: 100, latencyMs: 0 },
    { outputTokens: 100, latencyMs: -5 },
    { outputTokens: 100, latencyMs: Number.NaN },
    { outputTokens: 100, latencyMs: Number.POSITIVE_INFINITY },
  ])("learns nothing from %j", (answer) => {
    expect(speedAfter(answer)).toBeUndefined();
  });
});

const buffered = fc.record({
  outputTokens: fc.integer({ min: MIN_TOKENS, max: 200_000 }),
  latencyMs: fc.double({ min: 1, max: 900_000, noNaN: true }),
});
const streamed = buffered.chain((answer) =>
  fc.record({
    outputTokens: fc.constant(answer.outputTokens),
    latencyMs: fc.constant(answer.latencyMs),
    timeToFirstTokenMs: fc.double({
      min: 0,
      max: answer.latencyMs,
      noNaN: true,
    }),
  }),
);
const answers = (maxLength = 20) =>
  fc.array(fc.oneof(buffered, streamed), { minLength: 1, maxLength });
// The sums are made in another order, so a millisecond of a day may be lost.
const ROUNDING = 1 + 1e-9;

describe("The estimates", () => {
  test("are never shorter than any of a few answers was", () => {
    fc.assert(
      fc.property(answers(3), (seen) => {
        const speed = speedAfter(...seen);
        for (const { outputTokens, latencyMs } of seen) {
          const estimate = speed && durationMs(speed, outputTokens);
          expect(Number(estimate) * ROUNDING).toBeGreaterThanOrEqual(latencyMs);
        }
      }),
    );
  });

  test("are finite, grow with the tokens, and are positive", () => {
    fc.assert(
      fc.property(
        answers(),
        fc.integer({ min: 1, max: 1_000_000 }),
        (seen, tokens) => {
          const speed = speedAfter(...seen);
          if (speed === undefined) throw new Error("nothing was learnt");
          const estimate = durationMs(speed, tokens);
          expect(estimate).toBeGreaterThan(0);
          expect(estimate).toBeLessThan(Number.POSITIVE_INFINITY);
          expect(durationMs(speed, tokens + 1)).toBeGreaterThan(estimate);
        },
      ),
    );
  });

  test("never promise more tokens than fit into the time, and always one", () => {
    fc.assert(
      fc.property(
        answers(),
        fc.double({ min: -1_000, max: 900_000, noNaN: true }),
        (seen, timeMs) => {
          const speed = speedAfter(...seen);
          if (speed === undefined) throw new Error("nothing was learnt");
          const tokens = tokensWithin(speed, timeMs);
          expect(Number.isSafeInteger(tokens)).toBe(true);
          expect(tokens).toBeGreaterThanOrEqual(1);
          if (tokens > 1)
            expect(durationMs(speed, tokens)).toBeLessThanOrEqual(
              timeMs * ROUNDING,
            );
        },
      ),
    );
  });
});
