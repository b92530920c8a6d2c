import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import {
  type RetryFallbackOptions,
  resetRetryState,
} from "@lambdallm/retry-fallback";
import type { MockResponse } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  byModel,
  FIRST,
  failure,
  fakeClock,
  hello,
  play,
  SECOND,
  timePasses,
} from "./support.ts";

beforeEach(() => {
  resetRetryState();
  fakeClock();
});
afterEach(() => {
  jest.useRealTimers();
});

const down = failure("unavailable");

describe.each(middyMajors)("the retry budget on %s", (_name, middy) => {
  /** Attempts that a number of calls at the same time make. */
  const attemptsOf = async (
    calls: number,
    responses: readonly MockResponse[],
    options: RetryFallbackOptions,
  ) => {
    const { asked } = await timePasses(
      play(middy, { responses, options }, async ({ invoke }) =>
        Promise.allSettled(Array.from({ length: calls }, () => invoke("Hi"))),
      ),
    );
    return asked.length;
  };

  test("keeps an outage from being multiplied", async () => {
    const options = { circuit: false, retryBudget: 70 } as const;
    expect(await attemptsOf(20, [down], options)).toBe(20 + 5);
    // And it stays empty: nothing has succeeded.
    expect(await attemptsOf(20, [down], options)).toBe(20);
  });

  test("has 500 tokens unless told otherwise", async () => {
    expect(await attemptsOf(20, [down], { circuit: false })).toBe(20 + 35);
  });

  test("goes further with throttling, which costs less", async () => {
    const options = { circuit: false, retryBudget: 70 } as const;
    expect(await attemptsOf(20, [failure("throttled")], options)).toBe(20 + 14);
  });

  test("is given back by a retry that succeeds", async () => {
    const options = { retryBudget: 14 };
    for (let call = 0; call < 3; call += 1)
      expect(await attemptsOf(1, [down, "ok"], options)).toBe(2);
  });

  test("is given back in part by every other success, and never beyond its size", async () => {
    const options = { retryBudget: 14, circuit: false } as const;
    for (let call = 0; call < 20; call += 1)
      await attemptsOf(1, ["ok"], options);
    expect(await attemptsOf(1, [down], options)).toBe(2);
    for (let call = 0; call < 13; call += 1)
      await attemptsOf(1, ["ok"], options);
    expect(await attemptsOf(1, [down], options)).toBe(1);
    await attemptsOf(1, ["ok"], options);
    expect(await attemptsOf(1, [down], options)).toBe(2);
  });

  test("is not given back by time", async () => {
    const options = { retryBudget: 14, circuit: false } as const;
    expect(await attemptsOf(1, [down], options)).toBe(2);
    await jest.advanceTimersByTimeAsync(86_400_000);
    expect(await attemptsOf(1, [down], options)).toBe(1);
  });

  test("is not given back by an answer that the deadline cut off", async () => {
    const options = { retryBudget: 14, circuit: false } as const;
    const slow = { text: "late", delayMs: 90_000 };
    expect(await attemptsOf(1, [down, slow], options)).toBe(2);
    expect(await attemptsOf(1, [down], options)).toBe(1);
  });

  test("can be nothing, or without limit", async () => {
    expect(await attemptsOf(3, [down], { retryBudget: 0 })).toBe(3);
    expect(
      await attemptsOf(50, [down], { retryBudget: false, circuit: false }),
    ).toBe(200);
  });

  test("is each model's own; when it is empty, the fallback is asked at once", async () => {
    const { asked } = await timePasses(
      play(
        middy,
        {
          responses: [byModel({ [FIRST]: down, [SECOND]: down })],
          options: { retryBudget: 14, fallbackModel: SECOND },
        },
        hello,
      ),
    );
    expect(asked).toEqual([FIRST, FIRST, SECOND, SECOND]);
  });
});
