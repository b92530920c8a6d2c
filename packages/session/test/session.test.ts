import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ConfigurationError, StoreError } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import { full, Session, type SessionStores } from "@lambdallm/session";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import {
  counting,
  rejection,
  run,
  short,
  stored,
  storedMessages,
  storeWith,
} from "./support.ts";

afterEach(() => {
  jest.restoreAllMocks();
});

const png = { image: { format: "png", source: { bytes: new Uint8Array(3) } } };

describe("a Session without the middleware", () => {
  test("adds, saves, loads, formats and clears", async () => {
    const store = memoryStores();
    const session = new Session({ store, id: "s1" });
    expect(session.isModified).toBe(false);
    session.addMessage("user", "Hello");
    session.addMessage("assistant", [{ text: "Hi there." }]);
    expect(session.isModified).toBe(true);
    await session.save();
    expect(session.isModified).toBe(false);

    const again = new Session({ store, id: "s1" });
    await again.load();
    expect(short(again.messages)).toEqual([
      "user: Hello",
      "assistant: Hi there.",
    ]);
    expect(short(await again.getHistory())).toEqual(short(again.messages));
    expect(await again.formatHistory()).toBe(
      "User: Hello\nAssistant: Hi there.",
    );

    await again.clear();
    expect(again.messages).toEqual([]);
    expect(await stored(store)).toMatchObject({ turns: [], next: 0 });
    expect(again.tenant).toBe("default");
  });

  test("saves only when it was changed", async () => {
    const { store, counts } = counting();
    const session = new Session({ store, id: "s1" });
    await session.save();
    expect(counts).toEqual({});
    session.addMessage("user", "Hello");
    await session.save();
    await session.save();
    expect(counts).toEqual({ load: 1, append: 1 });
    session.metadata["seen"] = true;
    session.metadata["seen"] = true;
    await session.save();
    await session.save();
    expect(counts).toEqual({ load: 1, append: 1, saveHeader: 1 });
    session.metadata["seen"] = false;
    session.metadata["seen"] = true;
    expect(session.isModified).toBe(false);
  });

  test("saves once what two saves at the same time would save", async () => {
    const { store, counts } = counting();
    const session = new Session({ store, id: "s1" });
    session.addMessage("user", "Hello");
    await Promise.all([session.save(), session.save()]);
    expect(counts["append"]).toBe(1);
  });

  test("cannot be asked for what was not read: it would look empty", async () => {
    const session = new Session({ store: memoryStores(), id: "s1" });
    expect(() => session.messages).toThrow("await session.load()");
    expect(() => session.metadata).toThrow(ConfigurationError);
  });

  test("metadata can be set without having been read", async () => {
    const store = memoryStores();
    const session = new Session({ store, id: "s1" });
    session.metadata = { title: "Trip" };
    expect(session.metadata).toEqual({ title: "Trip" });
    await session.save();
    expect((await stored(store)).header?.metadata).toEqual({ title: "Trip" });
    const again = new Session({ store, id: "s1" });
    await again.load();
    expect(again.metadata).toEqual({ title: "Trip" });
    again.metadata = {};
    await again.save();
    expect((await stored(store)).header?.metadata).toEqual({});
  });

  test("keeps messages as they were when they were added", async () => {
    const store = memoryStores();
    const session = new Session({ store, id: "s1" });
    const content = [{ text: "Hello" }];
    session.addMessage("user", content);
    content[0] = { text: "Changed" };
    await session.save();
    expect(await storedMessages(store)).toEqual(["user: Hello"]);
  });

  test.each([
    ["system", "Hi", /the role must be "user" or "assistant"/],
    ["user", "", /addMessage: .*not blank/],
    ["user", undefined, /addMessage: /],
  ])("refuses a message of %s with %p", (role, content, message) => {
    const session = new Session({ store: memoryStores(), id: "s1" });
    expect(() => session.addMessage(role as "user", content as never)).toThrow(
      message,
    );
    expect(session.isModified).toBe(false);
  });

  test("has no model without a handler's context", async () => {
    const session = new Session({ store: memoryStores(), id: "s1" });
    for (const asked of [
      session.chat("Hi"),
      session.converse("Hi"),
      session.chatStream("Hi").response,
    ]) {
      const error = await rejection(asked);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toHaveProperty(
        "message",
        expect.stringContaining('the option "context"'),
      );
    }
  });

  test("chats with a handler's context, several of them in one invocation", async () => {
    const store = memoryStores();
    const model = new MockProvider({ responses: ["One.", "Two."] });
    await run(
      async (context) => {
        for (const id of ["a", "b"]) {
          const session = new Session({ store, id, context });
          await session.chat(`I am ${id}.`);
        }
      },
      { model },
    );
    expect(await storedMessages(store, { sessionId: "a" })).toEqual([
      "user: I am a.",
      "assistant: One.",
    ]);
    expect(await storedMessages(store, { sessionId: "b" })).toEqual([
      "user: I am b.",
      "assistant: Two.",
    ]);
  });

  test("what is read while it is cleared does not come back", async () => {
    const release = Promise.withResolvers<void>();
    const base = memoryStores();
    const first = new Session({ store: base, id: "s1" });
    first.addMessage("user", "Old");
    await first.save();
    const store = storeWith(
      ({ load }) => ({
        load: async (...given) => {
          const result = await load(...given);
          await release.promise;
          return result;
        },
      }),
      base,
    );
    const session = new Session({ store, id: "s1" });
    const loading = session.load();
    const clearing = session.clear();
    release.resolve();
    await Promise.all([loading, clearing]);
    expect(session.messages).toEqual([]);
  });

  test("clear() drops what was added before, not what comes after it", async () => {
    const store = memoryStores();
    const session = new Session({ store, id: "s1" });
    session.addMessage("user", "Before");
    const clearing = session.clear();
    session.addMessage("user", "After");
    await clearing;
    await session.save();
    expect(await storedMessages(store)).toEqual(["user: After"]);
  });

  test("clear() waits for metadata that is being saved, and takes it along", async () => {
    const base = memoryStores();
    const order: string[] = [];
    const store = storeWith(
      (sessions) => ({
        saveHeader: async (...given) => {
          // Much slower than the deletion would be.
          for (let turn = 0; turn < 50; turn++) await null;
          order.push("saveHeader");
          return sessions.saveHeader(...given);
        },
        delete: async (key) => {
          order.push("delete");
          return sessions.delete(key);
        },
      }),
      base,
    );
    const session = new Session({ store, id: "s1" });
    await session.load();
    session.metadata["a"] = 1;
    await Promise.all([session.save(), session.clear(), session.save()]);
    expect(order).toEqual(["saveHeader", "delete"]);
    expect((await stored(base)).header).toBeUndefined();
    expect(session.isModified).toBe(false);
  });

  test("is cleared even when reading it fails", async () => {
    const store = storeWith(() => ({
      load: async () => {
        throw new Error("unreadable");
      },
    }));
    const session = new Session({ store, id: "s1" });
    const loading = rejection(session.load());
    await session.clear();
    expect(await loading).toEqual(new Error("unreadable"));
    expect(session.messages).toEqual([]);
  });

  test("begins at 0 again after it was cleared", async () => {
    const store = memoryStores();
    await run(
      async ({ session, chat }) => {
        await chat("One");
        session.addMessage("user", "never saved");
        await session.clear();
        expect(session.isModified).toBe(false);
        await chat("Two");
      },
      { store },
    );
    const { turns } = await stored(store);
    expect(turns.map(({ first }) => first)).toEqual([0]);
    expect(await storedMessages(store)).toEqual([
      "user: Two",
      "assistant: Mock response",
    ]);
  });
});

