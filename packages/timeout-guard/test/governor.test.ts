import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { type ConverseRequest, registerModel } from "@lambdallm/core";
import {
  type ModelRequest,
  type ProviderResponse,
  providerMiddleware,
} from "@lambdallm/core/feature";
import { MockLambdaContext } from "@lambdallm/testing";
import fc from "fast-check";
import middy from "middy7";
import timeoutGuard, { type TimeoutGuardOptions } from "../src/index.ts";
import { feature, newModel, question, run } from "./support.ts";

// The clock stands still: only what the model says of its latency counts.
beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** What a model does with a request: how it says it was. */
type Behaviour = Partial<Omit<ProviderResponse, "usage">> & {
  readonly outputTokens?: number;
};

const HUNDRED_A_SECOND = { outputTokens: 1_000, latencyMs: 10_000 };

/** Makes calls in a function that has so much time before the deadline; returns the requests that reached the model. */
async function asked(
  calls: readonly (readonly [Omit<ConverseRequest, "messages">, Behaviour])[],
  options: TimeoutGuardOptions = {},
  timeMs = 10_000,
  features: Parameters<typeof run>[1] = [],
): Promise<ModelRequest[]> {
  const requests: ModelRequest[] = [];
  const provider = providerMiddleware({
    defaults: { model: "none" },
    provider: {
      name: "test",
      call: async (request) => {
        const [, behaviour = {}] = calls[requests.length] ?? [];
        requests.push(request);
        const { outputTokens = 0, ...said } = behaviour;
        return {
          message: { role: "assistant", content: [{ text: "answer" }] },
          text: "answer",
          stopReason: "end_turn",
          usage: {
            inputTokens: 10,
            outputTokens,
            totalTokens: 10 + outputTokens,
            cacheReadInputTokens: 0,
            cacheWriteInputTokens: 0,
          },
          model: request.model,
          latencyMs: 0,
          ...said,
        };
      },
    },
  });
  await run(
    middy,
    [
      provider,
      ...features,
      timeoutGuard({ adaptMaxTokens: true, bufferMs: 5_000, ...options }),
    ],
    async ({ converse }) => {
      for (const [request] of calls)
        await converse({ messages: question(), ...request });
    },
    new MockLambdaContext({ timeoutMs: timeMs + 5_000 }),
  );
  return requests;
}

const limitsOf = async (...given: Parameters<typeof asked>) =>
  (await asked(...given)).map(({ maxTokens }) => maxTokens);

