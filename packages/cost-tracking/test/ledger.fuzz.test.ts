import { setImmediate as tick } from "node:timers/promises";
import { expect, jest, test } from "@jest/globals";
import { ModelInvocationError, registerModel } from "@lambdallm/core";
import costTracking from "@lambdallm/cost-tracking";
import fc from "fast-check";
import {
  answerOf,
  CENT,
  CENT_MODEL,
  providerOf,
  run,
  stopClock,
  storeWith,
  used,
} from "./support.ts";

registerModel("test.half", {
  prices: { input: 0, output: 5 },
  maxOutputTokens: 1_000,
});

const attempt = fc.record({
  maxTokens: fc.integer({ min: 1, max: 1_000 }),
  /** Of maxTokens, in percent. */
  written: fc.integer({ min: 0, max: 100 }),
  outcome: fc.constantFrom(
    "answered",
    "none",
    "unknown",
    "partial",
    "timeout",
    "error",
  ),
  ticks: fc.nat({ max: 4 }),
});
type Attempt = typeof attempt extends fc.Arbitrary<infer Value> ? Value : never;

/** An attempt's charge, when it is let through: known usage, else all of maxTokens. */
function chargeOf({ maxTokens, written, outcome }: Attempt): number {
  const perToken = CENT / 1_000;
  const tokens = Math.floor((maxTokens * written) / 100);
  if (outcome === "none") return 0;
  const isKnown = outcome === "answered" || outcome === "partial";
  return perToken * (isKnown ? tokens : maxTokens);
}

test("However attempts, their outcomes and the store's replies interleave, the limits hold and the ledger is what was charged", async () => {
  stopClock();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(attempt, { minLength: 1, maxLength: 4 }), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.integer({ min: 0, max: 4_000 }),
      fc.constantFrom("block", "downgrade"),
      fc.infiniteStream(fc.nat({ max: 3 })),
      async (invocations, limitTokens, onExceeded, delays) => {
        const store = storeWith();
        const limit = (limitTokens * CENT) / 1_000;
        const check = async () => {
          expect(
            (await used({ budgets: store.real })).dayNanoUsd,
          ).toBeLessThanOrEqual(limit);
        };
        const delay = async () => {
          const { value = 0 } = delays.next();
          for (let count = 0; count < value; count++) await tick();
        };
        const { reserve, settle } = store.real;
        store.budgets.reserve = async (request) => {
          await delay();
          const outcome = await reserve(request);
          await check();
          await delay();
          return outcome;
        };
        store.budgets.settle = async (reservation, actual) => {
          await delay();
          const isSettled = await settle(reservation, actual);
          await check();
          return isSettled;
        };
        const isDowngrading = onExceeded === "downgrade";
        const tracking = costTracking({
          store,
          dailyBudgetUsd: limit / 1e9,
          ...(isDowngrading && { onExceeded, downgradeTo: ["test.half"] }),
        });
        let charged = 0;
        const play = async (attempts: readonly Attempt[]) => {
          const scripted = [...attempts];
          const provider = providerOf(async ({ model, maxTokens = 0 }) => {
            const now = scripted.find((one) => one.maxTokens === maxTokens);
            if (now === undefined) throw new Error("Not in the script.");
            for (let count = 0; count < now.ticks; count++) await tick();
            const tokens = Math.floor((maxTokens * now.written) / 100);
            const factor = model === CENT_MODEL ? 1 : 0.5;
            charged += chargeOf(now) * factor;
            const answer = answerOf({ model }, tokens);
            const failure = (billed: "none" | "unknown" | "partial") =>
              new ModelInvocationError("No.", {
                reason: "interrupted",
                model,
                billed,
                ...(billed === "partial" && { partial: answer }),
              });
            switch (now.outcome) {
              case "answered":
                return answer;
              case "timeout":
                return {
                  ...answer,
                  usage: { ...answer.usage, totalTokens: 1, estimated: true },
                };
              case "error":
                throw new Error("What?");
              default:
                throw failure(now.outcome);
            }
          });
          await run({ provider, use: [tracking] }, async ({ converse }) => {
            await Promise.allSettled(
              attempts.map(({ maxTokens }) =>
                converse({
                  maxTokens,
                  messages: [{ role: "user", content: [{ text: "Hi" }] }],
                }),
              ),
            );
          });
        };
        await Promise.all(
          invocations.map((attempts) =>
            play(
              // The number of tokens tells the provider which attempt it is.
              attempts.filter(
                ({ maxTokens }, index) =>
                  attempts.findIndex((one) => one.maxTokens === maxTokens) ===
                  index,
              ),
            ),
          ),
        );
        expect(await used({ budgets: store.real })).toEqual({
          dayNanoUsd: charged,
          monthNanoUsd: charged,
          inFlight: 0,
        });
        const rows = await store.real.report("global", {
          from: "2026-11-22",
          to: "2026-11-22",
        });
        let reported = 0;
        for (const { costNanoUsd } of rows) reported += costNanoUsd;
        expect(reported).toBe(charged);
      },
    ),
    { numRuns: 60 },
  );
  jest.useRealTimers();
});
