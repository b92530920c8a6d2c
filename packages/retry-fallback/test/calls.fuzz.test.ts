import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { type LLMContext, ModelInvocationError } from "@lambdallm/core";
import { circuitStates, resetRetryState } from "@lambdallm/retry-fallback";
import type { MockAnswer } from "@lambdallm/testing";
import fc from "fast-check";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  FIRST,
  failure,
  fakeClock,
  heard,
  hello,
  play,
  SECOND,
  THIRD,
  timePasses,
} from "./support.ts";

beforeEach(() => {
  fakeClock();
});
afterEach(() => {
  jest.useRealTimers();
});

const anyError = fc
  .record({
    reason: fc.constantFrom(
      "throttled",
      "unavailable",
      "model-failed",
      "interrupted",
      "connection",
      "quota",
      "capability",
      "context-overflow",
      "model-retired",
      "access-denied",
      "aborted",
      "something-new",
    ),
    retryable: fc.option(fc.boolean(), { nil: undefined }),
    retryAfterMs: fc.option(
      fc.oneof(
        fc.nat(5_000),
        fc.constantFrom(0, 20_000, 2 ** 31, 1e300, Infinity),
      ),
      { nil: undefined },
    ),
  })
  .map(({ reason, retryable, retryAfterMs }) =>
    failure(reason, {
      ...(retryable !== undefined && { retryable }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    }),
  );

/** What a model does: mostly it fails. */
const anyAnswer: fc.Arbitrary<MockAnswer> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ error: anyError, delayMs: fc.nat(4_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ error: anyError, pieces: fc.constant(["half "]) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      text: fc.constant("text"),
      delayMs: fc.nat(4_000),
      stopReason: fc.constantFrom(
        "malformed_model_output",
        "malformed_tool_use",
        "model_context_window_exceeded",
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ text: "ok" }) },
);

const anyOptions = fc.record({
  maxRetries: fc.nat(5),
  baseDelayMs: fc.nat(1_000),
  throttledBaseDelayMs: fc.nat(1_000),
  maxDelayMs: fc.integer({ min: 1_000, max: 5_000 }),
  minAttemptMs: fc.nat(2_000),
  fallbackModels: fc.shuffledSubarray([FIRST, SECOND, THIRD, "my.model"]),
  retryBudget: fc.oneof(fc.nat(100), fc.constant(false as const)),
  circuit: fc.oneof(
    fc.constant(false as const),
    fc.record({ failureThreshold: fc.integer({ min: 1, max: 8 }) }),
  ),
});

const ANSWER_RESERVE_MS = 500;

const read = async ({ stream }: LLMContext) => {
  let text = "";
  for await (const piece of stream("Hello")) text += piece;
  return text;
};

describe.each(middyMajors)("Whatever goes wrong on %s", (_name, middy) => {
  test("a call keeps to its deadline, its bounds and its limits", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyAnswer, { minLength: 1, maxLength: 12 }),
        anyOptions,
        fc.infiniteStream(
          fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        ),
        fc.integer({ min: ANSWER_RESERVE_MS, max: 20_000 }),
        fc.boolean(),
        async (responses, given, chances, timeoutMs, streaming) => {
          resetRetryState();
          const options = {
            ...given,
            random: () => Number(chances.next().value),
          };
          const start = Date.now();
          const deadline = start + timeoutMs - ANSWER_RESERVE_MS;
          const { asked, askedAt, events, error } = await timePasses(
            play(
              middy,
              { responses, options, timeoutMs },
              streaming ? read : hello,
            ),
          );
          const retries = heard(events, "retry");

          // The number of attempts: of each model, and so of all.
          const { maxRetries, minAttemptMs, fallbackModels } = options;
          for (const model of new Set(asked))
            expect(
              asked.filter((one) => one === model).length,
            ).toBeLessThanOrEqual(maxRetries + 1);
          expect(asked[0]).toBe(FIRST);
          for (const model of asked.slice(1))
            expect([FIRST, ...fallbackModels]).toContain(model);

          // The bounds of each wait, and of all.
          const retriesOf = new Map<string, number>();
          let waitedMs = 0;
          for (const { model, waitMs, error } of retries) {
            const before = retriesOf.get(model) ?? 0;
            retriesOf.set(model, before + 1);
            waitedMs += waitMs;
            expect(error.retryable).toBe(true);
            const { retryAfterMs = 0, reason } = error;
            const base =
              reason === "throttled"
                ? options.throttledBaseDelayMs
                : options.baseDelayMs;
            expect(waitMs).toBeGreaterThanOrEqual(retryAfterMs);
            expect(waitMs - retryAfterMs).toBeLessThanOrEqual(
              Math.min(base * 2 ** before, options.maxDelayMs),
            );
          }
          expect(waitedMs).toBeLessThanOrEqual(deadline - start);

          // No attempt but the first begins where it could not end.
          for (const at of askedAt.slice(1))
            expect(deadline - at).toBeGreaterThanOrEqual(
              // Node's timers take a millisecond at least.
              Math.max(0, minAttemptMs - 1),
            );

          // What retries take from a budget that is full at first.
          for (const model of new Set(asked)) {
            const taken = retries
              .filter((retry) => retry.model === model)
              .reduce((sum, retry) => sum + tokensOf(retry.error), 0);
            expect(taken).toBeLessThanOrEqual(
              options.retryBudget === false ? Infinity : options.retryBudget,
            );
          }

          // Nothing is missing from the list of attempts.
          if (ModelInvocationError.isInstance(error) && asked.length > 1) {
            const attempts = (error.errors ?? []).filter(
              (entry) => !notAsked(entry.error),
            );
            // An answer that is broken is turned into an error by the core.
            if (error.errors !== undefined)
              expect(attempts.map(({ model }) => model)).toEqual(asked);
            else expect(error.reason).toMatch(/interrupted|context-overflow/);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test("the circuit lets calls pass when it is closed, one when it has cooled down, and else none", async () => {
    const circuit = { failureThreshold: 3, coolDownMs: 1_000 };
    const step = fc.record({
      outcome: fc.constantFrom("well", "sick", "sick", "unknown"),
      passMs: fc.constantFrom(0, 1, 500, 999, 1_000),
    });
    const responseOf = {
      well: "ok",
      sick: failure("unavailable"),
      unknown: failure("throttled"),
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        resetRetryState();
        // What the circuit has to do, said in another way: by the history of what the model answered.
        let row = 0;
        let closedUntil = 0;
        for (const { outcome, passMs } of steps) {
          await jest.advanceTimersByTimeAsync(passMs);
          const { asked } = await timePasses(
            play(
              middy,
              {
                responses: [responseOf[outcome]],
                options: { maxRetries: 0, circuit },
              },
              hello,
            ),
          );
          const expected = Date.now() >= closedUntil;
          expect(asked).toHaveLength(expected ? 1 : 0);
          if (!expected) continue;
          if (outcome === "well") row = 0;
          if (outcome !== "sick") continue;
          row += 1;
          if (row >= circuit.failureThreshold)
            closedUntil = Date.now() + circuit.coolDownMs;
        }
        expect(circuitStates()[0]?.failures ?? 0).toBe(row);
      }),
      { numRuns: 50 },
    );
  });
});

const tokensOf = ({ reason }: ModelInvocationError) =>
  reason === "throttled" ? 5 : 14;

function notAsked(error: unknown): boolean {
  return error instanceof Error && error.message.includes("was not asked");
}
