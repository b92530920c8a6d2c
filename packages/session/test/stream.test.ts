import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ConfigurationError, ModelInvocationError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  asked,
  before,
  MODEL,
  providerOf,
  readAll,
  rejection,
  run,
  storedMessages,
} from "./support.ts";

afterEach(() => {
  jest.restoreAllMocks();
});

test("the text arrives in pieces, and the turn is stored before the iteration ends", async () => {
  const store = memoryStores();
  const model = new MockProvider({ responses: ["One two three"] });
  await run(
    async ({ chatStream }) => {
      const pieces: string[] = [];
      const stream = chatStream("Count");
      await stream.started;
      for await (const text of stream) pieces.push(text);
      expect(pieces).toEqual(["One ", "two ", "three"]);
      expect(await storedMessages(store)).toEqual([
        "user: Count",
        "assistant: One two three",
      ]);
      expect((await stream.response).text).toBe("One two three");
    },
    { store, model },
  );
});

test("a body that streams does not wait at the end of the handler for its turn", async () => {
  const store = memoryStores();
  const released = Promise.withResolvers<void>();
  const provider = providerOf(async () => {
    await released.promise;
    return answerOf("Late.");
  });
  const body = await run(
    async ({ session, chatStream }) => {
      await session.load();
      const stream = chatStream("Hi");
      session.metadata["language"] = "fr";
      return stream;
    },
    { store, provider },
  );
  // The handler's chain is done, with the metadata in the store; the model has not answered yet.
  expect(await storedMessages(store)).toEqual([]);
  released.resolve();
  let text = "";
  for await (const piece of body) text += piece;
  expect(text).toBe("Late.");
  expect(await storedMessages(store)).toHaveLength(2);
});

describe.each(middyMajors)("a body that streams, on %s", (_name, middy) => {
  test("does not wait for its own end when a message was added before", async () => {
    const store = memoryStores();
    const released = Promise.withResolvers<void>();
    const provider = providerOf(async ({ onDelta }) => {
      onDelta?.({ kind: "text", text: "First" });
      await released.promise;
      return answerOf("First and last.");
    });
    const body = await run(
      async ({ session, chatStream }) => {
        session.addMessage("user", "Some background");
        return chatStream("Hi");
      },
      { middy, store, provider },
    );
    const pieces = body[Symbol.asyncIterator]();
    expect(String((await pieces.next()).value)).toBe("First");
    expect(await storedMessages(store)).toEqual([]);
    released.resolve();
    expect(await pieces.next()).toEqual({ done: true, value: undefined });
    expect(await storedMessages(store)).toEqual([
      "user: Some background",
      "user: Hi",
      "assistant: First and last.",
    ]);
  });

  test("is followed by the messages that were added while it was written", async () => {
    const store = memoryStores();
    const released = Promise.withResolvers<void>();
    const provider = providerOf(async () => {
      await released.promise;
      return answerOf("Late.");
    });
    const body = await run(
      async ({ session, chatStream }) => {
        const stream = chatStream("Hi");
        session.addMessage("user", "And one more thing");
        return stream;
      },
      { middy, store, provider },
    );
    released.resolve();
    expect((await readAll(body)).join("")).toBe("Late.");
    expect(await storedMessages(store)).toEqual([
      "user: Hi",
      "assistant: Late.",
      "user: And one more thing",
    ]);
  });

  test("keeps the messages that were added before when the model refuses the turn", async () => {
    jest.spyOn(console, "error").mockImplementation(() => {});
    const store = memoryStores();
    const released = Promise.withResolvers<void>();
    const provider = providerOf(async () => {
      await released.promise;
      throw new ModelInvocationError("Later.", {
        reason: "throttled",
        model: MODEL,
        billed: "none",
      });
    });
    const body = await run(
      async ({ session, chatStream }) => {
        session.addMessage("user", "Some background");
        return chatStream("Hi");
      },
      { middy, store, provider },
    );
    released.resolve();
    await readAll(body);
    expect(await storedMessages(store)).toEqual(["user: Some background"]);
  });
});

test("an answer without deltas arrives in one piece", async () => {
  const provider = providerOf(async () => answerOf("Whole."));
  const pieces = await run(
    async ({ chatStream }) => readAll(chatStream("Hi")),
    { provider },
  );
  expect(pieces).toEqual(["Whole."]);
});

test("an empty answer has no piece", async () => {
  const provider = providerOf(async () => answerOf(""));
  const pieces = await run(
    async ({ chatStream }) => readAll(chatStream("Hi")),
    { provider },
  );
  expect(pieces).toEqual([]);
});

test("only text is shown, whatever an interceptor tells the observer", async () => {
  const chatter = before(async ({ context }) => {
    invocationOf(context).intercept("call", "chatter", (request, next) => {
      request.onDelta?.({ kind: "reasoning", text: "Hm" });
      return next(request);
    });
  });
  const pieces = await run(
    async ({ chatStream }) => readAll(chatStream("Hi")),
    { more: [chatter], model: new MockProvider({ responses: ["Yes."] }) },
  );
  expect(pieces).toEqual(["Yes."]);
});

test("the caller's own signal ends the call, and the turn is kept", async () => {
  const store = memoryStores();
  const controller = new AbortController();
  const model = new MockProvider({
    responses: [{ pieces: ["Once ", "upon"], pieceDelayMs: 20 }],
  });
  const error = await rejection(
    run(
      async ({ chatStream }) => {
        const { signal } = controller;
        for await (const _text of chatStream("A story", { signal }))
          controller.abort(new Error("enough"));
      },
      { store, model },
    ),
  );
  expect(error).toHaveProperty("reason", "aborted");
  expect(await storedMessages(store)).toEqual([
    "user: A story",
    expect.stringMatching(/^assistant!: Once /),
  ]);
});

test("a question that is refused rejects `started`, and nothing is sent", async () => {
  const model = new MockProvider();
  await run(
    async ({ chatStream }) => {
      const error = await rejection(chatStream(" ").started);
      expect(error).toBeInstanceOf(ConfigurationError);
    },
    { model },
  );
  expect(asked(model)).toEqual([]);
});
