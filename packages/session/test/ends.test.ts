import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ModelInvocationError, StoreError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import { type Session, summary } from "@lambdallm/session";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  before,
  type HandlerContext,
  KEY,
  providerOf,
  rejection,
  run,
  storedMessages,
  storeWith,
} from "./support.ts";

afterEach(() => {
  jest.restoreAllMocks();
});

/** Far longer than a test may take: who waits for it has waited for too long. */
const inAMinute = () => new MockLambdaContext({ timeoutMs: 60_000 });

const forever = () => new Promise<never>(() => {});

/** A store in which another invocation has the lock, and a promise of somebody's asking for it. */
async function locked() {
  const base = memoryStores();
  await base.sessions.lock(KEY, { owner: "other", leaseMs: 3_600_000 });
  const asked = Promise.withResolvers<void>();
  const store = storeWith(
    ({ lock }) => ({
      lock: async (...given) => {
        const taken = await lock(...given);
        asked.resolve();
        return taken;
      },
    }),
    base,
  );
  return { store, asked: asked.promise };
}

/** A store that somebody else always writes to first, once the question is stored in it. */
function contended() {
  const base = memoryStores();
  const tried = Promise.withResolvers<void>();
  const store = storeWith(
    ({ append, load }) => ({
      append: async (key, turn) => {
        const { next } = await load(key);
        await append(key, {
          first: next,
          messages: [{ role: "user", content: [{ text: "Other" }] }],
          writeId: `other/${next}`,
        });
        tried.resolve();
        return append(key, turn);
      },
    }),
    base,
  );
  return { store, tried: tried.promise };
}

/** A store whose method never answers, and a promise of its being asked. */
function hanging(method: "load" | "append" | "unlock" | "saveSummary") {
  const asked = Promise.withResolvers<void>();
  const store = storeWith(() => ({
    [method]: async () => {
      asked.resolve();
      return forever();
    },
  }));
  return { store, asked: asked.promise };
}

