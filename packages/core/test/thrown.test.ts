import { describe, expect, jest, test } from "@jest/globals";
import { ConfigurationError, ModelInvocationError } from "@lambdallm/core";
import {
  invocationOf,
  type ModelRequest,
  type ProviderResponse,
} from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { answerOf, before, PRICED, providerOf, run } from "./support.ts";

const messages = [{ role: "user", content: [{ text: "Hi" }] }] as const;

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error("hands off");
    },
    getPrototypeOf: () => {
      throw new Error("hands off");
    },
  },
);

const THROWN: readonly (readonly [string, unknown])[] = [
  ["an Error", new Error("mine")],
  ["an error of the suite", new ConfigurationError("mine")],
  [
    "an error that looks like a model's",
    new ModelInvocationError("mine", {
      reason: "connection",
      model: PRICED,
      billed: "unknown",
      partial: answerOf("not this call's"),
    }),
  ],
  ["null", null],
  ["undefined", undefined],
  ["a text", "text"],
  ["0", 0],
  ["a frozen object", Object.freeze({})],
  ["an object without a prototype", Object.create(null)],
  ["a proxy that throws", hostile],
];

/** What a promise was rejected with, in an object: a promise would look at it otherwise. */
const caught = (promise: Promise<unknown>): Promise<{ thrown: unknown }> =>
  promise.then(
    () => {
      throw new Error("The promise was not rejected.");
    },
    (thrown: unknown) => ({ thrown }),
  );

/** As providers do: what has arrived is the bill of an attempt that failed. */
const reporting = (
  answer: (request: ModelRequest) => void,
  partial?: ProviderResponse,
) =>
  providerOf(async (request) => {
    try {
      answer(request);
    } catch (error) {
      // They look at what they have caught.
      expect(error).toBeInstanceOf(Error);
      throw new ModelInvocationError("It broke off.", {
        reason: "interrupted",
        model: PRICED,
        billed: "partial",
        ...(partial && { partial }),
      });
    }
    return answerOf("whole");
  });

describe.each(middyMajors)("an observer on %s", (_name, middy) => {
  describe.each(THROWN)("that throws %s", (_what, thrown) => {
    const onDelta = () => {
      throw thrown;
    };

    test("ends the call with that, and what the attempt had used until then counts", async () => {
      const partial = answerOf("so far");
      const provider = reporting(
        (request) => request.onDelta?.({ kind: "text", text: "so far" }),
        partial,
      );
      const errors: unknown[] = [];
      const listening = before(async ({ context }) => {
        const { events } = invocationOf(context);
        events.on("attempt-error", ({ error }) => errors.push(error));
        events.on("call-error", ({ error }) => errors.push(error));
      });
      await run(middy, [provider, listening], async (context) => {
        const call = context.converse({ messages, onDelta });
        // Nothing is asked of it: some of these throw when they are looked at.
        expect(Object.is((await caught(call)).thrown, thrown)).toBe(true);
        expect(context.metrics).toMatchObject({
          calls: 1,
          failedAttempts: 1,
          knownCostUsd: 0.00002,
          usage: partial.usage,
        });
      });
      expect(errors.map((error) => error === thrown)).toEqual([true, true]);
    });

    test("makes the totals an estimate where the provider does not say what was used", async () => {
      const model = new MockProvider({ responses: ["Hello"] });
      const unsaid = reporting((request) =>
        request.onDelta?.({ kind: "text", text: "so far" }),
      );
      for (const provider of [model.middleware(), unsaid])
        await run(middy, [provider], async (context) => {
          const call = context.converse({ messages, onDelta });
          expect(Object.is((await caught(call)).thrown, thrown)).toBe(true);
          expect(context.usage.estimated).toBe(true);
          expect(context.metrics.failedAttempts).toBe(1);
        });
    });

    test("from onActivity ends the call with that, too", async () => {
      const partial = answerOf("so far");
      const provider = reporting(({ onActivity }) => onActivity?.(), partial);
      const watching = before(async ({ context }) => {
        invocationOf(context).intercept(
          "limit",
          "watch",
          async (request, next) =>
            next({
              ...request,
              onActivity: () => {
                throw thrown;
              },
            }),
        );
      });
      await run(middy, [provider, watching], async (context) => {
        const call = context.converse({ messages });
        expect(Object.is((await caught(call)).thrown, thrown)).toBe(true);
        expect(context.usage).toEqual(partial.usage);
      });
    });

    test("from onResponse fails the call with that, and the answer counts", async () => {
      const model = new MockProvider({ responses: ["Hello"] });
      await run(middy, [model.middleware()], async (context) => {
        const call = context.invoke("Hi", undefined, { onResponse: onDelta });
        expect(Object.is((await caught(call)).thrown, thrown)).toBe(true);
        expect(context.metrics).toMatchObject({ calls: 1, failedAttempts: 0 });
        expect(context.usage.outputTokens).toBeGreaterThan(0);
      });
    });
  });

  test("of the activity of a stream hears every event, and deltas only where they are asked for", async () => {
    const heard: string[] = [];
    const provider = providerOf(async ({ onActivity, onDelta }) => {
      onActivity?.();
      onActivity?.();
      onDelta?.({ kind: "text", text: "a" });
      return answerOf("a");
    });
    const watching = before(async ({ context }) => {
      invocationOf(context).intercept("limit", "watch", async (request, next) =>
        next({ ...request, onActivity: () => void heard.push("activity") }),
      );
    });
    await run(middy, [provider, watching], async (context) => {
      const onDelta = () => void heard.push("delta");
      await context.converse({ messages, onDelta });
      await context.converse({ messages, onDelta, deltas: ["tool"] });
    });
    expect(heard).toEqual([
      "activity",
      "activity",
      "delta",
      "activity",
      "activity",
    ]);
  });

  test.each(THROWN)(
    "of events that throws %s is told by a process warning, and changes nothing",
    async (_what, thrown) => {
      const warnings = jest.spyOn(process, "emitWarning").mockReturnValue();
      const listening = before(async ({ context }) => {
        const { events } = invocationOf(context);
        events.on("attempt-end", () => {
          throw thrown;
        });
        events.on("call-end", async () => {
          throw thrown;
        });
      });
      const answer = await run(
        middy,
        [new MockProvider().middleware(), listening],
        ({ invoke }) => invoke("Hi"),
      );
      expect(answer).toBe("Mock response");
      expect(warnings).toHaveBeenCalledTimes(2);
      expect(warnings.mock.calls[0]?.[0]).toMatch(
        /^A listener of "attempt-end" failed: (mine|null|undefined|text|0|\[object Object\]|something that has no text)$/,
      );
      warnings.mockRestore();
    },
  );
});

describe.each(middyMajors)("a handler on %s", (_name, middy) => {
  test.each(THROWN)(
    "that throws %s ends its invocation like any other",
    async (_what, thrown) => {
      let closed = false;
      const finalizing = before(async ({ context }) => {
        invocationOf(context).addFinalizer(() => {
          closed = true;
        });
      });
      const failed = await caught(
        run(middy, [new MockProvider().middleware(), finalizing], async () => {
          throw thrown;
        }),
      );
      expect(Object.is(failed.thrown, thrown)).toBe(true);
      expect(closed).toBe(true);
    },
  );
});
