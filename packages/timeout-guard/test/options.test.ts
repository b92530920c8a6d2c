import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import namedByDefault, {
  type TimeoutGuardOptions,
  timeoutGuard,
  timeoutGuardValidateOptions,
} from "../src/index.ts";
import { failureOf, run } from "./support.ts";

describe("Options are checked once, when the guard is made", () => {
  test.each<[options: unknown, message: string]>([
    [
      { buffer: 5 },
      'timeoutGuard: there is no option "buffer". Options: strategy, bufferMs, firstTokenTimeoutMs, betweenTokensTimeoutMs, adaptMaxTokens.',
    ],
    [
      { strategy: "failfast" },
      'timeoutGuard: the option "strategy" must be one of fail-fast, truncate, checkpoint.',
    ],
    [
      { bufferMs: -1 },
      'timeoutGuard: the option "bufferMs" must be a whole number of at least 0.',
    ],
    [
      { bufferMs: Number.NaN },
      'timeoutGuard: the option "bufferMs" must be a whole number of at least 0.',
    ],
    [
      { firstTokenTimeoutMs: 0 },
      'timeoutGuard: the option "firstTokenTimeoutMs" must be a positive integer.',
    ],
    [
      { betweenTokensTimeoutMs: Number.POSITIVE_INFINITY },
      'timeoutGuard: the option "betweenTokensTimeoutMs" must be a positive integer.',
    ],
    [
      { adaptMaxTokens: "yes" },
      'timeoutGuard: the option "adaptMaxTokens" must be true or false.',
    ],
    ["truncate", "timeoutGuard: the options must be an object."],
  ])("%j", (options, message) => {
    const refusal = expect.objectContaining({
      name: "ConfigurationError",
      message,
    });
    expect(() => timeoutGuard(options as TimeoutGuardOptions)).toThrow(refusal);
    expect(() => timeoutGuardValidateOptions(options)).toThrow(refusal);
  });

  test("the factory is the default export, and has a name", () => {
    expect(namedByDefault).toBe(timeoutGuard);
    expect(() =>
      timeoutGuard({ strategy: undefined, bufferMs: undefined }),
    ).not.toThrow();
  });
});

describe.each(middyMajors)("On %s, an invocation", (_name, middy) => {
  const model = () => new MockProvider({ responses: ["answer"] }).middleware();

  test("with the strategy checkpoint needs a journal before its first call", async () => {
    const error = await failureOf(
      run(
        middy,
        [model(), timeoutGuard({ strategy: "checkpoint" })],
        async ({ invoke }) => invoke("Hi"),
      ),
    );
    expect(error).toEqual(
      new ConfigurationError(
        'timeoutGuard: the strategy "checkpoint" needs a journal: add .use(checkpoint({ store })) of @lambdallm/checkpoint.',
      ),
    );
  });

  test("whose whole time is the buffer fails, with both numbers and the remedy", async () => {
    // Lambda's default timeout, and the guard's default buffer.
    const context = Object.assign(new MockLambdaContext(), {
      getRemainingTimeInMillis: () => 3_000,
    });
    const error = await failureOf(
      run(
        middy,
        [model(), timeoutGuard()],
        async ({ invoke }) => invoke("Hi"),
        context,
      ),
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toBe(
      "timeoutGuard: the invocation has 3000 ms left, and bufferMs keeps 5000 ms of them free, so that no model could be called. Raise the function's timeout (Lambda's default is 3 seconds), or lower bufferMs.",
    );
  });

  test("without a provider before the guard is told to add one", async () => {
    const error = await failureOf(
      run(middy, [timeoutGuard(), model()], async () => "never"),
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain("add .use(bedrock()) before");
  });

  test("has the guard's deadline and buffer, and keeps a tighter deadline", async () => {
    const context = Object.assign(new MockLambdaContext(), {
      getRemainingTimeInMillis: () => 20_000,
    });
    const start = Date.now();
    await run(
      middy,
      [model(), timeoutGuard(), timeoutGuard({ bufferMs: 1_000 })],
      async (handlerContext) => {
        const { deadline, bufferMs } = invocationOf(handlerContext);
        expect(deadline).toBeGreaterThanOrEqual(start + 15_000);
        expect(deadline).toBeLessThanOrEqual(Date.now() + 15_000);
        expect(bufferMs).toBe(1_000);
      },
      context,
    );
  });

  test("tells its handler when the buffer is reached", async () => {
    let leftMs = 10_000;
    const context = Object.assign(new MockLambdaContext(), {
      getRemainingTimeInMillis: () => leftMs,
    });
    await run(
      middy,
      [model(), timeoutGuard({ bufferMs: 2_000 })],
      async (handlerContext) => {
        expect(handlerContext.remainingTimeMs).toBe(10_000);
        leftMs = 2_001;
        expect(handlerContext.shouldCheckpoint).toBe(false);
        leftMs = 2_000;
        expect(handlerContext.shouldCheckpoint).toBe(true);
      },
      context,
    );
  });

  test("without Lambda's clock has no deadline, and works", async () => {
    const guard = timeoutGuard({ strategy: "truncate", adaptMaxTokens: true });
    const mock = new MockProvider({ responses: ["answer"] });
    const answer = await run(
      middy,
      [mock.middleware(), guard],
      async (handlerContext) => {
        expect(invocationOf(handlerContext).deadline).toBe(
          Number.POSITIVE_INFINITY,
        );
        return handlerContext.invoke("Hi");
      },
      {} as MockLambdaContext,
    );
    expect(answer).toBe("answer");
    expect(mock.calls[0]?.request).not.toHaveProperty("onDelta");
  });

  test("of a durable function has the clock of the Lambda context inside", async () => {
    const lambdaContext = { getRemainingTimeInMillis: () => 20_000 };
    await run(
      middy,
      [model(), timeoutGuard()],
      async (handlerContext) => {
        expect(invocationOf(handlerContext).deadline).toBeLessThanOrEqual(
          Date.now() + 15_000,
        );
      },
      { lambdaContext } as unknown as MockLambdaContext,
    );
  });
});
