import { expect, test } from "@jest/globals";
import { type InvocationMetrics, ModelInvocationError } from "@lambdallm/core";
import { invocationOf, usageOf } from "@lambdallm/core/feature";
import fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";
import { answerOf, before, PRICED, providerOf, recordsOf } from "./support.ts";

/** What an attempt comes to: an answer, or a failure, with what had arrived or without. */
const attempt = fc.record({
  input: fc.nat(10_000),
  output: fc.nat(10_000),
  ends: fc.constantFrom("answer", "answer", "broken", "failed"),
});
type Attempt = typeof attempt extends fc.Arbitrary<infer One> ? One : never;

const TOKENS = ["inputTokens", "outputTokens"] as const;

async function answering({ input, output, ends }: Attempt) {
  const answer = answerOf("Hello", { usage: usageOf(input, output) });
  if (ends === "answer") return answer;
  throw new ModelInvocationError("No.", {
    ...{ reason: "interrupted", model: PRICED },
    ...(ends === "broken" && { partial: answer }),
  });
}

/** Asks up to three times. */
const retrying = before(async ({ context }) => {
  invocationOf(context).intercept("retry", "retry", (request, next) =>
    next(request)
      .catch(() => next(request))
      .catch(() => next(request)),
  );
});

test("What records say was used is what was used, whatever comes of calls and attempts", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(attempt, { minLength: 1, maxLength: 12 }),
      fc.nat(3),
      async (attempts, more) => {
        let metrics: InvocationMetrics | undefined;
        let index = 0;
        const records = await recordsOf(
          async (context) => {
            const calls = Array.from({ length: more + 1 }, () =>
              context.invoke("Hello"),
            );
            await Promise.allSettled(calls);
            metrics = context.metrics;
          },
          {
            provider: providerOf(() => {
              const one = attempts[index % attempts.length];
              index += 1;
              return answering(one as Attempt);
            }),
            use: [retrying],
          },
        );
        const sumOf = (kind: RegExp, field: string) =>
          records
            .filter(({ event }) => kind.test(event))
            .reduce((sum, record) => sum + Number(record[field] ?? 0), 0);
        for (const field of TOKENS)
          for (const kind of [/^invocation/, /^call/, /^attempt/])
            expect(sumOf(kind, field)).toBe(metrics?.usage[field]);
        for (const kind of [/^invocation/, /^call/])
          expect(sumOf(kind, "costUsd")).toBeCloseTo(
            metrics?.knownCostUsd ?? Number.NaN,
            12,
          );
        expect(sumOf(/^call/, "attempts")).toBe(metrics?.attempts);
        expect(
          records.filter(({ event }) => event === "attempt-error"),
        ).toHaveLength(metrics?.failedAttempts ?? Number.NaN);
      },
    ),
    { numRuns: rounds(50, 2_000) },
  );
});
