import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { ReadableStream } from "node:stream/web";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { InvocationTimeoutError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import type { Context as LambdaContext } from "aws-lambda";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  type HandlerContext,
  hangingProvider,
  hangingSource,
  rejection,
  run,
  settled,
} from "./support.ts";

const TIMEOUT =
  "\n[INVOCATION_TIMEOUT] The time was over before the response was complete.\n";

beforeEach(() => {
  jest.useFakeTimers({
    doNotFake: ["nextTick", "setImmediate", "queueMicrotask"],
  });
  jest.spyOn(console, "error").mockReturnValue();
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const closed = (body: Readable) =>
  new Promise((resolve) => body.once("close", resolve));

describe.each(middyMajors)(
  "the end of a streamed body on %s",
  (_name, middy) => {
    const streamed = async (
      source: unknown,
      context: LambdaContext = new MockLambdaContext({ timeoutMs: 10_500 }),
      middleware = new MockProvider().middleware(),
    ) => {
      const flushed = { times: 0 };
      const response = await run(
        middy,
        [middleware],
        async (given: HandlerContext) => {
          invocationOf(given).addFinalizer(() => {
            flushed.times += 1;
          });
          return {
            statusCode: 200,
            body: typeof source === "function" ? source(given) : source,
          };
        },
        context,
      );
      return { body: response.body as Readable, flushed };
    };

    describe("comes at the backstop, between the deadline and the kill,", () => {
      test("with an error record after what was written, and leaves the source", async () => {
        const source = hangingSource("Once");
        const { body, flushed } = await streamed(source.body);
        const reading = text(body);
        await jest.advanceTimersByTimeAsync(10_249);
        expect(flushed.times).toBe(0);
        await jest.advanceTimersByTimeAsync(1);
        expect(await reading).toBe(`Once\n${TIMEOUT}`);
        expect(source.left).toBe(1);
        expect(flushed.times).toBe(1);
      });

      test("and aborts the model's stream", async () => {
        const { middleware, reasons } = hangingProvider();
        const { body } = await streamed(
          ({ stream }: HandlerContext) => stream("Tell a tale"),
          undefined,
          middleware,
        );
        const reading = text(body);
        await jest.advanceTimersByTimeAsync(10_250);
        expect(await reading).toContain(
          "[INVOCATION_TIMEOUT] The time was over",
        );
        expect(reasons).toHaveLength(1);
      });

      test("also when nobody reads it", async () => {
        const source = hangingSource("Once");
        const seen: unknown[] = [];
        const { body, flushed } = await streamed((context: HandlerContext) => {
          invocationOf(context).events.on("body-error", ({ error }) =>
            seen.push(error),
          );
          return source.body;
        });
        await jest.advanceTimersByTimeAsync(10_250);
        expect(flushed.times).toBe(1);
        expect(source.left).toBe(1);
        expect(seen).toEqual([expect.any(InvocationTimeoutError)]);
        expect(await text(body)).toBe(TIMEOUT);
        expect(flushed.times).toBe(1);
      });

      test("also when leaving the source fails", async () => {
        const source = hangingSource("Once");
        const body = {
          [Symbol.asyncIterator]: () => ({
            ...source.body[Symbol.asyncIterator](),
            return: async () => {
              throw new Error("cannot leave");
            },
          }),
        };
        const reading = text((await streamed(body)).body);
        await jest.advanceTimersByTimeAsync(10_250);
        expect(await reading).toBe(`Once\n${TIMEOUT}`);
      });

      test.each([
        ["soon when the deadline is over already", 400, 150],
        ["at once when the backstop is over already", 200, 1],
      ])("%s", async (_when, timeoutMs, waitMs) => {
        const context = new MockLambdaContext({ timeoutMs });
        const { body } = await streamed(hangingSource().body, context);
        const reading = text(body);
        await jest.advanceTimersByTimeAsync(waitMs);
        expect(await reading).toBe(TIMEOUT);
      });

      test.each([
        ["text", async () => " too late"],
        ["a failure", async () => Promise.reject(new Error("too late"))],
      ])(
        "and %s that the source brings afterwards is dropped",
        async (_what, bring) => {
          const gate = Promise.withResolvers<void>();
          async function* source() {
            yield "Once";
            await gate.promise;
            yield await bring();
          }
          const { body } = await streamed(source());
          const reading = text(body);
          await jest.advanceTimersByTimeAsync(10_250);
          gate.resolve();
          expect(await reading).toBe(`Once\n${TIMEOUT}`);
          await settled();
          expect(console.error).toHaveBeenCalledTimes(1);
        },
      );

      test("but a body that ended before has no timer left", async () => {
        const { body } = await streamed(Readable.from(["Once"]));
        expect(await text(body)).toBe("Once");
        expect(jest.getTimerCount()).toBe(0);
      });

      test("but not where there is none, nor when it is months away", async () => {
        for (const deadline of [Number.POSITIVE_INFINITY, Date.now() + 5e9]) {
          const source = (context: HandlerContext) => {
            invocationOf(context).tightenDeadline(deadline);
            return hangingSource("Once").body;
          };
          const { body, flushed } = await streamed(source, {} as LambdaContext);
          await jest.advanceTimersByTimeAsync(60_000);
          expect(flushed.times).toBe(0);
          body.destroy();
          await closed(body);
          expect(flushed.times).toBe(1);
        }
      });
    });

    describe("comes when it is destroyed", () => {
      test.each([
        ["before reading", 0],
        ["while reading", 1],
      ])(
        "%s: the source is left, the finalizers run once, nothing is thrown",
        async (_when, chunks) => {
          const source = hangingSource("Once", " upon");
          const { body, flushed } = await streamed(source.body);
          for (let chunk = 0; chunk < chunks; chunk++)
            await new Promise((resolve) => body.once("data", resolve));
          body.destroy(new Error("The client is gone."));
          await closed(body);
          expect(source.left).toBe(1);
          expect(flushed.times).toBe(1);
          expect(jest.getTimerCount()).toBe(0);
          body.destroy();
          await settled();
          expect(source.left).toBe(1);
          expect(flushed.times).toBe(1);
        },
      );

      test.each([0, 1])(
        "after %d chunks: a Node stream is destroyed",
        async (chunks) => {
          const source = new Readable({ read() {} });
          source.push("Once");
          const { body } = await streamed(source);
          if (chunks > 0)
            await new Promise((resolve) => body.once("data", resolve));
          body.destroy();
          await closed(body);
          expect(source.destroyed).toBe(true);
        },
      );

      test.each([0, 1])(
        "after %d chunks: a web stream is cancelled",
        async (chunks) => {
          let cancelled = 0;
          const source = new ReadableStream({
            pull(controller) {
              controller.enqueue("Once");
            },
            cancel() {
              cancelled += 1;
            },
          });
          const { body } = await streamed(source);
          if (chunks > 0)
            await new Promise((resolve) => body.once("data", resolve));
          body.destroy();
          await closed(body);
          expect(cancelled).toBe(1);
        },
      );

      test.each([0, 1])(
        "after %d chunks: a model's stream is aborted, which is no mistake of the handler's",
        async (chunks) => {
          const warnings = jest.spyOn(process, "emitWarning").mockReturnValue();
          const model = new MockProvider({
            responses: [{ pieces: ["Once", " upon"], pieceDelayMs: 1_000 }],
          });
          const { body } = await streamed(
            ({ stream }: HandlerContext) => stream("Tell a tale"),
            undefined,
            model.middleware(),
          );
          const data = new Promise((resolve) => body.once("data", resolve));
          if (chunks === 0) body.pause();
          else {
            await jest.advanceTimersByTimeAsync(1_000);
            await data;
          }
          body.destroy();
          await closed(body);
          expect(model.calls[0]?.request.signal?.aborted).toBe(true);
          expect(warnings).not.toHaveBeenCalled();
        },
      );

      test("and has no way of being left", async () => {
        const source = hangingSource();
        const { body, flushed } = await streamed({
          [Symbol.asyncIterator]: () => ({
            next: source.body[Symbol.asyncIterator]().next,
          }),
        });
        body.destroy();
        await closed(body);
        expect(flushed.times).toBe(1);
      });
    });

    test("comes with a record when a Node stream fails before anybody reads it", async () => {
      const source = new Readable({ read() {} });
      const { body } = await streamed(source);
      source.destroy(new Error("ENOENT"));
      await settled();
      expect(await text(body)).toBe("\n[INTERNAL] Internal Server Error\n");
    });

    test("comes with the invocation's, when a middleware fails after the handler", async () => {
      const source = new Readable({ read() {} });
      const failing = {
        after: async () => {
          throw new Error("failed");
        },
      };
      const chain = middy<object, unknown, Error, HandlerContext>()
        .use(failing)
        .use(new MockProvider().middleware())
        .handler(async () => ({ statusCode: 200, body: source }));
      await rejection(chain({}, new MockLambdaContext() as HandlerContext));
      expect(source.destroyed).toBe(true);
      expect(jest.getTimerCount()).toBe(0);
      expect(console.error).not.toHaveBeenCalled();
    });
  },
);
