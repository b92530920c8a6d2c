import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import type { LLMContext } from "@lambdallm/core";
import { type Provider, providerMiddleware } from "@lambdallm/core/feature";
import {
  circuitStates,
  type RetryFallbackOptions,
  resetRetryState,
  retryFallback,
} from "@lambdallm/retry-fallback";
import { MockLambdaContext, type MockResponse } from "@lambdallm/testing";
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

const down = failure("unavailable");
const COOL_DOWN_MS = 30_000;

describe.each(middyMajors)("the circuit on %s", (_name, middy) => {
  const callBy = <Result>(
    run: (context: LLMContext) => Promise<Result>,
    response: MockResponse,
    options: RetryFallbackOptions = {},
  ) =>
    timePasses(
      play(
        middy,
        {
          responses: [response],
          options: { maxRetries: 0, ...options },
          timeoutMs: 900_000,
        },
        run,
      ),
    );
  const call = (response: MockResponse, options?: RetryFallbackOptions) =>
    callBy(hello, response, options);
  const state = () => circuitStates()[0];
  const open = async () => {
    for (let times = 0; times < 5; times += 1) await call(down);
    expect(state()).toMatchObject({ state: "open" });
  };
  /** The circuit is half-open after it, until the call that probes it has ended. */
  const coolDown = () => jest.advanceTimersByTimeAsync(COOL_DOWN_MS);

  test("is closed as long as nothing goes wrong", async () => {
    const { events } = await call("ok");
    expect(events).toEqual([]);
    expect(circuitStates()).toEqual([
      { provider: "mock", model: FIRST, state: "closed", failures: 0 },
    ]);
  });

  test("opens after five failures in a row, and then the model is left alone", async () => {
    for (let times = 1; times < 5; times += 1) {
      await call(down);
      expect(state()).toMatchObject({ state: "closed", failures: times });
    }
    const { events } = await call(down);
    const retryAt = Date.now() + COOL_DOWN_MS;
    const opened = {
      provider: "mock",
      model: FIRST,
      state: "open",
      failures: 5,
      retryAt,
    };
    expect(events).toEqual([["circuit", { callId: 1, ...opened }]]);
    expect(circuitStates()).toEqual([opened]);

    await jest.advanceTimersByTimeAsync(10_000);
    const { asked, error } = await call("ok");
    expect(asked).toEqual([]);
    expect(error).toMatchObject({
      name: "ModelInvocationError",
      message: `The model ${FIRST} was not asked: it has failed too often lately, and its circuit is open.`,
      reason: "circuit-open",
      model: FIRST,
      retryable: true,
      billed: "none",
      retryAfterMs: 20_000,
    });
  });

  test("is probed after the cool-down, and closed by a success", async () => {
    await open();
    await coolDown();
    const { result, events } = await call("ok");
    expect(result).toBe("ok");
    expect(events).toMatchObject([
      ["circuit", { state: "half-open", failures: 5 }],
      ["circuit", { state: "closed", failures: 0 }],
    ]);
    expect(events[0]?.[1]).not.toHaveProperty("retryAt");
    expect(state()).toMatchObject({ state: "closed" });
    // It takes a whole row of failures again.
    await call(down);
    expect(state()).toMatchObject({ state: "closed", failures: 1 });
  });

  test("is open for another while when the probe fails, which is not retried", async () => {
    await open();
    await coolDown();
    const { asked, events } = await call(down, { maxRetries: 3 });
    expect(asked).toHaveLength(1);
    expect(events).toMatchObject([
      ["circuit", { state: "half-open" }],
      ["circuit", { state: "open", retryAt: Date.now() + COOL_DOWN_MS }],
    ]);
    expect(await call("ok")).toMatchObject({ asked: [] });
  });

  test("lets one probe pass at a time", async () => {
    await open();
    await coolDown();
    const { result, asked } = await callBy(
      async ({ invoke }) => {
        const probe = invoke("Hello");
        const others = await Promise.allSettled([invoke("a"), invoke("b")]);
        const inBetween = state();
        return { others, inBetween, probe: await probe };
      },
      { text: "ok", delayMs: 60_000 },
    );
    expect(asked).toHaveLength(1);
    const reason = expect.objectContaining({ reason: "circuit-open" });
    expect(result).toEqual({
      others: [
        { status: "rejected", reason },
        { status: "rejected", reason },
      ],
      inBetween: expect.objectContaining({ state: "half-open" }),
      probe: "ok",
    });
  });

  test("does not say when to come back while a probe runs: nobody knows", async () => {
    await open();
    await coolDown();
    const { error } = await callBy(
      async ({ invoke }) => {
        const probe = invoke("Hello");
        const [other] = await Promise.allSettled([invoke("Hi")]);
        await probe;
        throw Reflect.get(other, "reason");
      },
      { text: "ok", delayMs: 60_000 },
    );
    expect(error).toMatchObject({ reason: "circuit-open" });
    expect(error).not.toHaveProperty("retryAfterMs");
  });

  test.each<[string, MockResponse]>([
    ["is throttled", failure("throttled")],
    ["was a bad request", failure("invalid-request")],
    ["gives an answer that is broken", { stopReason: "malformed_tool_use" }],
    ["runs into the deadline", { text: "late", delayMs: 1_000_000 }],
    ["fails in somebody else's hands", new Error("over budget")],
  ])("is probed again at once when the probe %s", async (_what, response) => {
    await open();
    await coolDown();
    await call(response);
    expect(state()).toMatchObject({ state: "half-open" });
    expect(await call("ok")).toMatchObject({ result: "ok" });
    expect(state()).toMatchObject({ state: "closed" });
  });

  test.each([
    ["ends", { text: "ok", delayMs: 60_000 }],
    // A provider that looks at no signal.
    ["hangs", () => new Promise<string>(() => {})],
  ] satisfies [string, MockResponse][])(
    "is probed again when the probe is aborted and %s",
    async (_what, response) => {
      await open();
      await coolDown();
      const controller = new AbortController();
      const { signal } = controller;
      const probing = play(
        middy,
        { responses: [response], timeoutMs: 900_000 },
        async ({ invoke }) => invoke("Hello", undefined, { signal }),
      );
      await jest.advanceTimersByTimeAsync(1_000);
      expect(state()).toMatchObject({ state: "half-open" });
      controller.abort(new Error("gone"));
      expect(await call("ok")).toMatchObject({ result: "ok" });
      expect(state()).toMatchObject({ state: "closed" });
      await timePasses(probing);
      expect(state()).toMatchObject({ state: "closed", failures: 0 });
    },
  );

  test.each([
    "throttled",
    "invalid-request",
    "access-denied",
    "quota",
    "context-overflow",
    "model-retired",
  ])(
    "takes no notice of failures that are not the model's: %s",
    async (reason) => {
      for (let times = 0; times < 10; times += 1) await call(failure(reason));
      expect(state()).toMatchObject({ state: "closed", failures: 0 });
    },
  );

  test.each([
    "unavailable",
    "model-failed",
    "interrupted",
    "connection",
    "stalled",
  ])("opens for %s", async (reason) => {
    for (let times = 0; times < 5; times += 1)
      await call(failure(reason, { retryable: true }));
    expect(state()).toMatchObject({ state: "open" });
  });

  test("counts failures in a row only", async () => {
    for (let times = 0; times < 20; times += 1)
      await call(times % 5 === 4 ? "ok" : down);
    expect(state()).toMatchObject({ state: "closed", failures: 0 });
  });

  test("counts calls that fail at the same time as one: a moment is no outage", async () => {
    await callBy(
      async ({ invoke }) =>
        Promise.allSettled(Array.from({ length: 20 }, () => invoke("Hi"))),
      { delayMs: 100, error: down },
    );
    expect(state()).toMatchObject({ state: "closed", failures: 1 });
  });

  test("is closed by an answer that began before it opened", async () => {
    const early = play(
      middy,
      { responses: [{ text: "ok", delayMs: 100 }], timeoutMs: 900_000 },
      hello,
    );
    await jest.advanceTimersByTimeAsync(1);
    for (let times = 0; times < 5; times += 1) {
      const failing = play(
        middy,
        { responses: [down], options: { maxRetries: 0 }, timeoutMs: 900_000 },
        hello,
      );
      await jest.advanceTimersByTimeAsync(1);
      await failing;
    }
    expect(state()).toMatchObject({ state: "open" });
    expect(await timePasses(early)).toMatchObject({ result: "ok" });
    expect(state()).toMatchObject({ state: "closed", failures: 0 });
    expect(await call("ok")).toMatchObject({ result: "ok" });
  });

  test("is closed by an answer that began before it opened, also while a probe runs", async () => {
    const slow = (response: MockResponse) =>
      play(middy, { responses: [response], timeoutMs: 900_000 }, hello);
    const early = slow({ text: "ok", delayMs: COOL_DOWN_MS + 10_000 });
    await jest.advanceTimersByTimeAsync(1);
    for (let times = 0; times < 5; times += 1) {
      const failing = play(
        middy,
        { responses: [down], options: { maxRetries: 0 }, timeoutMs: 900_000 },
        hello,
      );
      await jest.advanceTimersByTimeAsync(0);
      await failing;
    }
    await coolDown();
    const probe = slow({ delayMs: 60_000, error: failure("connection") });
    await jest.advanceTimersByTimeAsync(1);
    expect(state()).toMatchObject({ state: "half-open" });
    await jest.advanceTimersByTimeAsync(10_000);
    await early;
    expect(state()).toMatchObject({ state: "closed" });
    const next = slow("ok");
    await jest.advanceTimersByTimeAsync(1);
    expect(await next).toMatchObject({ result: "ok" });
    // The probe's failure is one like any other by now.
    await jest.advanceTimersByTimeAsync(50_000);
    expect(state()).toMatchObject({ state: "closed", failures: 1 });
    await timePasses(probe);
  });

  test("opens again after a probe of somebody who would wait for more failures", async () => {
    await call(down, { circuit: { failureThreshold: 1 } });
    await coolDown();
    await call(down);
    expect(state()).toMatchObject({ state: "open", failures: 2 });
  });

  test("ends the retries of the call that opens it", async () => {
    const circuit = { failureThreshold: 2 };
    const { asked, error } = await call(down, { maxRetries: 3, circuit });
    expect(asked).toHaveLength(2);
    expect(error).toMatchObject({ reason: "unavailable" });
  });

  test("does not cut one call's retries off unless it is told to", async () => {
    expect((await call(down, { maxRetries: 9 })).asked).toHaveLength(10);
    expect(state()).toMatchObject({ state: "open", failures: 10 });
  });

  test("that opens while a call waits keeps its next attempt away", async () => {
    const options = {
      retryBudget: 5,
      circuit: { failureThreshold: 1 },
    };
    const waiting = play(
      middy,
      {
        responses: [failure("throttled", { retryAfterMs: 5_000 }), "ok"],
        options,
      },
      hello,
    );
    await jest.advanceTimersByTimeAsync(100);
    const failing = play(
      middy,
      { responses: [down], options: { ...options, maxRetries: 0 } },
      hello,
    );
    await jest.advanceTimersByTimeAsync(0);
    await failing;
    const { asked, error } = await timePasses(waiting);
    expect(asked).toHaveLength(1);
    // What the model said tells more than that it was not asked again.
    expect(error).toMatchObject({
      reason: "throttled",
      errors: [
        { error: { reason: "throttled" } },
        { error: { reason: "circuit-open" } },
      ],
    });
    // The retry was not made: its tokens are there for another one.
    await jest.advanceTimersByTimeAsync(60_000);
    expect(
      await timePasses(
        play(
          middy,
          { responses: [failure("throttled"), "ok"], options },
          hello,
        ),
      ),
    ).toMatchObject({ result: "ok" });
  });

  test("sends calls to the fallback at once", async () => {
    await open();
    const { asked, result, events } = await call(byModel({ [SECOND]: "ok" }), {
      fallbackModel: SECOND,
    });
    expect(asked).toEqual([SECOND]);
    expect(result).toBe("ok");
    expect(heard(events, "fallback")).toMatchObject([
      { from: FIRST, to: SECOND, error: { reason: "circuit-open" } },
    ]);
  });

  test("of the fallback leaves the error that the first model ended with", async () => {
    const both = byModel({ [FIRST]: failure("quota"), [SECOND]: down });
    for (let times = 0; times < 5; times += 1)
      await call(both, { fallbackModel: SECOND });
    const { error } = await call(both, { fallbackModel: SECOND });
    expect(error).toMatchObject({
      reason: "quota",
      message: `No complete answer after 1 attempt at ${FIRST}. The model failed: quota.`,
      errors: [
        { model: FIRST, error: { reason: "quota" } },
        { model: SECOND, error: { reason: "circuit-open" } },
      ],
    });
  });

  test("of every model leaves nothing to ask", async () => {
    const both = byModel({ [FIRST]: down, [SECOND]: down });
    for (let times = 0; times < 5; times += 1)
      await call(both, { fallbackModel: SECOND });
    const { error, asked } = await call(both, { fallbackModel: SECOND });
    expect(asked).toEqual([]);
    expect(error).toMatchObject({
      reason: "circuit-open",
      message: `No model was asked. The model ${SECOND} was not asked: it has failed too often lately, and its circuit is open.`,
      retryable: true,
      retryAfterMs: COOL_DOWN_MS,
      errors: [{ model: FIRST }, { model: SECOND }],
    });
  });

  test("can be switched off", async () => {
    for (let times = 0; times < 10; times += 1)
      await call(down, { circuit: false });
    expect(state()).toMatchObject({ state: "closed", failures: 0 });
    await open();
    expect(await call("ok", { circuit: false })).toMatchObject({
      result: "ok",
    });
  });

  test("can open earlier, and for another time", async () => {
    const circuit = { failureThreshold: 1, coolDownMs: 5_000 };
    await call(down, { circuit });
    expect(state()).toMatchObject({ retryAt: Date.now() + 5_000 });
    await jest.advanceTimersByTimeAsync(4_999);
    expect(await call("ok", { circuit })).toMatchObject({ asked: [] });
    await jest.advanceTimersByTimeAsync(1);
    expect(await call("ok", { circuit })).toMatchObject({ result: "ok" });
  });

  test("is each model's, provider's and Region's own", async () => {
    const provider = (name: string, region: string | undefined) => {
      const failing: Provider = {
        name,
        region,
        call: async () => {
          throw down;
        },
      };
      return providerMiddleware({
        provider: failing,
        defaults: { model: FIRST },
      });
    };
    const circuit = { failureThreshold: 1 };
    const arn =
      "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc";
    for (const [name, region, model] of [
      ["bedrock", "us-east-1", FIRST],
      ["bedrock", "us-west-2", FIRST],
      ["bedrock", undefined, FIRST],
      ["other", "us-east-1", FIRST],
      ["bedrock", "us-east-1", SECOND],
      ["bedrock", "us-east-1", arn],
      ["bedrock", "us-west-2", arn],
    ] as const) {
      const handler = middy()
        .use(provider(name, region))
        .use(retryFallback({ maxRetries: 0, circuit }))
        .handler(async (_event, { invoke }) =>
          invoke("Hi", undefined, { model }),
        );
      await handler({}, new MockLambdaContext()).catch(() => {});
    }
    expect(
      circuitStates().map((circuit) => [
        circuit.provider,
        circuit.region,
        circuit.model,
      ]),
    ).toEqual([
      ["bedrock", "us-east-1", FIRST],
      ["bedrock", "us-west-2", FIRST],
      ["bedrock", undefined, FIRST],
      ["other", "us-east-1", FIRST],
      ["bedrock", "us-east-1", SECOND],
      // An ARN names its Region, wherever the call comes from.
      ["bedrock", "eu-west-1", arn],
    ]);
  });

  test("is forgotten when a hundred others were used since", async () => {
    const ask = (model: string) =>
      callBy(async ({ invoke }) => invoke("Hi", undefined, { model }), "ok");
    for (let index = 0; index < 100; index += 1) await ask(`model.${index}`);
    await ask("model.0");
    await ask("model.100");
    const models = circuitStates().map(({ model }) => model);
    expect(models).toHaveLength(100);
    expect(models).toContain("model.0");
    expect(models).not.toContain("model.1");
  });
});
