import { describe, expect, test } from "@jest/globals";
import { InvocationTimeoutError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { aborted, printed } from "../../../test-support/quiet.ts";
import {
  before,
  hangingProvider,
  readText,
  rejection,
  run,
  settled,
  writingProvider,
} from "./support.ts";

describe.each(middyMajors)("a text stream on %s", (_name, middy) => {
  describe("aborts the request", () => {
    test("when the loop is left, and waits for what belongs to the call", async () => {
      const { middleware, write, request } = writingProvider();
      const trace: string[] = [];
      const settle = before(async ({ context }) => {
        invocationOf(context).intercept(
          "call",
          "settle",
          async (given, next) => {
            try {
              return await next(given);
            } finally {
              await settled();
              trace.push("settled");
            }
          },
        );
      });
      await run(middy, [middleware, settle], async ({ stream }) => {
        const answer = stream("Hi");
        await write("a");
        await write("b");
        for await (const text of answer) {
          expect(text).toBe("a");
          break;
        }
        trace.push("left");
        expect((await request).signal?.aborted).toBe(true);
        expect(await rejection(answer.response)).toMatchObject({
          reason: "aborted",
        });
      });
      expect(trace).toEqual(["settled", "left"]);
    });

    test("when an iterator that nobody started is ended", async () => {
      const { middleware, reasons } = hangingProvider();
      await run(middy, [middleware], async ({ stream }) => {
        const iterator = stream("Hi")[Symbol.asyncIterator]();
        expect(await iterator.return?.()).toEqual({
          done: true,
          value: undefined,
        });
        expect(reasons).toEqual([
          expect.objectContaining({ name: "AbortError" }),
        ]);
        expect(await iterator.next()).toEqual({ done: true, value: undefined });
      });
    });

    test("not when the answer was complete", async () => {
      const model = new MockProvider({ responses: [{ pieces: ["a", "b"] }] });
      await run(middy, [model.middleware()], async ({ stream }) => {
        const answer = stream("Hi");
        await answer.response;
        for await (const _text of answer) break;
        expect(await answer.response).toHaveProperty("text", "ab");
      });
      expect(model.calls[0]?.request.signal?.aborted).toBe(false);
    });

    test("when the caller's own signal does", async () => {
      const { middleware } = hangingProvider();
      await run(middy, [middleware], async ({ stream }) => {
        const controller = new AbortController();
        const answer = stream("Hi", undefined, { signal: controller.signal });
        await settled();
        controller.abort();
        expect(await readText(answer)).toEqual([
          expect.objectContaining({ reason: "aborted" }),
        ]);
      });
    });
  });

  test("leaves no rejection unhandled when nobody looks at it", async () => {
    await run(
      middy,
      [new MockProvider({ responses: [new Error("no")] }).middleware()],
      async ({ stream }) => {
        void stream("Hi");
        await settled();
      },
    );
    const { middleware } = hangingProvider();
    await run(middy, [middleware], async ({ stream }) => {
      void stream("Hi");
    });
    await settled();
    expect(printed()).toEqual([aborted(1)]);
  });

  test("answers a read that was waiting when the reader left", async () => {
    const { middleware } = hangingProvider();
    await run(middy, [middleware], async ({ stream }) => {
      const iterator = stream("Hi")[Symbol.asyncIterator]();
      const waiting = iterator.next();
      await iterator.return?.();
      expect(await waiting).toEqual({ done: true, value: undefined });
    });
  });

  test("drops what a model writes after the reader left", async () => {
    const { middleware, write } = writingProvider();
    await run(middy, [middleware], async ({ stream }) => {
      const iterator = stream("Hi")[Symbol.asyncIterator]();
      await settled();
      const left = iterator.return?.();
      await write("late");
      await left;
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
    });
  });

  test("ends at Lambda's deadline", async () => {
    const model = new MockProvider({
      responses: [{ pieces: ["Once", " upon"], pieceDelayMs: 10_000_000 }],
    });
    await run(
      middy,
      [model.middleware()],
      async ({ stream }) => {
        expect(await readText(stream("Hi"))).toEqual([
          expect.any(InvocationTimeoutError),
        ]);
      },
      new MockLambdaContext({ timeoutMs: 520 }),
    );
  });
});
