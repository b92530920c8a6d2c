import { getEventListeners } from "node:events";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { ConfigurationError, ModelInvocationError } from "@lambdallm/core";
import { invocationOf, type MiddyMiddleware } from "@lambdallm/core/feature";
import {
  circuitStates,
  type RetryFallbackOptions,
  resetRetryState,
  retryFallback,
} from "@lambdallm/retry-fallback";
import { type MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  byModel,
  FIRST,
  failure,
  fakeClock,
  heard,
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

/** The longest wait that the jitter can bring. */
const random = () => 1 - Number.EPSILON;

describe.each(middyMajors)("retryFallback() on %s", (_name, middy) => {
  describe("asks again", () => {
    test.each([
      "throttled",
      "unavailable",
      "model-failed",
      "interrupted",
      "connection",
    ])("after a failure for a moment: %s", async (reason) => {
      const responses = [failure(reason), failure(reason), "ok"];
      const { result, asked } = await timePasses(
        play(middy, { responses }, hello),
      );
      expect(result).toBe("ok");
      expect(asked).toEqual([FIRST, FIRST, FIRST]);
    });

    test.each(["malformed_model_output", "malformed_tool_use"])(
      "when the model broke its answer off itself: %s",
      async (stopReason) => {
        const responses = [{ text: "half an", stopReason }, "ok"];
        const { result, events } = await timePasses(
          play(middy, { responses }, hello),
        );
        expect(result).toBe("ok");
        expect(heard(events, "retry")).toMatchObject([
          { error: { reason: "interrupted", message: expect.any(String) } },
        ]);
      },
    );

    test("up to maxRetries times, and then lists every attempt", async () => {
      const errors = [
        failure("unavailable"),
        failure("connection"),
        failure("throttled", { requestId: "the-last" }),
      ];
      const { error, asked } = await timePasses(
        play(
          middy,
          { responses: errors, options: { maxRetries: 2, random } },
          hello,
        ),
      );
      expect(asked).toHaveLength(3);
      expect(ModelInvocationError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({
        message: `No complete answer after 3 attempts at ${FIRST}. The model failed: throttled.`,
        reason: "throttled",
        retryable: true,
        statusCode: 503,
        requestId: "the-last",
        cause: errors[2],
        errors: [
          { model: FIRST, waitMs: 0, error: errors[0] },
          { model: FIRST, waitMs: 199, error: errors[1] },
          { model: FIRST, waitMs: 399, error: errors[2] },
        ],
      });
    });

    test("not at all with maxRetries 0", async () => {
      const given = failure("unavailable");
      const { error, asked } = await play(
        middy,
        { responses: [given], options: { maxRetries: 0 } },
        hello,
      );
      expect(asked).toHaveLength(1);
      expect(error).toBe(given);
    });

    test.each([
      "invalid-request",
      "access-denied",
      "credentials",
      "model-not-found",
      "quota",
      "capability",
      "context-overflow",
      "model-retired",
      "something-new",
    ])(
      "not when it would fail again: %s is thrown as it is",
      async (reason) => {
        const given = failure(reason);
        const { error, asked } = await play(
          middy,
          { responses: [given, "ok"] },
          hello,
        );
        expect(asked).toHaveLength(1);
        expect(error).toBe(given);
      },
    );

    test("not after an error that is no model's", async () => {
      const given = Object.assign(new Error("a bug"), { retryable: true });
      const { error, asked } = await play(
        middy,
        { responses: [given, "ok"] },
        hello,
      );
      expect(asked).toHaveLength(1);
      expect(error).toBe(given);
    });
  });

  test("answers that are broken to the last come back as they are", async () => {
    const responses = [{ text: "half", stopReason: "malformed_model_output" }];
    const { result, asked } = await timePasses(
      play(
        middy,
        { responses, options: { maxRetries: 1 } },
        async ({ converse }) =>
          converse({ messages: [{ role: "user", content: [{ text: "Hi" }] }] }),
      ),
    );
    expect(asked).toHaveLength(2);
    expect(result).toMatchObject({
      text: "half",
      stopReason: "malformed_model_output",
      attempts: 2,
    });
  });

  test.each(["end_turn", "max_tokens", "guardrail_intervened", "new_reason"])(
    "an answer that ended with %s is the answer",
    async (stopReason) => {
      const { result, asked } = await play(
        middy,
        { responses: [{ text: "done", stopReason }] },
        async ({ converse }) =>
          converse({ messages: [{ role: "user", content: [{ text: "Hi" }] }] }),
      );
      expect(asked).toHaveLength(1);
      expect(result).toMatchObject({ text: "done", stopReason });
    },
  );

  describe("waits", () => {
    const waitsOf = async (
      responses: readonly Error[],
      options: RetryFallbackOptions,
    ) => {
      const { events, askedAt } = await timePasses(
        play(middy, { responses: [...responses, "ok"], options }, hello),
      );
      const waits = heard(events, "retry").map(({ waitMs }) => waitMs);
      // What is announced is what is waited.
      const gaps = askedAt.slice(1).map((at, i) => at - (askedAt[i] ?? 0));
      // A timer of 0 may be one of 1.
      const waited = gaps.map((ms, i) => (waits[i] === 0 ? ms >> 1 : ms));
      expect(waited).toEqual(waits);
      return waits;
    };
    const down = failure("unavailable");

    test("up to twice as long before each retry, and maxDelayMs at most", async () => {
      const options = { maxRetries: 5, baseDelayMs: 100, maxDelayMs: 500 };
      expect(
        await waitsOf(Array(5).fill(down), { ...options, random }),
      ).toEqual([99, 199, 399, 499, 499]);
    });

    test("anything from nothing on: the jitter is full", async () => {
      expect(await waitsOf([down, down], { random: () => 0 })).toEqual([0, 0]);
      expect(await waitsOf([down, down], { random: () => 0.5 })).toEqual([
        100, 200,
      ]);
    });

    test("longer after throttling", async () => {
      const throttled = failure("throttled");
      expect(await waitsOf([throttled, down], { random })).toEqual([999, 399]);
      expect(
        await waitsOf([throttled], { throttledBaseDelayMs: 50, random }),
      ).toEqual([49]);
    });

    test("no shorter than the service asks for, and not all of them for the same time", async () => {
      const asking = failure("throttled", { retryAfterMs: 2_500 });
      expect(await waitsOf([asking], { random: () => 0 })).toEqual([2_500]);
      expect(await waitsOf([asking], { random })).toEqual([3_499]);
      expect(
        await waitsOf([asking], {
          maxDelayMs: 10,
          baseDelayMs: 1,
          throttledBaseDelayMs: 1,
          random,
        }),
      ).toEqual([2_500]);
    });

    test.each([Number.NaN, -5_000, Number.NEGATIVE_INFINITY])(
      "as ever when a provider says to come back after %d ms",
      async (retryAfterMs) => {
        const asking = failure("unavailable", { retryAfterMs });
        expect(await waitsOf([asking], { random })).toEqual([199]);
      },
    );

    test("not at all when both base delays are 0", async () => {
      const options = { baseDelayMs: 0, throttledBaseDelayMs: 0, random };
      expect(await waitsOf([down, failure("throttled")], options)).toEqual([
        0, 0,
      ]);
    });

    test("with the jitter of Math.random unless told otherwise", async () => {
      const mocked = jest.spyOn(Math, "random").mockReturnValue(0.25);
      expect(await waitsOf([down], {})).toEqual([50]);
      mocked.mockRestore();
    });
  });

  describe("keeps to the deadline", () => {
    test("a wait that cannot end before it is not begun", async () => {
      const given = failure("throttled", { retryAfterMs: 20_000 });
      const start = Date.now();
      const { error, asked } = await play(
        middy,
        { responses: [given, "ok"], timeoutMs: 3_500 },
        hello,
      );
      expect(asked).toHaveLength(1);
      expect(error).toBe(given);
      expect(Date.now()).toBe(start);
    });

    test("nor is one that would leave less than minAttemptMs", async () => {
      const responses = [failure("throttled", { retryAfterMs: 2_000 }), "ok"];
      const scene = { responses, timeoutMs: 3_500 };
      const ask = async (minAttemptMs: number) => {
        const options = { minAttemptMs, random: () => 0 };
        return timePasses(play(middy, { ...scene, options }, hello));
      };
      // Three seconds are left, because the invocation keeps half a second to answer.
      expect(await ask(1_000)).toMatchObject({ result: "ok" });
      expect(await ask(1_001)).toMatchObject({
        error: { reason: "throttled" },
        asked: [FIRST],
      });
    });

    test("the jitter is drawn from the time that is left", async () => {
      const { events } = await timePasses(
        play(
          middy,
          {
            responses: [failure("unavailable"), "ok"],
            timeoutMs: 2_500,
            options: { baseDelayMs: 10_000, random },
          },
          hello,
        ),
      );
      expect(heard(events, "retry")).toMatchObject([{ waitMs: 999 }]);
    });

    test("the first attempt is made however little is left", async () => {
      const { error, asked } = await timePasses(
        play(
          middy,
          { responses: [{ text: "late", delayMs: 5_000 }], timeoutMs: 700 },
          hello,
        ),
      );
      expect(asked).toHaveLength(1);
      expect(error).toMatchObject({ name: "InvocationTimeoutError" });
    });

    test("a timer that fires too late is followed by no attempt", async () => {
      const { error, asked } = await (async () => {
        const playing = play(
          middy,
          {
            responses: [failure("unavailable"), "ok"],
            timeoutMs: 10_000,
            options: { baseDelayMs: 100, random },
          },
          hello,
        );
        await jest.advanceTimersByTimeAsync(50);
        // The process stood still: the clock goes on, the timers did not.
        jest.setSystemTime(Date.now() + 9_600);
        return timePasses(playing);
      })();
      expect(asked).toHaveLength(1);
      expect(error).toMatchObject({ reason: "unavailable" });
    });

    test("without one there is all the time in the world", async () => {
      const responses = [failure("throttled", { retryAfterMs: 9e6 }), "ok"];
      const model = new MockProvider({ responses });
      const handler = middy()
        .use(model.middleware())
        .use(retryFallback())
        .handler(async (_event, { invoke }) => ({ text: await invoke("Hi") }));
      // A context that knows of no time.
      const context = {} as MockLambdaContext;
      expect(await timePasses(handler({}, context))).toEqual({ text: "ok" });
    });

    test("a wait is never longer than a timer can be", async () => {
      const given = failure("throttled", { retryAfterMs: 1e12 });
      const { error, asked } = await play(
        middy,
        { responses: [given, "ok"], timeoutMs: 1e13 },
        hello,
      );
      expect(asked).toHaveLength(1);
      expect(error).toBe(given);
    });
  });

  describe("a wait ends at once", () => {
    const aborting = async (reason: unknown) => {
      const controller = new AbortController();
      const responses = [failure("throttled", { retryAfterMs: 9_000 }), "ok"];
      const options = { retryBudget: 5 };
      const playing = play(middy, { responses, options }, async ({ invoke }) =>
        invoke("Hello", undefined, { signal: controller.signal }),
      );
      await jest.advanceTimersByTimeAsync(1_000);
      controller.abort(reason);
      const at = Date.now();
      const played = await playing;
      expect(Date.now()).toBe(at);
      expect(played.asked).toHaveLength(1);
      return played;
    };

    test("when the caller does not want the answer any more", async () => {
      const reason = new Error("gone");
      const { error } = await aborting(reason);
      expect(error).toMatchObject({
        name: "ModelInvocationError",
        reason: "aborted",
        retryable: false,
        cause: reason,
        errors: [{ model: FIRST, waitMs: 0, error: { reason: "throttled" } }],
      });
    });

    test("with the error that the call was given up with, where that is a model's", async () => {
      const reason = failure("stalled", { retryable: true });
      const { error } = await aborting(reason);
      expect(error).toBe(reason);
    });

    test("also when it was aborted by who hears of the retry", async () => {
      const controller = new AbortController();
      const start = Date.now();
      const { asked } = await timePasses(
        play(
          middy,
          {
            responses: [failure("throttled", { retryAfterMs: 9_000 }), "ok"],
            others: [
              {
                before: async ({ context }) => {
                  invocationOf(context).events.on("retry", () =>
                    controller.abort(),
                  );
                },
              },
            ],
          },
          async ({ invoke }) =>
            invoke("Hello", undefined, { signal: controller.signal }),
        ),
      );
      expect(asked).toHaveLength(1);
      expect(Date.now()).toBe(start);
    });

    test("and gives back what the retry would have taken", async () => {
      await aborting(new Error("gone"));
      const { result } = await timePasses(
        play(
          middy,
          {
            responses: [failure("throttled"), "ok"],
            options: { retryBudget: 5 },
          },
          hello,
        ),
      );
      expect(result).toBe("ok");
    });
  });

  test("an attempt that the caller aborts is not made again", async () => {
    const controller = new AbortController();
    const responses = [
      failure("unavailable"),
      { text: "slow", delayMs: 60_000 },
      "ok",
    ];
    const playing = play(
      middy,
      { responses, options: { random: () => 0 } },
      async ({ invoke }) =>
        invoke("Hello", undefined, { signal: controller.signal }),
    );
    await jest.advanceTimersByTimeAsync(1_000);
    controller.abort(failure("stalled", { retryable: true }));
    const { error, asked } = await playing;
    expect(asked).toHaveLength(2);
    expect(error).toMatchObject({
      reason: "stalled",
      errors: [{ error: { reason: "unavailable" } }, { error: {} }],
    });
    // The caller's patience says nothing about the model.
    expect(circuitStates()).toMatchObject([{ failures: 1 }]);
  });

  test("tells of each retry before it waits", async () => {
    const given = failure("unavailable");
    const { events } = await timePasses(
      play(
        middy,
        { responses: [given, given, "ok"], options: { random } },
        hello,
      ),
    );
    expect(events).toEqual([
      [
        "retry",
        { callId: 1, model: FIRST, attempt: 1, error: given, waitMs: 199 },
      ],
      [
        "retry",
        { callId: 1, model: FIRST, attempt: 2, error: given, waitMs: 399 },
      ],
    ]);
  });

  test("is refused by name when another one is in use already", async () => {
    const { error } = await play(middy, { others: [retryFallback()] }, hello);
    expect(ConfigurationError.isInstance(error)).toBe(true);
    expect(error).toHaveProperty(
      "message",
      expect.stringMatching(/"retryFallback" cannot be added: "retryFallback"/),
    );
  });

  test("needs a provider before it", async () => {
    const handler = middy()
      .use(retryFallback())
      .handler(async () => "never");
    // No provider's middleware has typed the context.
    await expect(handler({}, {} as never)).rejects.toThrow(
      /add \.use\(bedrock\(\)\) before/,
    );
  });
});

describe.each(middyMajors)("The signal of a call, on %s", (_name, middy) => {
  test("is not listened to any more after its retries, waits and fallbacks", async () => {
    const signals = new Set<AbortSignal>();
    const watch: MiddyMiddleware = {
      before: async ({ context }) => {
        invocationOf(context).events.on("attempt-start", ({ request }) => {
          if (request.signal) signals.add(request.signal);
        });
      },
    };
    const { asked } = await timePasses(
      play(
        middy,
        {
          responses: [
            byModel({ [FIRST]: failure("unavailable"), [SECOND]: "ok" }),
          ],
          options: { maxRetries: 2, fallbackModel: SECOND },
          others: [watch],
        },
        hello,
      ),
    );
    expect(asked).toEqual([FIRST, FIRST, FIRST, SECOND]);
    expect(
      [...signals].map((signal) => getEventListeners(signal, "abort").length),
    ).toEqual([0]);
  });
});