describe("The governor", () => {
  test("changes nothing before it has seen the model, and then lets it write what fits", async () => {
    const request = { model: newModel(), maxTokens: 4_000 };
    expect(
      await limitsOf([
        [request, HUNDRED_A_SECOND],
        [request, {}],
      ]),
    ).toEqual([4_000, 1_000]);
  });

  test("leaves a request alone whose longest answer fits exactly", async () => {
    const model = newModel();
    const [, fits, isCut] = await asked(
      [
        [{ model }, HUNDRED_A_SECOND],
        // 4,096 tokens at a hundred a second.
        [{ model }, HUNDRED_A_SECOND],
        [{ model, maxTokens: 4_097 }, {}],
      ],
      {},
      40_960,
    );
    expect(fits?.defaults?.maxTokens).toBeUndefined();
    expect(isCut?.maxTokens).toBe(4_096);
  });

  test.each([{ adaptMaxTokens: false }, { adaptMaxTokens: undefined }])(
    "is not there unless it is asked for: %j",
    async (options) => {
      const request = { model: newModel(), maxTokens: 4_000 };
      expect(
        await limitsOf(
          [
            [request, HUNDRED_A_SECOND],
            [request, {}],
          ],
          // Its interceptor is there for another reason.
          { strategy: "truncate", ...options },
        ),
      ).toEqual([4_000, 4_000]);
    },
  );

  test("counts the wait for the first token", async () => {
    const request = { model: newModel(), maxTokens: 4_000 };
    const streamed = {
      outputTokens: 1_000,
      latencyMs: 12_000,
      timeToFirstTokenMs: 2_000,
    };
    expect(
      await limitsOf([
        [request, streamed],
        [request, {}],
      ]),
    ).toEqual([4_000, 800]);
  });

  test("never raises a limit", async () => {
    const model = newModel();
    expect(
      await limitsOf([
        [{ model, maxTokens: 4_000 }, HUNDRED_A_SECOND],
        [{ model, maxTokens: 999 }, {}],
        [{ model, maxTokens: 1_000 }, {}],
      ]),
    ).toEqual([4_000, 999, 1_000]);
  });

  test("lowers the room that a call has which chose none, and leaves it a default", async () => {
    const [known, short, unknown] = [newModel(), newModel(), newModel()];
    registerModel(known, { maxOutputTokens: 8_000 });
    registerModel(short, { maxOutputTokens: 500 });
    const requests = await asked(
      [known, short, unknown].flatMap((model) => [
        [{ model }, HUNDRED_A_SECOND] as const,
        [{ model }, {}] as const,
      ]),
    );
    for (const request of requests)
      expect(request).not.toHaveProperty("maxTokens");
    expect(requests.map(({ defaults }) => defaults?.maxTokens)).toEqual([
      undefined,
      1_000,
      undefined,
      undefined,
      undefined,
      1_000,
    ]);
  });

  test("keeps the other defaults of a call, and lowers its default of maxTokens when that is too much", async () => {
    const model = newModel();
    const defaulting = (maxTokens: number) =>
      feature("call", "defaulting", (request, next) =>
        next({ ...request, defaults: { maxTokens, temperature: 0.7 } }),
      );
    const lowered = async (maxTokens: number) => {
      const [, second] = await asked(
        [
          [{ model }, HUNDRED_A_SECOND],
          [{ model }, {}],
        ],
        {},
        10_000,
        [defaulting(maxTokens)],
      );
      return second?.defaults;
    };
    expect(await lowered(1_024)).toEqual({
      maxTokens: 1_000,
      temperature: 0.7,
    });
    expect(await lowered(999)).toEqual({ maxTokens: 999, temperature: 0.7 });
  });

  test("leaves a managed prompt alone, which brings its own maxTokens", async () => {
    const model = "arn:aws:bedrock:us-east-1:111122223333:prompt/GOVERNED12:1";
    const bedrock = { promptVariables: { topic: { text: "foxes" } } };
    const requests = await asked([
      [{ model, bedrock }, HUNDRED_A_SECOND],
      [{ model, bedrock }, {}],
    ]);
    for (const request of requests) {
      expect(request).not.toHaveProperty("maxTokens");
      expect(request).not.toHaveProperty("defaults");
    }
  });

  test.each([{ maxTokens: 4_000 }, {}])(
    "says why an answer was cut that it has shortened, and no other: %j",
    async (chosen) => {
      const request = { model: newModel(), ...chosen };
      const cut = { stopReason: "max_tokens" };
      const hints: (string | undefined)[] = [];
      const listening = feature("call", "listening", async (asking, next) => {
        const response = await next(asking);
        hints.push(response.hint);
        return response;
      });
      await asked(
        [
          [
            { ...request, maxTokens: 500 },
            { ...cut, ...HUNDRED_A_SECOND },
          ],
          [request, cut],
          [request, {}],
        ],
        {},
        10_000,
        [listening],
      );
      expect(hints).toEqual([
        undefined,
        "The answer was cut so that it ended before the deadline (adaptMaxTokens): raise the function's timeout, or choose a faster model.",
        undefined,
      ]);
    },
  );

  test("knows a model by each of its ids", async () => {
    const [model, arn] = [newModel(), newModel()];
    registerModel(model, { maxOutputTokens: 8_000 });
    registerModel(arn, { baseModel: model });
    expect(
      await limitsOf([
        [{ model, maxTokens: 4_000 }, HUNDRED_A_SECOND],
        [{ model: arn, maxTokens: 4_000 }, {}],
      ]),
    ).toEqual([4_000, 1_000]);
  });

  test("leaves a value whole, and a model's own settings consistent", async () => {
    const model = newModel();
    const request = { model, maxTokens: 4_000 };
    const bedrock = {
      additionalModelRequestFields: {
        thinking: { type: "enabled", budget_tokens: 3_000 },
      },
    };
    expect(
      await limitsOf([
        [request, HUNDRED_A_SECOND],
        [{ ...request, output: { schema: { type: "object" } } }, {}],
        [{ ...request, bedrock }, {}],
        [{ ...request, bedrock: { requestMetadata: { a: "b" } } }, {}],
      ]),
    ).toEqual([4_000, 4_000, 4_000, 1_000]);
  });

  test("asks for one token at least", async () => {
    const request = { model: newModel(), maxTokens: 4_000 };
    expect(
      await limitsOf([
        [request, HUNDRED_A_SECOND],
        [{ ...request, deadline: Date.now() + 1 }, {}],
      ]),
    ).toEqual([4_000, 1]);
  });

  test("is off unless it is asked for", async () => {
    const request = { model: newModel(), maxTokens: 4_000 };
    const calls = [
      [request, HUNDRED_A_SECOND],
      [request, {}],
    ] as const;
    expect(await limitsOf(calls, { adaptMaxTokens: false })).toEqual([
      4_000, 4_000,
    ]);
    expect(
      await limitsOf(calls, { adaptMaxTokens: false, strategy: "truncate" }),
    ).toEqual([4_000, 4_000]);
  });

  test("never exceeds what was asked for or what fits, whatever the model did before", async () => {
    const seen = fc.record({
      outputTokens: fc.nat({ max: 100_000 }),
      latencyMs: fc.double(),
      timeToFirstTokenMs: fc.option(fc.double({ min: 0, max: 1e6 }), {
        nil: undefined,
      }),
      stopReason: fc.constantFrom("end_turn", "max_tokens", "timeout"),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(seen, { maxLength: 10 }),
        fc.integer({ min: 1, max: 100_000 }),
        async (behaviours, maxTokens) => {
          const request = { model: newModel(), maxTokens };
          const limits = await limitsOf(
            [...behaviours, {}].map((behaviour) => [
              request,
              behaviour as Behaviour,
            ]),
          );
          for (const limit of limits) {
            expect(Number.isSafeInteger(limit)).toBe(true);
            expect(limit).toBeGreaterThanOrEqual(1);
            expect(limit).toBeLessThanOrEqual(maxTokens);
          }
        },
      ),
    );
  });
});

