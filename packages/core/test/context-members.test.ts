import { inspect } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { Model } from "@lambdallm/core";
import {
  invocationOf,
  type ModelRequest,
  providerMiddleware,
} from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  type HandlerContext,
  providerOf,
  rejection,
  run,
} from "./support.ts";

/** A Lambda context that has `leftMs` left whatever the time is. */
const contextWith = (leftMs: number) =>
  Object.assign(new MockLambdaContext(), {
    getRemainingTimeInMillis: () => leftMs,
  });

describe.each(middyMajors)("the context's members on %s", (_name, middy) => {
  const model = () => new MockProvider().middleware();

  test("are the same at context.llm", async () => {
    await run(middy, [model()], async (context) => {
      for (const name of [
        "invoke",
        "stream",
        "converse",
        "countTokens",
      ] as const)
        expect(context.llm[name]).toBe(context[name]);
      await context.llm.invoke("Hello");
      expect(context.metrics).toEqual(context.llm.metrics);
    });
  });

  test("work without the context they were taken from", async () => {
    const text = await run(middy, [model()], async ({ invoke }) =>
      invoke("Hi"),
    );
    expect(text).toBe("Mock response");
  });

  test("are not among the keys of the context, nor printed with it", async () => {
    const context = new MockLambdaContext();
    const keys = Object.keys(context);
    await run(
      middy,
      [model()],
      async (given) => {
        expect(given).toBe(context);
        expect(Object.keys(given)).toEqual(keys);
        expect(inspect(given)).not.toContain("invoke:");
      },
      context,
    );
  });

  test("add up usage, calls and costs", async () => {
    const provider = providerOf(async () => answerOf("a"));
    const seen = await run(middy, [provider], async (context) => {
      const start = [context.totalCostUsd, context.totalCost];
      await context.invoke("One");
      await context.invoke("Two");
      return { start, total: context.totalCostUsd };
    });
    expect(seen.start).toEqual([0, 0]);
    // Two calls of 10 input tokens at 1 USD and 2 output tokens at 5 USD per million.
    expect(seen.total).toBe(0.00004);
  });

  test("show the metrics of an invocation", async () => {
    const provider = providerOf(async () => answerOf("a"));
    const seen = await run(middy, [provider], async (context) => {
      await context.invoke("One");
      expect(context.usage).toBe(context.metrics.usage);
      return context.metrics;
    });
    expect(seen).toEqual({
      calls: 1,
      attempts: 1,
      failedAttempts: 0,
      usage: {
        inputTokens: 10,
        outputTokens: 2,
        totalTokens: 12,
        cacheReadInputTokens: 0,
        cacheWriteInputTokens: 0,
      },
      modelLatencyMs: 7,
      knownCostUsd: 0.00002,
      unpricedAttempts: 0,
    });
  });

  test("do not call a total a total while a price is unknown", async () => {
    const provider = providerOf(async ({ model }) => answerOf("a", { model }));
    await run(middy, [provider], async (context) => {
      await context.invoke("One");
      const response = await context.converse({
        model: "acme.unknown-v1",
        messages: [{ role: "user", content: [{ text: "Two" }] }],
      });
      expect(response.costUsd).toBeUndefined();
      expect(context.totalCostUsd).toBeUndefined();
      expect(context.totalCost).toBeUndefined();
      expect(context.metrics).toMatchObject({
        knownCostUsd: 0.00002,
        unpricedAttempts: 1,
      });
    });
  });

  test("mark usage as estimated once a part of it is", async () => {
    let calls = 0;
    const provider = providerOf(async () => {
      calls += 1;
      const { usage } = answerOf("a");
      return answerOf("a", {
        usage: calls === 2 ? { ...usage, estimated: true } : usage,
      });
    });
    const estimated = await run(middy, [provider], async (context) => {
      const seen = [context.usage.estimated];
      for (let call = 0; call < 3; call++) {
        await context.invoke("Hi");
        seen.push(context.usage.estimated);
      }
      return seen;
    });
    expect(estimated).toEqual([undefined, undefined, true, true]);
  });

  describe("about time", () => {
    test("follow Lambda's clock", async () => {
      let now = 1_000;
      const context = new MockLambdaContext({
        timeoutMs: 9_000,
        now: () => now,
      });
      await run(
        middy,
        [model()],
        async (given) => {
          expect(given.remainingTimeMs).toBe(9_000);
          now += 4_000;
          expect(given.remainingTimeMs).toBe(5_000);
        },
        context,
      );
    });

    test.each([
      [5_001, false],
      [5_000, true],
      [10, true],
    ])("with %d ms left, shouldCheckpoint is %s", async (leftMs, expected) => {
      const seen = await run(
        middy,
        [model()],
        async (context) => context.shouldCheckpoint,
        contextWith(leftMs),
      );
      expect(seen).toBe(expected);
    });

    test("let a feature choose the buffer", async () => {
      await run(
        middy,
        [model()],
        async (context) => {
          expect(context.shouldCheckpoint).toBe(false);
          invocationOf(context).bufferMs = 20_000;
          expect(context.shouldCheckpoint).toBe(true);
        },
        contextWith(15_000),
      );
    });

    test("are infinite outside of Lambda, where calls have no deadline", async () => {
      const requests: ModelRequest[] = [];
      const provider = providerOf(async (request) => {
        requests.push(request);
        return answerOf("a");
      });
      await run(
        middy,
        [provider],
        async (context) => {
          expect(context.remainingTimeMs).toBe(Number.POSITIVE_INFINITY);
          expect(context.shouldCheckpoint).toBe(false);
          await context.invoke("Hi");
        },
        // As in a container or a script.
        {} as MockLambdaContext,
      );
      expect(requests[0]).not.toHaveProperty("deadline");
    });
  });

  describe("of a durable context", () => {
    const durable = providerMiddleware({
      provider: new MockProvider(),
      defaults: { model: Model.CLAUDE_HAIKU_4_5 },
      durable: true,
    });

    test("are at context.llm only, because it has an invoke of its own", async () => {
      const invoke = async () => "a durable function";
      const context = Object.assign(new MockLambdaContext(), { invoke });
      await run(
        middy,
        [durable],
        async (given) => {
          expect(given.invoke).toBe(invoke);
          expect(Object.keys(given)).not.toContain("llm");
          expect("stream" in given).toBe(false);
          expect(await given.llm.invoke("Hi")).toBe("Mock response");
        },
        context,
      );
    });

    test("take the remaining time from the Lambda context inside", async () => {
      const { getRemainingTimeInMillis: _own, ...fields } =
        new MockLambdaContext();
      const context = { ...fields, lambdaContext: contextWith(4_321) };
      const left = await run(
        middy,
        [durable],
        async ({ llm }) => llm.remainingTimeMs,
        // The durable SDK's context: Lambda's fields, but not this function.
        context as unknown as MockLambdaContext,
      );
      expect(left).toBe(4_321);
    });
  });

  describe("know the remaining time", () => {
    const left = (getRemainingTimeInMillis: unknown) =>
      run(
        middy,
        [model()],
        async (context) => {
          return [context.remainingTimeMs, context.shouldCheckpoint];
        },
        Object.assign(new MockLambdaContext(), {
          // Contexts that tests and frameworks make have whatever they have.
          getRemainingTimeInMillis: getRemainingTimeInMillis as () => number,
        }),
      );

    test("from a function that needs its context as `this`", async () => {
      const context = Object.assign(new MockLambdaContext(), {
        leftMs: 4_321,
        getRemainingTimeInMillis(this: { leftMs: number }) {
          return this.leftMs;
        },
      });
      // Middy 7 calls it without `this` for a timeout of its own, which 0 turns off.
      const chain = middy<object, number, Error, HandlerContext>({
        timeoutEarlyInMillis: 0,
      })
        .use(model())
        .handler(async (_event, { remainingTimeMs }) => remainingTimeMs);
      expect(await chain({}, context as unknown as HandlerContext)).toBe(4_321);
    });

    test.each([
      ["returned undefined", () => undefined],
      ["returned NaN", () => Number.NaN],
      ["returned a string", () => "4321"],
      ["returned a promise", async () => 4_321],
      ["is a number", 4_321],
    ])("or say what is wrong with it: it %s", async (what, given) => {
      expect(await rejection(left(given))).toMatchObject({
        name: "ConfigurationError",
        message: `getRemainingTimeInMillis of the Lambda context must be a function that returns a number of milliseconds; it ${what}.`,
      });
    });

    test("as endless where there is no such function", async () => {
      expect(await left(undefined)).toEqual([Number.POSITIVE_INFINITY, false]);
    });
  });

  test("are only there behind a provider", async () => {
    const error = await rejection(
      run(middy, [], async (context) => invocationOf(context)),
    );
    expect(error).toHaveProperty(
      "message",
      "No model provider is in use here: add .use(bedrock()) before this middleware, and call models only while the handler runs.",
    );
  });
});
