import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ConfigurationError, ModelInvocationError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import logging, {
  type Logger,
  type LoggingOptions,
  loggingValidateOptions,
} from "@lambdallm/logging";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { printed } from "../../../test-support/quiet.ts";
import {
  before,
  eventsOf,
  type HandlerContext,
  memoryLogger,
  PRICED,
  providerOf,
  recordsOf,
  run,
  type Setup,
  steady,
} from "./support.ts";

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

const throttled = new ModelInvocationError("Too many requests.", {
  ...{ reason: "throttled", model: PRICED },
});
const hello = ({ invoke }: HandlerContext) => invoke("Hello");

describe.each(middyMajors)("what logging writes on %s", (_name, middy) => {
  test("has the level that the options say, or is not written", async () => {
    const records = await recordsOf(hello, {
      middy,
      options: { levels: { "call-end": "debug", "attempt-end": false } },
    });
    expect(records).toMatchObject([
      { level: "debug", event: "call-end" },
      { level: "info", event: "invocation-end" },
    ]);
  });

  test("is what all of an invocation has to tell, or only what went wrong and what came after it", async () => {
    const random = jest.spyOn(Math, "random");
    const options = { sampleRate: 0.5 };
    const of = async (chance: number, responses: (string | Error)[]) => {
      random.mockReturnValue(chance);
      const provider = new MockProvider({ responses }).middleware();
      const records = await recordsOf(
        async ({ invoke }) => {
          await invoke("Hello");
          return invoke("Hello").catch(() => {});
        },
        { ...{ middy, provider, options } },
      );
      return eventsOf(records);
    };
    const all = ["attempt-end", "call-end", "attempt-end", "call-end"];
    expect(await of(0.49, ["a", "b"])).toEqual([...all, "invocation-end"]);
    expect(await of(0.5, ["a", "b"])).toEqual([]);
    expect(await of(0.5, ["a", throttled])).toEqual([
      ...["attempt-error", "call-error", "invocation-end"],
    ]);
    // Once an invocation.
    expect(random).toHaveBeenCalledTimes(3);
  });

  test("is never left out when it failed, whatever its level is", async () => {
    const records = await recordsOf(hello, {
      middy,
      provider: new MockProvider({ responses: [throttled] }).middleware(),
      options: {
        sampleRate: 0,
        levels: {
          ...{ "attempt-error": false, "call-error": "debug" },
          "invocation-error": "info",
        },
      },
    });
    expect(records).toMatchObject([
      { level: "debug", event: "call-error" },
      { level: "info", event: "invocation-error" },
    ]);
  });

  test.each<[string, Partial<Logger>, string]>([
    [
      "throws",
      {
        info: () => {
          throw new Error("no disk");
        },
      },
      "no disk",
    ],
    ["rejects", { info: async () => Promise.reject("no disk") }, "no disk"],
    [
      "returns something that fails when it is awaited",
      {
        info: () => ({
          // biome-ignore lint/suspicious/noThenProperty: that is what is tested
          get then() {
            throw new Error("no disk");
          },
        }),
      },
      "no disk",
    ],
  ])(
    "changes nothing when the logger %s, and that is reported once",
    async (_what, broken, why) => {
      const { logger } = memoryLogger();
      const answer = await run(
        async ({ invoke }) => `${await invoke("Hello")} ${await invoke("Hi")}`,
        { middy, options: { logger: { ...logger, ...broken } } },
      );
      expect(answer).toBe("Hello Hello");
      expect(printed()).toEqual([
        `LambdaLLMWarning: logging: The logger failed: ${why}`,
      ]);
    },
  );

  test("is waited for at the end", async () => {
    const end = Promise.withResolvers<void>();
    const { logger } = memoryLogger();
    const written: string[] = [];
    const info = async ({ event }: { event: string }) => {
      await end.promise;
      written.push(event);
    };
    const running = run(
      async ({ invoke }) => {
        const answer = await invoke("Hello");
        setImmediate(end.resolve);
        return answer;
      },
      { middy, options: { logger: { ...logger, info } } },
    );
    expect(await running).toBe("Hello");
    expect(written).toEqual(["call-end", "invocation-end"]);
  });

  test("is waited for a second at most", async () => {
    jest.useFakeTimers();
    const { logger } = memoryLogger();
    const info = () => new Promise(() => {});
    const running = run(hello, {
      ...{ middy, options: { logger: { ...logger, info } } },
      context: new MockLambdaContext({ timeoutMs: 600_000 }),
    });
    let answer: string | undefined;
    void running.then((value) => {
      answer = value;
    });
    await jest.advanceTimersByTimeAsync(999);
    expect(answer).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    expect(answer).toBe("Hello");
    expect(printed()).toEqual([
      "LambdaLLMWarning: logging: The logger failed: it did not come to an end",
    ]);
  });

  test("is written once, also for chains inside of a chain", async () => {
    const { logger, records } = memoryLogger();
    const inner = new MockProvider({ responses: ["inner"] });
    await run(
      (context) =>
        run(hello, {
          ...{ middy, context, options: { logger } },
          provider: inner.middleware(),
        }),
      { middy, options: { logger } },
    );
    expect(eventsOf(records)).toEqual([
      ...["attempt-end", "call-end", "invocation-end"],
    ]);
  });

  test("is written for a chain inside of one that is not logged", async () => {
    const { logger, records } = memoryLogger();
    const outer = middy<object, unknown, Error, HandlerContext>()
      .use({ ...new MockProvider().middleware() })
      .handler(async (_event, context) =>
        run(hello, { middy, context, options: { logger } }),
      );
    await outer({}, new MockLambdaContext());
    expect(eventsOf(records)).toEqual([
      ...["attempt-end", "call-end", "invocation-end"],
    ]);
  });

  test("needs a provider before, and is asked for once", async () => {
    const chain = middy().use(logging());
    chain.handler(async () => 1);
    await expect(chain({}, new MockLambdaContext())).rejects.toThrow(
      "add .use(bedrock()) before logging",
    );
    const { logger } = memoryLogger();
    await expect(
      run(hello, { middy, options: { logger }, use: [logging()] }),
    ).rejects.toThrow(
      new ConfigurationError(
        "logging: there is a logging() in this invocation already: use it once.",
      ),
    );
  });

  // Neither answers, nor hears of an abort.
  const hang = () => new Promise<never>(() => {});
  test.each<[string, Setup, string[]]>([
    [
      "its provider",
      { provider: providerOf(hang) },
      ["attempt-error", "call-error"],
    ],
    [
      "what is around it",
      {
        use: [
          before(async ({ context }) => {
            invocationOf(context).intercept("attempt", "hanging", hang);
          }),
        ],
      },
      ["call-error"],
    ],
  ])(
    "of a call in which %s hangs is there before the end",
    async (_what, setup, events) => {
      jest.useFakeTimers();
      const { logger, records } = memoryLogger();
      const end = Promise.withResolvers<void>();
      const running = run(
        async (context) => {
          const answer = hello(context);
          await end.promise;
          return answer;
        },
        {
          ...{ middy, ...setup, options: { logger } },
          context: new MockLambdaContext({ timeoutMs: 10_000 }),
        },
      ).catch(() => {});
      await jest.advanceTimersByTimeAsync(9_749);
      expect(records).toEqual([]);
      await jest.advanceTimersByTimeAsync(1);
      expect(eventsOf(records)).toEqual(events);
      for (const record of records)
        expect(record).toMatchObject({ errorType: "timeout", callId: 1 });
      end.resolve();
      await running;
      expect(steady(records).at(-1)).toMatchObject({
        ...{ event: "invocation-error", errorType: "timeout" },
      });
    },
  );

  test("of invocations side by side is each one's own", async () => {
    const { logger, records } = memoryLogger();
    const handler = middy<object, string, Error, HandlerContext>()
      .use({ ...new MockProvider({ responses: ["Hello"] }).middleware() })
      .use(logging({ logger }))
      .handler(async (_event, context) => hello(context));
    const ids = ["one", "two", "three"];
    await Promise.all(
      ids.map((awsRequestId) =>
        handler({}, new MockLambdaContext({ awsRequestId })),
      ),
    );
    for (const id of ids)
      expect(
        records
          .filter(({ requestId }) => requestId === id)
          .map((one) => [...[one.event, one["callId"] ?? one["calls"]]]),
      ).toEqual([
        ["attempt-end", 1],
        ["call-end", 1],
        ["invocation-end", 1],
      ]);
  });
});