describe("a store that fails", () => {
  const failure = new StoreError("No.", {
    reason: "unavailable",
    operation: "any",
  });
  const failing = async () => {
    throw failure;
  };

  test("is never taken for an empty history: the model is not called", async () => {
    const store = storeWith(() => ({ load: failing }));
    const model = new MockProvider();
    await run(
      async ({ session, chat }) => {
        expect(await rejection(chat("Hi"))).toBe(failure);
        expect(await rejection(session.load())).toBe(failure);
        expect(await rejection(session.getHistory())).toBe(failure);
        expect(() => session.messages).toThrow("has not been read");
      },
      { store, model },
    );
    expect(model.totalCalls).toBe(0);
  });

  test("once, is asked again by the next call", async () => {
    let loads = 0;
    const store = storeWith(({ load }) => ({
      load: async (...given) => {
        loads += 1;
        if (loads === 1) throw failure;
        return load(...given);
      },
    }));
    await run(
      async ({ chat }) => {
        expect(await rejection(chat("Hi"))).toBe(failure);
        expect(await chat("Hi")).toBe("Mock response");
      },
      { store },
    );
  });

  test("before it has written: the turn is not stored, and the caller knows", async () => {
    const base = memoryStores();
    const store = storeWith(() => ({ append: failing }), base);
    const error = await rejection(run(({ chat }) => chat("Hi"), { store }));
    expect(error).toBe(failure);
    expect((await stored(base)).next).toBe(0);
  });

  test("after it has written: the delivery that is repeated finds the turn", async () => {
    const base = memoryStores();
    const store = storeWith(
      ({ append }) => ({
        append: async (...given) => {
          await append(...given);
          throw failure;
        },
      }),
      base,
    );
    const model = new MockProvider({ responses: ["One.", "Two."] });
    const context = () => new MockLambdaContext({ awsRequestId: "r1" });
    const error = await rejection(
      run(({ chat }) => chat("Hi"), { store, model, context: context() }),
    );
    expect(error).toBe(failure);
    expect(
      await run(({ chat }) => chat("Hi"), {
        store: base,
        model,
        context: context(),
      }),
    ).toBe("One.");
    expect((await stored(base)).next).toBe(2);
  });

  test("when it keeps the metadata alive does not fail the turn, which is stored: a warning, and the next turn tries again", async () => {
    const warn = jest
      .spyOn(process, "emitWarning")
      .mockImplementation(() => {});
    let now = Date.now();
    jest.spyOn(Date, "now").mockImplementation(() => now);
    const base = memoryStores();
    const first = new Session({ store: base, id: "s1" });
    first.metadata = { title: "Trip" };
    await first.save();
    now += 13 * 3_600_000;
    const store = storeWith(() => ({ saveHeader: failing }), base);
    const later = () => new MockLambdaContext({ now: () => now });
    const chat = (using: SessionStores) =>
      run(({ chat }) => chat("Hi"), { store: using, context: later() });
    expect(await chat(store)).toBe("Mock response");
    expect(warn.mock.calls.map(([message]) => message)).toEqual([
      "A session's metadata could not be kept alive: No.",
    ]);
    await chat(base);
    now += 13 * 3_600_000;
    expect((await stored(base)).header?.metadata).toEqual({ title: "Trip" });
  });

  test.each(["saveHeader", "delete", "lock"] as const)(
    "in %s fails what needed it",
    async (method) => {
      const store = storeWith(() => ({ [method]: failing }));
      const session = new Session({ store, id: "s1", conflict: "lock" });
      session.metadata = { a: 1 };
      const run = method === "saveHeader" ? session.save() : session.clear();
      expect(await rejection(run)).toBe(failure);
    },
  );
});

test("formatHistory names what is no text, and leaves reasoning out", async () => {
  const store = memoryStores();
  const session = new Session({ store, id: "s1", memory: full() });
  session.addMessage("user", [
    { text: "What is it?" },
    png,
    { document: { name: "notes", source: { text: "x" } } },
    { cachePoint: { type: "default" } },
  ]);
  session.addMessage("assistant", [
    { reasoningContent: { reasoningText: { text: "Hm" } } },
    { toolUse: { toolUseId: "t", name: "look", input: { at: [1, 2] } } },
  ]);
  session.addMessage("user", [
    {
      toolResult: {
        toolUseId: "t",
        content: [png, { text: "x".repeat(2_000) }],
      },
    },
  ]);
  const text = await session.formatHistory();
  const lines = text.split("\n");
  expect(lines.slice(0, 4)).toEqual([
    "User: What is it?",
    "[image]",
    "[document: notes]",
    'Assistant: [tool look: {"at":[1,2]}]',
  ]);
  expect(lines[4]).toContain('"bytes":"[bytes]"');
  expect(lines[4]?.length).toBeLessThan(1_100);
});
