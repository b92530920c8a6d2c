import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { StoreError } from "@lambdallm/core";
import type { BudgetStore } from "@lambdallm/core/stores";
import costTracking, { type BudgetProblem } from "@lambdallm/cost-tracking";
import { MockLambdaContext } from "@lambdallm/testing";
import fc from "fast-check";
import {
  answerOf,
  ask,
  CENT,
  listener,
  NOON,
  providerOf,
  run,
  storeWith,
  used,
} from "./support.ts";

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask"], now: NOON });
});
afterEach(() => {
  jest.useRealTimers();
});

/** What becomes of one request to the store. */
const fate = fc.record({
  /** Before the store has it, in milliseconds. */
  wayMs: fc.constantFrom(0, 0, 300, 1_500, 15_000),
  /** From then on until its reply, in milliseconds. */
  replyMs: fc.constantFrom(0, 0, 300, 1_500, 15_000),
  lost: fc.constantFrom("nothing", "nothing", "request", "reply"),
});
type Fate = typeof fate extends fc.Arbitrary<infer Value> ? Value : never;

const sleep = (timeMs: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, timeMs);
  });

/** The same requests at the mercy of a network. */
function unreliable(
  { real, budgets }: ReturnType<typeof storeWith>,
  fates: Iterator<Fate>,
): void {
  const spoil =
    <Given extends unknown[], Reply>(
      operation: string,
      send: (...given: Given) => Promise<Reply>,
    ) =>
    async (...given: Given): Promise<Reply> => {
      const { wayMs, replyMs, lost } = fates.next().value as Fate;
      const gone = () =>
        new StoreError("Gone.", { reason: "unavailable", operation });
      await sleep(wayMs);
      if (lost === "request") throw gone();
      const reply = await send(...given);
      await sleep(replyMs);
      if (lost === "reply") throw gone();
      return reply;
    };
  Object.assign(budgets, {
    reserve: spoil("reserve", real.reserve),
    settle: spoil("settle", real.settle),
  } satisfies Partial<BudgetStore>);
}

test("Whatever replies of the store are lost or late, a budget counts a call as what it has cost or as its worst case, never as both", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.infiniteStream(fate),
      fc.constantFrom("block", "allow"),
      fc.constantFrom(0, 1, 500, 1_000),
      async (fates, onStoreError, tokens) => {
        const store = storeWith();
        unreliable(store, fates);
        const { events, middleware } = listener("budget-problem");
        let costNanoUsd = 0;
        const provider = providerOf(async () => {
          costNanoUsd = (tokens * CENT) / 1_000;
          return answerOf({}, tokens);
        });
        const use = [
          middleware,
          costTracking({ store, dailyBudgetUsd: 1, onStoreError }),
        ];
        const context = new MockLambdaContext({ timeoutMs: 60_000 });
        const over = Promise.allSettled([run({ provider, use, context }, ask)]);
        await jest.advanceTimersByTimeAsync(120_000);
        await over;

        const { dayNanoUsd } = await used({ budgets: store.real });
        const isTold = events
          // The one listener is for these.
          .map(({ event }) => event as BudgetProblem)
          .some(
            (problem) =>
              problem.kind === "store" && problem.operation === "settle",
          );
        // Nothing, when nothing has ever reached the store.
        const right = isTold ? [0, costNanoUsd, CENT] : [costNanoUsd];
        expect(right).toContain(dayNanoUsd);
      },
    ),
    { numRuns: 300 },
  );
});