describe("what logging is not told", () => {
  test("a streamed body's failure is printed as it was, when its record is not wanted", async () => {
    const error = jest.spyOn(console, "error").mockReturnValue();
    for (const wanted of [true, false]) {
      const { logger, records } = memoryLogger();
      const response = await run(
        async () => ({
          statusCode: 200,
          body: (async function* () {
            yield "Once";
            throw throttled;
          })(),
        }),
        {
          options: {
            ...{ logger, levels: wanted ? {} : { "body-error": false } },
          },
        },
      );
      const chunks: string[] = [];
      for await (const chunk of response.body) chunks.push(String(chunk));
      expect(chunks[0]).toBe("Once");
      expect(eventsOf(records)).toEqual([
        ...(wanted ? ["body-error"] : []),
        "invocation-end",
      ]);
      expect(error).toHaveBeenCalledTimes(wanted ? 0 : 1);
    }
  });
});

describe("the options of logging", () => {
  const { logger } = memoryLogger();
  test("are all left out, or given", () => {
    for (const options of [
      {},
      { logger, sampleRate: 0.1, levels: { "call-end": "debug" } },
      { logger: console, levels: undefined, content: {} },
      { content: { prompts: true, redact: [String, { erase: String }] } },
      { content: { redact: String, maxTextLength: 1 } },
    ])
      loggingValidateOptions(options);
  });

  test.each<[unknown, string]>([
    [5, "logging: the options must be an object."],
    [
      { loger: logger },
      'logging: there is no option "loger". Options: logger, levels, sampleRate, content.',
    ],
    [
      { logger: { info() {} } },
      'logging: the option "logger" must be a logger with the methods debug, info, warn, error.',
    ],
    [
      { levels: { "call-end": "trace" } },
      'logging: levels: the option "call-end" must be one of debug, info, warn, error, false.',
    ],
    [
      { levels: { call: "info" } },
      'logging: levels: there is no option "call"',
    ],
    [
      { levels: "debug" },
      'logging: the option "levels" must be an object of levels by events, such as { route: false }.',
    ],
    [
      { content: true },
      'logging: the option "content" must be an object, such as { prompts: true, answers: true }.',
    ],
    [
      { sampleRate: 1.5 },
      'logging: the option "sampleRate" must be a number from 0 to 1.',
    ],
    [
      { content: { prompts: "yes" } },
      'logging: content: the option "prompts" must be true or false.',
    ],
    [{ content: { prompt: true } }, 'there is no option "prompt"'],
    [
      { content: { maxTextLength: 0 } },
      'logging: content: the option "maxTextLength" must be a positive integer.',
    ],
    [{ content: { redact: [] } }, 'the option "redact" must be a function'],
    [
      { content: { redact: [String, {}] } },
      'logging: content: the option "redact" must be a function, a data masker with the method erase, or an array of them.',
    ],
  ])("that are wrong are refused once, by name: %#", (options, message) => {
    expect(() => loggingValidateOptions(options)).toThrow(ConfigurationError);
    expect(() => logging(options as LoggingOptions)).toThrow(message);
  });
});