describe.each(middyMajors)("a turn, on %s", (_name, middy) => {
  const inLock = { conflict: "lock" } as const;
  const options = () => ({ middy, context: inAMinute() });

  describe("that waits for the lock", () => {
    test("ends at once with the caller's signal, and nothing is asked or stored", async () => {
      const { store, asked } = await locked();
      const model = new MockProvider();
      const reason = new Error("enough");
      const error = await run(
        async ({ chat }) => {
          const controller = new AbortController();
          const { signal } = controller;
          const answer = rejection(chat("Hi", { signal }));
          await asked;
          controller.abort(reason);
          return answer;
        },
        { ...options(), store, model, session: inLock },
      );
      expect(error).toBeInstanceOf(ModelInvocationError);
      expect(error).toMatchObject({
        reason: "aborted",
        billed: "none",
        cause: reason,
      });
      expect(model.calls).toEqual([]);
      expect(await storedMessages(store)).toEqual([]);
    });

    test("ends at once when the reader leaves its stream", async () => {
      const { store, asked } = await locked();
      await run(
        async ({ chatStream }) => {
          const stream = chatStream("Hi");
          await asked;
          await stream[Symbol.asyncIterator]().return?.();
          expect(await rejection(stream.response)).toHaveProperty(
            "reason",
            "aborted",
          );
        },
        { ...options(), store, session: inLock },
      );
      expect(await storedMessages(store)).toEqual([]);
    });

    test("does not hold back the error of a handler that throws", async () => {
      const { store, asked } = await locked();
      const failure = new Error("no");
      const answers: Promise<unknown>[] = [];
      const error = await rejection(
        run(
          async ({ chat }) => {
            answers.push(rejection(chat("Hi")));
            await asked;
            throw failure;
          },
          { ...options(), store, session: inLock },
        ),
      );
      expect(error).toBe(failure);
      expect(await answers[0]).toMatchObject({ reason: "aborted" });
    });

    test("gives back a lock that it gets after its end", async () => {
      const base = memoryStores();
      const asked = Promise.withResolvers<void>();
      const granted = Promise.withResolvers<void>();
      const store = storeWith(
        ({ lock }) => ({
          lock: async (...given) => {
            asked.resolve();
            await granted.promise;
            return lock(...given);
          },
        }),
        base,
      );
      await run(
        async ({ chat }) => {
          const controller = new AbortController();
          const { signal } = controller;
          const answer = rejection(chat("Hi", { signal }));
          await asked.promise;
          controller.abort();
          granted.resolve();
          expect(await answer).toHaveProperty("reason", "aborted");
        },
        { ...options(), store, session: inLock },
      );
      const owner = { owner: "next", leaseMs: 1_000 };
      expect(await base.sessions.lock(KEY, owner)).toBeDefined();
    });

    test.each([
      ["fails", async () => Promise.reject(new Error("no"))],
      ["never answers", forever],
    ])(
      "ends soon when the store %s after its end",
      async (_what, answerLock) => {
        const warnings = jest.spyOn(process, "emitWarning");
        warnings.mockImplementation(() => {});
        const asked = Promise.withResolvers<void>();
        const ended = Promise.withResolvers<void>();
        const store = storeWith(() => ({
          lock: async () => {
            asked.resolve();
            await ended.promise;
            return answerLock();
          },
        }));
        await run(
          async ({ chat }) => {
            const controller = new AbortController();
            const { signal } = controller;
            const answer = rejection(chat("Hi", { signal }));
            await asked.promise;
            controller.abort();
            ended.resolve();
            expect(await answer).toHaveProperty("reason", "aborted");
          },
          { ...options(), store, session: inLock },
        );
      },
    );
  });

  test("that is answered ends soon when the lock cannot be given back", async () => {
    const warned = jest.spyOn(process, "emitWarning");
    warned.mockImplementation(() => {});
    const { store, asked } = hanging("unlock");
    await run(
      async ({ chat }) => {
        const controller = new AbortController();
        const answer = chat("Hi", { signal: controller.signal });
        await asked;
        controller.abort();
        expect(await answer).toBe("Mock response");
      },
      { ...options(), store, session: inLock },
    );
    expect(warned.mock.calls.map(([text]) => String(text))).toEqual([
      expect.stringContaining("The lock of a session could not be given back"),
    ]);
  });

  test("that reads its history ends at once with the caller's signal", async () => {
    const { store, asked } = hanging("load");
    await run(
      async ({ chat }) => {
        const controller = new AbortController();
        const answer = rejection(chat("Hi", { signal: controller.signal }));
        await asked;
        controller.abort();
        expect(await answer).toHaveProperty("reason", "aborted");
      },
      { ...options(), store },
    );
  });

  test("that was ended before it began is not asked for, and leaves nothing behind", async () => {
    const store = memoryStores();
    const model = new MockProvider();
    await run(
      async ({ chat, session }) => {
        const signal = AbortSignal.abort();
        const error = await rejection(chat("Hi", { signal }));
        expect(error).toMatchObject({ reason: "aborted", billed: "none" });
        expect(await chat("Once more")).toBe("Mock response");
        expect(session.messages).toHaveLength(2);
      },
      { ...options(), store, model },
    );
    expect(model.calls).toHaveLength(1);
  });

  test("that waits for another ends at once, and the one behind it waits on", async () => {
    const store = memoryStores();
    const released = Promise.withResolvers<void>();
    const provider = providerOf(async ({ messages }) => {
      if (messages.length === 1) await released.promise;
      return answerOf(`Answer ${messages.length}`);
    });
    await run(
      async ({ chat }) => {
        const controller = new AbortController();
        const first = chat("First");
        const second = rejection(chat("Second", { signal: controller.signal }));
        const third = chat("Third");
        controller.abort();
        expect(await second).toHaveProperty("reason", "aborted");
        released.resolve();
        expect(await Promise.all([first, third])).toEqual([
          "Answer 1",
          "Answer 3",
        ]);
      },
      { ...options(), store, provider },
    );
    expect(await storedMessages(store)).toEqual([
      "user: First",
      "assistant: Answer 1",
      "user: Third",
      "assistant: Answer 3",
    ]);
  });

  test("whose answer cannot be written because of others ends soon after its caller", async () => {
    const { store, tried } = contended();
    await run(
      async ({ chat }) => {
        const controller = new AbortController();
        const answer = rejection(chat("Hi", { signal: controller.signal }));
        await tried;
        controller.abort();
        const error = await answer;
        expect(error).toBeInstanceOf(StoreError);
        expect(error).toMatchObject({ reason: "timeout", operation: "append" });
      },
      { ...options(), store },
    );
  });

  test("whose answer cannot be written because of others does not hold back the error of a handler that throws", async () => {
    const { store, tried } = contended();
    const failure = new Error("no");
    const error = await rejection(
      run(
        async ({ chat }) => {
          void chat("Hi");
          await tried;
          throw failure;
        },
        { ...options(), store },
      ),
    );
    expect(error).toBe(failure);
  });

  test("whose model was aborted ends soon when the store hangs", async () => {
    const { store, asked } = hanging("append");
    const begun = Promise.withResolvers<void>();
    const provider = providerOf(async ({ signal, onDelta }) => {
      onDelta?.({ kind: "text", text: "Once" });
      begun.resolve();
      return new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      });
    });
    await run(
      async ({ chatStream }) => {
        const stream = chatStream("A story");
        await begun.promise;
        await stream[Symbol.asyncIterator]().return?.();
        await asked;
        const error = await rejection(stream.response);
        expect(error).toMatchObject({ reason: "timeout", operation: "append" });
      },
      { ...options(), store, provider },
    );
  });

  test("that is over is stored also when the handler throws meanwhile", async () => {
    const base = memoryStores();
    const writing = Promise.withResolvers<void>();
    const written = Promise.withResolvers<void>();
    const store = storeWith(
      ({ append }) => ({
        append: async (...given) => {
          writing.resolve();
          await written.promise;
          return append(...given);
        },
      }),
      base,
    );
    await rejection(
      run(
        async ({ chat }) => {
          void chat("Hi");
          await writing.promise;
          setTimeout(written.resolve, 20);
          throw new Error("no");
        },
        { ...options(), store },
      ),
    );
    expect(await storedMessages(store)).toEqual([
      "user: Hi",
      "assistant: Mock response",
    ]);
  });

  test("that is over does not wait for a summary when its caller does not", async () => {
    const store = memoryStores();
    const begun = Promise.withResolvers<void>();
    const failures: unknown[] = [];
    const provider = providerOf(async ({ tags, signal }) => {
      if (tags?.["session.call"] === undefined) return answerOf("Yes.");
      begun.resolve();
      return new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      });
    });
    const observe = before(async ({ context }) => {
      const { events } = invocationOf(context);
      events.on("session-summary-error", ({ error }) => failures.push(error));
    });
    const memory = summary({ trigger: 2, keep: 1 });
    const answers = await run(
      async ({ chat }) => {
        const controller = new AbortController();
        const first = await chat("One");
        const second = chat("Two", { signal: controller.signal });
        await begun.promise;
        controller.abort();
        return [first, await second];
      },
      { ...options(), store, provider, session: { memory }, more: [observe] },
    );
    expect(answers).toEqual(["Yes.", "Yes."]);
    expect(failures).toEqual([
      expect.objectContaining({ reason: "aborted", billed: "none" }),
    ]);
    expect(await storedMessages(store)).toHaveLength(4);
  });

  test("that is over does not wait for a store that hangs with the summary", async () => {
    const { store, asked } = hanging("saveSummary");
    const failures: unknown[] = [];
    const observe = before(async ({ context }) => {
      const { events } = invocationOf(context);
      events.on("session-summary-error", ({ error }) => failures.push(error));
    });
    const memory = summary({ trigger: 2, keep: 1 });
    await run(
      async ({ chat }) => {
        const controller = new AbortController();
        await chat("One");
        const second = chat("Two", { signal: controller.signal });
        await asked;
        controller.abort();
        expect(await second).toBe("Mock response");
      },
      { ...options(), store, session: { memory }, more: [observe] },
    );
    expect(failures).toEqual([
      expect.objectContaining({ operation: "saveSummary", reason: "timeout" }),
    ]);
  });

  test.each([
    ["save", (session: HandlerContext["session"]) => session.save()],
    ["clear", (session: HandlerContext["session"]) => session.clear()],
  ])(
    "%s() that nobody awaits does not hold back the error of a handler that throws",
    async (_method, act) => {
      jest.spyOn(process, "emitWarning").mockImplementation(() => {});
      const { store, asked } = await locked();
      const failure = new Error("no");
      const failed: Promise<unknown>[] = [];
      const error = await rejection(
        run(
          async ({ session }) => {
            session.addMessage("user", "Hi");
            failed.push(rejection(act(session)));
            await asked;
            throw failure;
          },
          { ...options(), store, session: inLock },
        ),
      );
      expect(error).toBe(failure);
      expect(await failed[0]).toBeInstanceOf(StoreError);
    },
  );
});

test("what a session reads after the end of its invocation is an error that says so", async () => {
  const kept: Session[] = [];
  await run(async ({ session }) => {
    kept.push(session);
  });
  await expect(kept[0]?.load()).rejects.toThrow("The invocation has ended");
});

test("a signal that is none is refused before the session is read", async () => {
  const { store } = hanging("load");
  const error = await run(
    ({ session }) =>
      // The types forbid what is tried here.
      rejection(session.converse("Hi", { signal: {} as AbortSignal })),
    { store },
  );
  expect(error).toHaveProperty(
    "message",
    'session.converse: the option "signal" must be an AbortSignal.',
  );
});
