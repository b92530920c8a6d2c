import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { Model } from "@lambdallm/core";
import {
  invocationOf,
  providerMiddleware,
  sleep,
} from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import tracing, { Tracer, type TracingOptions } from "@lambdallm/tracing";
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  type SpanExporter,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { middyMajors } from "../../../test-support/middy.ts";
import { printed } from "../../../test-support/quiet.ts";
import { rejection, run, setUp, tearDown } from "./support.ts";

const REQUEST = { model: Model.CLAUDE_HAIKU_4_5, messages: [] };
const CHAT = `chat ${Model.CLAUDE_HAIKU_4_5}`;

afterEach(() => {
  jest.useRealTimers();
  tearDown();
});

/** Exports when it is asked to, and notes what. */
function exporterOf(onExport: SpanExporter["export"]): SpanExporter {
  return { export: onExport, shutdown: async () => {} };
}

const hanging = () => exporterOf(() => {});

const batched = (exporter: SpanExporter) => ({
  spanProcessors: [
    new BatchSpanProcessor({ exporter, scheduledDelayMillis: 60_000 }),
  ],
});

/** What needs no time has happened. */
async function everythingElse(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await jest.advanceTimersByTimeAsync(0);
}

describe.each(middyMajors)("The spans on %s", (_name, middy) => {
  test("are exported before the invocation has ended, with a provider of its own too", async () => {
    const exporter = new InMemorySpanExporter();
    setUp(batched(exporter));
    await run(middy, ({ invoke }) => invoke("Hello"));
    expect(exporter.getFinishedSpans()).toHaveLength(2);

    const own = new InMemorySpanExporter();
    const provider = new TracerProvider(batched(own));
    await run(middy, ({ invoke }) => invoke("Hello"), {
      options: { provider },
    });
    expect(own.getFinishedSpans()).toHaveLength(2);
    expect(exporter.getFinishedSpans()).toHaveLength(2);
  });

  test.each<
    [what: string, timeoutMs: number, options: TracingOptions, ms: number]
  >([
    ["the time for it", 30_000, { flushTimeoutMs: 100 }, 100],
    ["a second", 30_000, {}, 1_000],
    ["the time that is left", 600, {}, 300],
  ])(
    "that nobody takes hold the answer up for %s, with one warning",
    async (_what, timeoutMs, options, ms) => {
      jest.useFakeTimers();
      setUp(batched(hanging()));
      const answer = run(middy, ({ invoke }) => invoke("Hello"), {
        options,
        context: new MockLambdaContext({ timeoutMs }),
      });
      let isSent = false;
      void answer.then(() => {
        isSent = true;
      });
      await everythingElse();
      await jest.advanceTimersByTimeAsync(ms - 1);
      expect(isSent).toBe(false);
      await jest.advanceTimersByTimeAsync(1);
      expect(await answer).toBe("Mock response");
      expect(printed()).toEqual([
        `LambdaLLMWarning: tracing: the spans were not exported: it took longer than ${ms} ms`,
      ]);
      await jest.advanceTimersByTimeAsync(60_000);
    },
  );

  test("are left to others where nobody is to wait", async () => {
    const exporter = new InMemorySpanExporter();
    const { provider } = setUp(batched(exporter));
    await run(middy, ({ invoke }) => invoke("Hello"), {
      options: { flushTimeoutMs: 0 },
    });
    expect(exporter.getFinishedSpans()).toEqual([]);
    await provider.forceFlush();
    expect(exporter.getFinishedSpans()).toHaveLength(2);
  });

  const forever = () => new Promise<never>(() => {});

  /** A call that never ends by itself, in an invocation of ten seconds. */
  const hangingCall = (after: () => Promise<string>) =>
    run(
      middy,
      async ({ invoke }) => {
        await rejection(invoke("Hello"));
        return after();
      },
      {
        context: new MockLambdaContext({ timeoutMs: 10_000 }),
        middlewares: [
          {
            before: async ({ context }) => {
              invocationOf(context).intercept("attempt", "store", forever);
            },
          },
        ],
      },
    );

  test("that cannot be exported are told of once", async () => {
    jest.useFakeTimers();
    let exports = 0;
    const failing = exporterOf((_spans, done) => {
      exports += 1;
      done({ code: 1, error: new Error("no collector") });
    });
    setUp(batched(failing));
    const tracer = new Tracer();
    // Shortly before the timeout, and at the end.
    const answer = hangingCall(async () => {
      await sleep(20);
      tracer.span("more", () => undefined);
      return "answered";
    });
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await answer).toBe("answered");
    expect(exports).toBe(2);
    expect(printed()).toEqual([
      "LambdaLLMWarning: tracing: the spans were not exported: Error: no collector",
    ]);
  });

  test("of a call that hangs are ended and exported before the process is killed", async () => {
    jest.useFakeTimers();
    const exporter = new InMemorySpanExporter();
    setUp(batched(exporter));
    // What comes after it does not end either, as long as the test runs.
    const { promise, resolve } = Promise.withResolvers<string>();
    const answer = hangingCall(() => promise);
    await jest.advanceTimersByTimeAsync(9_990);
    const spans = exporter.getFinishedSpans();
    expect(spans.map(({ name }) => name)).toEqual([CHAT]);
    expect(spans[0]?.attributes["error.type"]).toBe("timeout");
    resolve("late");
    await everythingElse();
    await answer;
  });

  test("of a provider that hangs are ended, those of the attempt too", async () => {
    jest.useFakeTimers();
    const sdk = setUp();
    const { promise, resolve } = Promise.withResolvers<never>();
    const provider = Object.assign(new MockProvider(), { call: () => promise });
    const running = run(
      middy,
      async ({ invoke }) => {
        await rejection(invoke("Hello"));
        // Too late: nobody waits for it any more.
        resolve(Object(await new MockProvider().call(REQUEST)) as never);
        await sleep(1);
      },
      {
        model: {
          middleware: () =>
            providerMiddleware({
              provider,
              defaults: { model: Model.CLAUDE_HAIKU_4_5 },
            }),
        },
        context: new MockLambdaContext({ timeoutMs: 10_000 }),
      },
    );
    await jest.advanceTimersByTimeAsync(20_000);
    await running;
    expect(sdk.tree()).toEqual([`>${CHAT}!`, "  attempt!"]);
    expect(sdk.spans.map(({ attributes }) => attributes["error.type"])).toEqual(
      ["timeout", "timeout"],
    );
  });
});

describe("The options", () => {
  test.each<[options: unknown, words: string]>([
    [{ provider: {} }, '"provider" must be a TracerProvider'],
    [{ captureContent: "yes" }, '"captureContent" must be true, false or'],
    [{ suppressSdkSpans: 1 }, '"suppressSdkSpans" must be true or false'],
    [{ flushTimeoutMs: -1 }, '"flushTimeoutMs" must be a whole number'],
    [{ flush: 1 }, 'no option "flush"'],
  ])("are checked at cold start: %j", (options, words) => {
    expect(() => tracing(options as TracingOptions)).toThrow(words);
  });
});