describe("With truncate, what the process has seen decides on streaming", () => {
  const truncate = { strategy: "truncate", adaptMaxTokens: false } as const;
  const streamed = async (
    calls: Parameters<typeof asked>[0],
    options: TimeoutGuardOptions = truncate,
    timeMs?: number,
  ) =>
    (await asked(calls, options, timeMs)).map(
      ({ onDelta }) => onDelta !== undefined,
    );

  test("with room for a model that is half as fast again as it was", async () => {
    const model = newModel();
    expect(
      await streamed([
        [{ model, maxTokens: 4_000 }, HUNDRED_A_SECOND],
        [{ model, maxTokens: 666 }, HUNDRED_A_SECOND],
        [{ model, maxTokens: 667 }, {}],
      ]),
    ).toEqual([true, false, true]);
  });

  test("and a call that came to nothing makes it start anew", async () => {
    const request = { model: newModel(), maxTokens: 500 };
    const timeout = { stopReason: "timeout", latencyMs: 10_000 };
    expect(
      await streamed([
        [request, HUNDRED_A_SECOND],
        [request, { ...timeout, outputTokens: 0 }],
        [request, { ...timeout, outputTokens: 400 }],
        [request, {}],
      ]),
    ).toEqual([true, false, true, true]);
  });

  test("and a call that says nothing has room for 4,096 tokens, a managed prompt for nobody knows how many", async () => {
    const [model, short] = [newModel(), newModel()];
    registerModel(short, { maxOutputTokens: 600 });
    const managed =
      "arn:aws:bedrock:us-east-1:111122223333:prompt/STREAMED12:1";
    const bedrock = { promptVariables: { topic: { text: "foxes" } } };
    const learned = { maxTokens: 600 };
    expect(
      await streamed([
        [{ model: short, ...learned }, HUNDRED_A_SECOND],
        [{ model: short }, {}],
        [{ model, ...learned }, HUNDRED_A_SECOND],
        [{ model }, {}],
        [{ model: managed, bedrock }, HUNDRED_A_SECOND],
        [
          { model: managed, bedrock },
          { outputTokens: 1e5, latencyMs: 10 },
        ],
        [{ model: managed, bedrock }, {}],
      ]),
    ).toEqual([true, false, true, true, true, true, true]);
    expect(
      await streamed(
        [[{ model }, {}]],
        truncate,
        // 4,096 tokens at a hundred a second, and half as much time again.
        62_000,
      ),
    ).toEqual([false]);
  });

  test("and an answer that the governor fits into the time is streamed, in case it does not fit", async () => {
    const request = { model: newModel(), maxTokens: 4_000 };
    expect(
      await streamed(
        [
          [request, HUNDRED_A_SECOND],
          [request, {}],
        ],
        { strategy: "truncate", adaptMaxTokens: true },
      ),
    ).toEqual([true, true]);
  });
});
