import { expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import { MockProvider } from "@lambdallm/testing";
import {
  answerOf,
  asked,
  before,
  providerOf,
  readAll,
  rejection,
  run,
  storedMessages,
} from "./support.ts";

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
