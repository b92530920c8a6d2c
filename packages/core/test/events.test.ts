import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ModelInvocationError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  before,
  type HandlerContext,
  PRICED,
  rejection,
  run,
} from "./support.ts";

const NAMES = [
  "call-start",
  "call-end",
  "call-error",
  "attempt-start",
  "attempt-end",
  "attempt-error",
] as const;

afterEach(() => {
  jest.restoreAllMocks();
});

describe.each(middyMajors)(
  "the events of an invocation on %s",
  (_name, middy) => {
    /** Each event as its name, its call and its attempt. */
    const eventsOf = async (
      model: MockProvider,
      handler: (context: HandlerContext) => Promise<unknown>,
    ) => {
      const seen: string[] = [];
      const observer = before(async ({ context }) => {
        const { events } = invocationOf(context);
        for (const name of NAMES)
          events.on(name, (event) => {
            const attempt = "attempt" in event ? `.${event.attempt}` : "";
            seen.push(`${name} ${event.callId}${attempt}`);
          });
      });
      const retry = before(async ({ context }) => {
        invocationOf(context).intercept(
          "retry",
          "retry",
          async (request, next) => next(request).catch(() => next(request)),
        );
      });
      await run(middy, [model.middleware(), observer, retry], handler);
      return seen;
    };

    test("come in order, with the number of the call and of the attempt", async () => {
      const model = new MockProvider({
        responses: ["one", new Error("two"), "two", new Error("three")],
      });
      const seen = await eventsOf(model, async ({ invoke }) => {
        await invoke("One");
        await invoke("Two");
        await rejection(invoke("Three"));
      });
      expect(seen).toEqual([
        "call-start 1",
        "attempt-start 1.1",
        "attempt-end 1.1",
        "call-end 1",
        "call-start 2",
        "attempt-start 2.1",
        "attempt-error 2.1",
        "attempt-start 2.2",
        "attempt-end 2.2",
        "call-end 2",
        "call-start 3",
        "attempt-start 3.1",
        "attempt-error 3.1",
        "attempt-start 3.2",
        "attempt-error 3.2",
        "call-error 3",
      ]);
    });

    test("tell two calls apart that run at the same time", async () => {
      const model = new MockProvider({ responses: [async () => "answer"] });
      const seen = await eventsOf(model, async ({ invoke }) =>
        Promise.all([invoke("One"), invoke("Two")]),
      );
      expect(seen.filter((event) => event.startsWith("call"))).toEqual([
        "call-start 1",
        "call-start 2",
        "call-end 1",
        "call-end 2",
      ]);
    });

    test("carry the request, the response with its cost, the error and the time", async () => {
      jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask"] });
      const failure = new Error("no");
      const model = new MockProvider({
        responses: [
          { text: "answer", delayMs: 250 },
          async () => {
            jest.advanceTimersByTime(40);
            throw failure;
          },
        ],
      });
      const seen: unknown[] = [];
      const observer = before(async ({ context }) => {
        const { events } = invocationOf(context);
        events.on("call-end", (event) => seen.push(event));
        events.on("call-error", (event) => seen.push(event));
        events.on("attempt-error", ({ error }) => seen.push(error));
      });
      await run(middy, [model.middleware(), observer], async ({ invoke }) => {
        const answer = invoke("Hi");
        await jest.advanceTimersByTimeAsync(250);
        await answer;
        await rejection(invoke("Ho"));
      });
      jest.useRealTimers();
      expect(seen).toEqual([
        {
          callId: 1,
          request: expect.objectContaining({ model: PRICED }),
          response: expect.objectContaining({
            text: "answer",
            latencyMs: 250,
            // A token of 1 USD and two of 5 USD a million.
            costUsd: 0.000011,
          }),
          provider: model,
          totals: expect.objectContaining({ attempts: 1, failedAttempts: 0 }),
          durationMs: 250,
        },
        failure,
        {
          callId: 2,
          request: expect.objectContaining({
            messages: [{ role: "user", content: [{ text: "Ho" }] }],
          }),
          error: failure,
          provider: model,
          totals: expect.objectContaining({ attempts: 1, failedAttempts: 1 }),
          durationMs: 40,
        },
      ]);
    });

    test("include the reason of a call that was aborted", async () => {
      const model = new MockProvider();
      const errors: unknown[] = [];
      const observer = before(async ({ context }) => {
        invocationOf(context).events.on("call-error", ({ error }) => {
          errors.push(error);
        });
      });
      await run(middy, [model.middleware(), observer], async ({ invoke }) => {
        const signal = AbortSignal.abort();
        await rejection(invoke("Hi", undefined, { signal }));
      });
      expect(errors).toEqual([expect.any(ModelInvocationError)]);
    });

    test("reach every listener until it unsubscribes", async () => {
      const model = new MockProvider();
      await run(middy, [model.middleware()], async (context) => {
        const { events } = invocationOf(context);
        const seen: string[] = [];
        const off = events.on("call-start", () => seen.push("first"));
        events.on("call-start", () => seen.push("second"));
        await context.invoke("Hi");
        off();
        off();
        await context.invoke("Hi");
        expect(seen).toEqual(["first", "second", "second"]);
      });
    });

    test("reach every listener, also when one of them ends its own subscription", async () => {
      await run(middy, [new MockProvider().middleware()], async (context) => {
        const { events } = invocationOf(context);
        const seen: string[] = [];
        const off = events.on("call-start", () => {
          seen.push("once");
          off();
        });
        events.on("call-start", () => seen.push("each time"));
        await context.invoke("Hi");
        await context.invoke("Hi");
        expect(seen).toEqual(["once", "each time", "each time"]);
      });
    });

    test("of other packages are heard by their names", async () => {
      await run(middy, [new MockProvider().middleware()], async (context) => {
        const { events } = invocationOf(context);
        const seen: unknown[] = [];
        events.onForeign(new Set(["one", "two"]), ({ count }, name) => {
          seen.push([name, count]);
        });
        // As their package would declare it.
        const emit = (name: string, event: unknown) =>
          events.emit(name as never, event as never);
        expect(emit("one", { count: 1 })).toBe(true);
        expect(emit("two", undefined)).toBe(true);
        expect(emit("three", { count: 3 })).toBe(false);
        expect(seen).toEqual([
          ["one", 1],
          ["two", undefined],
        ]);
      });
    });

    test("turn the rejections of an async listener into one process warning", async () => {
      const warnings = jest.spyOn(process, "emitWarning").mockReturnValue();
      await run(middy, [new MockProvider().middleware()], async (context) => {
        invocationOf(context).events.on("attempt-end", async () => {
          throw new Error("late");
        });
        await context.invoke("Hi");
        await context.invoke("Hi");
      });
      expect(warnings.mock.calls).toEqual([
        [`A listener of "attempt-end" failed: late`, "LambdaLLMWarning"],
      ]);
    });

    test.each([
      ["an error", new Error("listener"), "listener"],
      ["something else", "a string", "a string"],
      ["what has no text", Object.create(null), "something that has no text"],
    ])(
      "turn %s of a listener into a process warning and nothing more",
      async (_what, thrown, text) => {
        const warnings = jest.spyOn(process, "emitWarning").mockReturnValue();
        const seen: string[] = [];
        const answer = await run(
          middy,
          [
            new MockProvider().middleware(),
            before(async ({ context }) => {
              const { events } = invocationOf(context);
              events.on("attempt-end", () => {
                throw thrown;
              });
              events.on("attempt-end", () => seen.push("the next one"));
            }),
          ],
          async ({ invoke }) => invoke("Hi"),
        );
        expect(answer).toBe("Mock response");
        expect(seen).toEqual(["the next one"]);
        expect(warnings.mock.calls).toEqual([
          [`A listener of "attempt-end" failed: ${text}`, "LambdaLLMWarning"],
        ]);
      },
    );
  },
);
