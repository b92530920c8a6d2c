import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { toResponseBody } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import {
  MockLambdaContext,
  MockProvider,
  type MockResponse,
} from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { NOT_WAITED_FOR, printed } from "../../../test-support/quiet.ts";
import { type HandlerContext, run, settled } from "./support.ts";

const TIMEOUT_MS = 10_500;
/** Half a second before the kill. */
const DEADLINE_MS = 10_000;

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

/** Writes a word a second. */
const slow: MockResponse = {
  pieces: Array.from({ length: 60 }, (_, index) => `${index} `),
  pieceDelayMs: 1_000,
};

describe.each(middyMajors)("a streamed body on %s", (_name, middy) => {
  const respond = async (
    handler: (context: HandlerContext) => AsyncIterable<string>,
    { answer = slow }: { answer?: MockResponse } = {},
  ): Promise<Readable> => {
    const model = new MockProvider({ responses: [answer] });
    const { body } = await run(
      middy,
      [model.middleware()],
      async (context) =>
        ({ body: handler(context) }) as unknown as { body: Readable },
      new MockLambdaContext({ timeoutMs: TIMEOUT_MS }),
    );
    return body;
  };

  const tell =
    (
      strategy: "fail-fast" | "truncate",
      format: "text" | "sse" | "ndjson" = "ndjson",
    ) =>
    (context: HandlerContext) => {
      invocationOf(context).timeoutStrategy = strategy;
      return toResponseBody(context.stream("Tell a tale"), { format });
    };

  describe("whose model still writes at the deadline", () => {
    test("ends with what had arrived, and says so, where answers are truncated", async () => {
      const reading = text(await respond(tell("truncate")));
      await jest.advanceTimersByTimeAsync(DEADLINE_MS);
      const records = (await reading).trimEnd().split("\n");
      expect(records.slice(0, -1).map((line) => JSON.parse(line))).toEqual(
        Array.from({ length: records.length - 1 }, (_, index) => ({
          text: `${index} `,
        })),
      );
      expect(records.length).toBeGreaterThan(5);
      expect(records.at(-1)).toBe('{"done":{"stopReason":"timeout"}}');
      expect(jest.getTimerCount()).toBe(0);
    });

    test("is the text so far as text", async () => {
      const reading = text(await respond(tell("truncate", "text")));
      await jest.advanceTimersByTimeAsync(DEADLINE_MS);
      expect(await reading).toMatch(/^(\d+ )+$/);
    });

    test("ends with the error of its stream where they are not", async () => {
      const seen: unknown[] = [];
      const reading = text(
        await respond((context) => {
          invocationOf(context).events.on("body-error", ({ error }) =>
            seen.push(error),
          );
          return tell("fail-fast")(context);
        }),
      );
      await jest.advanceTimersByTimeAsync(DEADLINE_MS);
      expect(await reading).toMatch(
        /\n\{"error":\{"code":"INVOCATION_TIMEOUT","message":"The model .* had not answered .*"\}\}\n$/,
      );
      // That of the stream, with the text so far for whoever logs it.
      expect(seen).toEqual([
        expect.objectContaining({
          partial: expect.objectContaining({ stopReason: "timeout" }),
        }),
      ]);
    });

    test("ends with an error where nothing had arrived", async () => {
      const reading = text(
        await respond(tell("truncate", "sse"), {
          answer: { text: "late", delayMs: Number.POSITIVE_INFINITY },
        }),
      );
      await jest.advanceTimersByTimeAsync(DEADLINE_MS);
      expect(await reading).toMatch(
        /^event: error\ndata: \{"code":"INVOCATION_TIMEOUT"/,
      );
    });

    test("ends with an error where objects grow, in either strategy", async () => {
      for (const strategy of ["fail-fast", "truncate"] as const) {
        const body = await respond(
          (context) => {
            invocationOf(context).timeoutStrategy = strategy;
            return toResponseBody(
              context.streamStructured("List", { a: ["string"] }),
              { format: "ndjson" },
            );
          },
          { answer: { pieces: ['{"a":["b', '"]', "}"], pieceDelayMs: 6_000 } },
        );
        const reading = text(body);
        await jest.advanceTimersByTimeAsync(DEADLINE_MS);
        expect(await reading).toMatch(
          /^\{"object":\{"a":\["b"\]\}\}\n\{"error":\{"code":"INVOCATION_TIMEOUT",/,
        );
      }
    });
  });

  test.each(["fail-fast", "truncate"] as const)(
    "has all of its %s record before the kill, also when a finalizer hangs",
    async (strategy) => {
      const trace: string[] = [];
      const body = await respond((context) => {
        invocationOf(context).addFinalizer(() => new Promise(() => {}));
        return tell(strategy)(context);
      });
      body.on("data", (chunk) => trace.push(String(chunk)));
      body.on("end", () => trace.push("end"));
      await jest.advanceTimersByTimeAsync(DEADLINE_MS);
      await settled();
      expect(trace.at(-1)).toContain(
        strategy === "truncate" ? '"stopReason":"timeout"' : '{"error":',
      );
      await jest.advanceTimersByTimeAsync(TIMEOUT_MS - DEADLINE_MS - 1);
      expect(trace.at(-1)).toBe("end");
      expect(printed()).toEqual([NOT_WAITED_FOR]);
    },
  );

  test("that hangs has its record and its finalizers before the kill, and ends there when they hang, too", async () => {
    const trace: string[] = [];
    const body = await respond((context) => {
      const invocation = invocationOf(context);
      invocation.addFinalizer(() => new Promise(() => {}));
      invocation.addFinalizer(async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        trace.push("flushed");
      });
      async function* hanging() {
        yield "Once";
        await new Promise(() => {});
      }
      return hanging();
    });
    body.on("data", (chunk) => trace.push(String(chunk)));
    body.on("end", () => trace.push("end"));
    await jest.advanceTimersByTimeAsync(TIMEOUT_MS - 1);
    expect(trace).toEqual([
      "Once",
      "\n\n[INVOCATION_TIMEOUT] The time was over before the response was complete.\n",
      "flushed",
      "end",
    ]);
    expect(printed()).toEqual([NOT_WAITED_FOR]);
  });

  test("that is destroyed closes although its source cannot be left", async () => {
    const body = await respond(() => {
      async function* hanging() {
        yield "Once";
        await new Promise(() => {});
      }
      return toResponseBody(hanging(), { format: "text" });
    });
    await new Promise((resolve) => body.once("data", resolve));
    await settled();
    const closed = new Promise((resolve) => body.once("close", resolve));
    body.destroy();
    expect(await closed).toBeUndefined();
  });

  test.each(["text", "ndjson"] as const)(
    "that is not read does not hold up the model: %s",
    async (format) => {
      const ended: string[] = [];
      const pieces = Array.from({ length: 200 }, () => "z".repeat(1_000));
      const body = await respond(
        (context) => {
          invocationOf(context).events.on("call-end", ({ response }) =>
            ended.push(response.stopReason),
          );
          return toResponseBody(context.stream("Tell a tale"), { format });
        },
        { answer: { pieces, pieceDelayMs: 10 } },
      );
      // Fills its buffer and takes nothing out.
      body.read(0);
      await jest.advanceTimersByTimeAsync(2_000);
      expect(ended).toEqual(["end_turn"]);
      expect(body.readableLength).toBeGreaterThan(0);
      expect(body.readableLength).toBeLessThan(100_000);
      const received = await text(body);
      expect(received.match(/z/g)).toHaveLength(200_000);
      if (format === "ndjson")
        expect(received).toMatch(/\n\{"done":\{"stopReason":"end_turn"\}\}\n$/);
    },
  );
});
