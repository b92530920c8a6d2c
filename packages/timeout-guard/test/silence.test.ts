import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import {
  type Message,
  ModelInvocationError,
  registerModel,
} from "@lambdallm/core";
import {
  invocationOf,
  type ModelRequest,
  type Provider,
  providerMiddleware,
  sleep,
} from "@lambdallm/core/feature";
import { MockProvider, type MockResponse } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import timeoutGuard, { type TimeoutGuardOptions } from "../src/index.ts";
import {
  failureOf,
  feature,
  type HandlerContext,
  newModel,
  question,
  retryOnce,
  run,
} from "./support.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  // What is left after a call would go on in a later invocation.
  const left = jest.getTimerCount();
  jest.useRealTimers();
  expect(left).toBe(0);
});

describe.each(middyMajors)("On %s", (_name, middy) => {
  const guarded = async <Result>(
    options: TimeoutGuardOptions,
    responses: readonly MockResponse[],
    handler: (context: HandlerContext) => Promise<Result>,
    features: Parameters<typeof run>[1] = [],
  ): Promise<Result> => {
    const model = new MockProvider({ responses });
    const running = run(
      middy,
      [model.middleware(), ...features, timeoutGuard(options)],
      handler,
    );
    await jest.advanceTimersByTimeAsync(20_000);
    return running;
  };
  const invoke = ({ invoke: call }: HandlerContext) => call("Hi");

  test("the limit for the first token begins when a free connection was found", async () => {
    const told: unknown[] = [];
    const answering = new MockProvider();
    const slow = (queueMs: number, answerMs: number): Provider => ({
      name: "busy",
      call: async (request, observer) => {
        observer?.onQueue?.(true);
        await sleep(queueMs, request.signal);
        observer?.onQueue?.(false);
        await sleep(answerMs, request.signal);
        return answering.call(request);
      },
    });
    const asking = (queueMs: number, answerMs: number) => {
      const asked = run(
        middy,
        [
          providerMiddleware({
            provider: slow(queueMs, answerMs),
            defaults: { model: "a.model" },
          }),
          timeoutGuard({ firstTokenTimeoutMs: 1_000 }),
          {
            before: async ({ context }) => {
              const { events } = invocationOf(context);
              events.on("attempt-queue", ({ attempt, isWaiting }) => {
                told.push([attempt, isWaiting]);
              });
            },
          },
        ],
        async (context) =>
          // The queue of another call is none of this one's.
          (await Promise.allSettled([invoke(context), invoke(context)])).map(
            (settled) =>
              settled.status === "fulfilled"
                ? settled.value
                : settled.reason.reason,
          ),
      );
      return jest.advanceTimersByTimeAsync(20_000).then(() => asked);
    };
    expect(await asking(5_000, 900)).toEqual([
      "Mock response",
      "Mock response",
    ]);
    expect(told).toEqual([
      [1, true],
      [1, true],
      [1, false],
      [1, false],
    ]);
    expect(await asking(5_000, 1_100)).toEqual(["stalled", "stalled"]);
  });

  test("each token gives the model time for the next one", async () => {
    const answer = await guarded(
      { firstTokenTimeoutMs: 3_000, betweenTokensTimeoutMs: 1_000 },
      [{ delayMs: 2_000, pieceDelayMs: 900, pieces: ["a", "b", "c", "d"] }],
      invoke,
    );
    expect(answer).toBe("abcd");
  });

  test("the limit between tokens does not wait for the first one", async () => {
    const answer = await guarded(
      { betweenTokensTimeoutMs: 1_000 },
      [{ delayMs: 9_000, pieces: ["a", "b"] }],
      invoke,
    );
    expect(answer).toBe("ab");
  });

  test("the limit for the first token does not limit the later ones", async () => {
    const answer = await guarded(
      { firstTokenTimeoutMs: 1_000 },
      [{ pieceDelayMs: 900, pieces: ["a", "b", "c"] }],
      invoke,
    );
    expect(answer).toBe("abc");
  });

  test.each([
    ["first", { delayMs: 1_001 }, "did not begin to answer within 1000 ms"],
    ["next", { pieceDelayMs: 901 }, "stopped answering for 900 ms"],
  ])(
    "a model that is late with its %s token is given up",
    async (_which, late, message) => {
      const error = await guarded(
        { firstTokenTimeoutMs: 1_000, betweenTokensTimeoutMs: 900 },
        [{ pieces: ["a", "b"], ...late }],
        (context) => failureOf(invoke(context)),
      );
      expect(error).toMatchObject({ reason: "stalled", billed: "unknown" });
      expect(error.message).toContain(message);
    },
  );

  test("each attempt has the time anew, and what is done before it is sent is not the model's", async () => {
    const slowStore = feature("attempt", "store", async (request, next) => {
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      return next(request);
    });
    const response = await guarded(
      { firstTokenTimeoutMs: 1_000 },
      [{ delayMs: 5_000 }, { delayMs: 900, text: "second" }],
      ({ converse }) => converse({ messages: question() }),
      [retryOnce, slowStore],
    );
    expect(response).toMatchObject({ text: "second", attempts: 2 });
  });

  test("calls at the same time have a watch each", async () => {
    const responses = [{ delayMs: 5_000 }, { delayMs: 900, text: "second" }];
    const [late, inTime] = await guarded(
      { firstTokenTimeoutMs: 1_000 },
      responses,
      async (context) =>
        Promise.all([failureOf(invoke(context)), invoke(context)]),
    );
    expect(late).toMatchObject({ reason: "stalled" });
    expect(inTime).toBe("second");
  });

  test("the time of a call does not begin with another one's", async () => {
    let calls = 0;
    const slowStore = feature("attempt", "store", async (request, next) => {
      calls += 1;
      if (calls === 1)
        await new Promise((resolve) => setTimeout(resolve, 2_000));
      return next(request);
    });
    const answers = await guarded(
      { firstTokenTimeoutMs: 1_000 },
      [{ text: "second" }, { delayMs: 900, text: "first" }],
      async (context) => Promise.all([invoke(context), invoke(context)]),
      [slowStore],
    );
    expect(answers).toEqual(["first", "second"]);
  });

  test("the watch of an attempt ends with it, and a later one does not begin it again", async () => {
    const controllers: AbortSignal[] = [];
    const keep = feature("attempt", "keep", async (request, next) => {
      if (request.signal) controllers.push(request.signal);
      return next(request);
    });
    const failing = async () => {
      throw new ModelInvocationError("Not now.", {
        reason: "unavailable",
        model: "any",
        retryable: true,
      });
    };
    const answer = await guarded(
      { firstTokenTimeoutMs: 1_000 },
      [failing, "second"],
      invoke,
      [retryOnce, keep],
    );
    expect(answer).toBe("second");
    // Twenty seconds have passed since.
    expect(controllers.map(({ aborted }) => aborted)).toEqual([false, false]);
  });

  test("a stream of the caller's is watched, also of a model that is said to take no tools in streams", async () => {
    const model = newModel();
    registerModel(model, { streamingTools: false });
    const error = await guarded(
      { firstTokenTimeoutMs: 1_000 },
      [{ delayMs: 5_000 }],
      ({ converse }) =>
        failureOf(
          converse({
            model,
            messages: question(),
            tools: [{ toolSpec: { name: "look", inputSchema: { json: {} } } }],
            onDelta: () => {},
          }),
        ),
    );
    expect(error).toMatchObject({ reason: "stalled" });
  });

  test("the caller's own abort stays the caller's", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 500);
    const error = await guarded(
      { firstTokenTimeoutMs: 1_000 },
      [{ delayMs: 5_000 }],
      ({ invoke: call }) =>
        failureOf(call("Hi", undefined, { signal: controller.signal })),
    );
    expect(error).toMatchObject({ reason: "aborted", retryable: false });
  });

  test("what the caller's observer throws stays the caller's", async () => {
    const mine = new Error("mine");
    const error = await guarded(
      { betweenTokensTimeoutMs: 1_000 },
      ["answer"],
      ({ converse }) =>
        failureOf(
          converse({
            messages: question(),
            onDelta: () => {
              throw mine;
            },
          }),
        ),
      [retryOnce],
    );
    expect(error).toBe(mine);
  });

  test("a request that an interceptor took the signal from is watched, too", async () => {
    const unsignalled = feature("call", "unsignalled", (request, next) => {
      const { signal: _, ...rest } = request;
      return next(rest);
    });
    const error = await guarded(
      { firstTokenTimeoutMs: 1_000 },
      [{ delayMs: 5_000 }],
      (context) => failureOf(invoke(context)),
      [unsignalled],
    );
    expect(error).toMatchObject({ reason: "stalled" });
  });

  test("a piece that comes after the end starts nothing", async () => {
    let late = () => {};
    const keep = feature("attempt", "keep", (request, next) => {
      late = () => request.onDelta?.({ kind: "text", text: "late" });
      return next(request);
    });
    const answer = await guarded(
      { betweenTokensTimeoutMs: 1_000 },
      ["answer"],
      invoke,
      [keep],
    );
    late();
    expect(answer).toBe("answer");
  });

  describe("Events that are no delta", () => {
    /** What a provider tells at a time: in milliseconds after the one before. */
    type Told = readonly [afterMs: number, what: "activity" | "delta"];
    const message: Message = { role: "assistant", content: [{ text: "done" }] };

    const told = async (
      options: TimeoutGuardOptions,
      events: readonly Told[],
      more: Partial<Pick<ModelRequest, "onActivity">> = {},
    ) => {
      const provider = providerMiddleware({
        defaults: { model: "test" },
        provider: {
          name: "test",
          call: async (request) => {
            for (const [afterMs, what] of events) {
              await new Promise((resolve) => setTimeout(resolve, afterMs));
              request.signal?.throwIfAborted();
              request.onActivity?.();
              if (what === "delta")
                request.onDelta?.({ kind: "text", text: "done" });
            }
            return {
              message,
              text: "done",
              stopReason: "end_turn",
              usage: {
                inputTokens: 1,
                outputTokens: 1,
                totalTokens: 2,
                cacheReadInputTokens: 0,
                cacheWriteInputTokens: 0,
              },
              model: request.model,
              latencyMs: 0,
            };
          },
        },
      });
      const listening = feature("call", "listening", (request, next) =>
        next({ ...request, ...more }),
      );
      const running = run(
        middy,
        [provider, listening, timeoutGuard(options)],
        (context) => invoke(context).catch((error: Error) => error.message),
      );
      await jest.advanceTimersByTimeAsync(60_000);
      return running;
    };
    const STALLED = "stopped answering for 1000 ms (betweenTokensTimeoutMs)";
    const LATE = "did not begin to answer within 3000 ms (firstTokenTimeoutMs)";
    const BOTH = { firstTokenTimeoutMs: 3_000, betweenTokensTimeoutMs: 1_000 };
    const thoughts = Array.from({ length: 20 }, (): Told => [900, "activity"]);

    test.each<[string, TimeoutGuardOptions, readonly Told[]]>([
      ["between two deltas", BOTH, [[0, "delta"], ...thoughts, [900, "delta"]]],
      ["before the first delta", BOTH, [...thoughts, [900, "delta"]]],
      ["and no delta at all", BOTH, thoughts],
      [
        "before a first token that the opening of the message gives time for",
        BOTH,
        [
          [2_900, "activity"],
          [2_900, "activity"],
          [900, "delta"],
        ],
      ],
      [
        "after which nothing limits an answer that has begun",
        { firstTokenTimeoutMs: 3_000 },
        [
          [0, "activity"],
          [2_900, "activity"],
          [9_000, "delta"],
        ],
      ],
      [
        "before an answer begins that only its pauses are limited of",
        { betweenTokensTimeoutMs: 1_000 },
        [
          [9_000, "activity"],
          [9_000, "activity"],
          [900, "activity"],
        ],
      ],
    ])("are signs of life: %s", async (_name, options, events) => {
      expect(await told(options, events)).toBe("done");
    });

    test.each<[string, TimeoutGuardOptions, readonly Told[], string]>([
      ["nothing at all", BOTH, [[3_001, "activity"]], LATE],
      [
        "nothing after the message was opened",
        { firstTokenTimeoutMs: 3_000 },
        [
          [100, "activity"],
          [3_001, "delta"],
        ],
        LATE,
      ],
      [
        "a pause within hidden thoughts",
        BOTH,
        [
          [100, "activity"],
          [100, "activity"],
          [1_001, "activity"],
        ],
        STALLED,
      ],
      [
        "a pause after a delta that came first",
        BOTH,
        [
          [100, "delta"],
          [1_001, "activity"],
        ],
        STALLED,
      ],
    ])("do not hide a silence: %s", async (_name, options, events, failure) => {
      expect(await told(options, events)).toContain(failure);
    });

    test("reach an observer of the caller's own as well", async () => {
      const onActivity = jest.fn();
      await told(BOTH, thoughts, { onActivity });
      expect(onActivity).toHaveBeenCalledTimes(thoughts.length);
    });
  });
});
