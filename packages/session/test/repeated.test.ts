import { describe, expect, test } from "@jest/globals";
import {
  invocationOf,
  type ModelResponse,
  memoryStores,
  type SessionStore,
} from "@lambdallm/core";
import { Session } from "@lambdallm/session";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  asked,
  before,
  type HandlerContext,
  type Middy,
  rejection,
  run,
  stored,
  storedMessages,
  storeWith,
} from "./support.ts";

/** Delivers the same request again and again. */
function deliveries(middy?: Middy) {
  const store = memoryStores();
  const replays: unknown[] = [];
  const observe = before(async ({ context }) => {
    const { events } = invocationOf(context);
    events.on("session-replay", (event) => replays.push(event));
  });
  const deliver = <Result>(
    model: MockProvider,
    handler: (context: HandlerContext) => Promise<Result>,
    sessions: SessionStore = store.sessions,
  ) =>
    run(handler, {
      ...(middy && { middy }),
      store: { sessions },
      model,
      more: [observe],
      context: new MockLambdaContext({ awsRequestId: "request-1" }),
    });
  return { store, replays, deliver };
}

describe.each(middyMajors)(
  "a request that Lambda delivers again, on %s",
  (_name, middy) => {
    test("gets the stored answer: no call, nothing written twice", async () => {
      const { store, replays, deliver } = deliveries(middy);
      const model = new MockProvider({ responses: ["One.", "Other."] });
      const chat = ({ chat }: HandlerContext) => chat("Count");
      expect(await deliver(model, chat)).toBe("One.");
      expect(await deliver(model, chat)).toBe("One.");
      expect(model.totalCalls).toBe(1);
      expect((await stored(store)).next).toBe(2);
      expect(replays).toEqual([{ messages: 2 }]);
    });

    test("goes on where it was killed", async () => {
      const { store, deliver } = deliveries(middy);
      const model = new MockProvider({ responses: ["One.", "Two."] });
      await deliver(model, ({ chat }) => chat("Count"));
      const both = await deliver(model, async ({ chat }) => [
        await chat("Count"),
        await chat("Go on"),
      ]);
      expect(both).toEqual(["One.", "Two."]);
      expect(asked(model)).toEqual([
        "user: Count",
        "assistant: One.",
        "user: Go on",
      ]);
      expect((await stored(store)).next).toBe(4);
    });

    test("asks again when the answer broke off, and leaves the first try out of the prompt", async () => {
      const { store, deliver } = deliveries(middy);
      const model = new MockProvider({
        responses: [{ pieces: ["On"], error: new Error("lost") }, "One."],
      });
      const chat = ({ chatStream }: HandlerContext) =>
        chatStream("Count").response;
      await rejection(deliver(model, chat));
      expect((await deliver(model, chat)).text).toBe("One.");
      expect(asked(model)).toEqual(["user: Count"]);
      expect(await storedMessages(store)).toEqual([
        "user: Count",
        "assistant!: On",
        "user: Count",
        "assistant: One.",
      ]);
    });
  },
);

test("gets the stored answer as a stream, too, and as a response", async () => {
  const { deliver } = deliveries();
  const model = new MockProvider();
  const call = { toolUse: { toolUseId: "t", name: "clock", input: {} } };
  const tools = new MockProvider({ responses: [{ content: [call] }] });
  await deliver(model, async ({ chatStream }) => {
    for await (const _text of chatStream("Hi"));
  });
  await deliver(model, async ({ chatStream }) => {
    const pieces: string[] = [];
    for await (const text of chatStream("Hi")) pieces.push(text);
    expect(pieces).toEqual(["Mock response"]);
  });
  const converse = ({ session }: HandlerContext) =>
    session.converse("What time is it?", { model: "other" });
  await deliver(tools, async (context) => {
    await context.chat("Hi");
    await converse(context);
  });
  const heard: string[] = [];
  const onResponse = ({ text }: ModelResponse) => {
    heard.push(text);
  };
  const replayed = await deliver(tools, async (context) => {
    await context.chat("Hi", { onResponse });
    return converse(context);
  });
  expect(heard).toEqual(["Mock response"]);
  expect(replayed).toMatchObject({
    message: { role: "assistant", content: [call] },
    stopReason: "tool_use",
    model: "other",
    costUsd: 0,
    attempts: 0,
    usage: { totalTokens: 0 },
    tags: { "session.replay": "true" },
  });
  expect(tools.totalCalls).toBe(1);
});

test("asks another question when the handler does", async () => {
  const { store, deliver } = deliveries();
  const model = new MockProvider({ responses: ["One.", "Two."] });
  await deliver(model, ({ chat }) => chat("Count"));
  expect(await deliver(model, ({ chat }) => chat("Something else"))).toBe(
    "Two.",
  );
  expect((await stored(store)).next).toBe(4);
});

test("does not store what was added twice, unless it is something else", async () => {
  const { store, replays, deliver } = deliveries();
  const model = new MockProvider();
  const bytes = Buffer.from([1, 2, 3]);
  const add = async ({ session }: HandlerContext) => {
    session.addMessage("user", [
      { text: "Look" },
      { image: { format: "png", source: { bytes } } },
    ]);
    await session.save();
    await session.save();
  };
  await deliver(model, add);
  await deliver(model, add);
  expect((await stored(store)).next).toBe(1);
  expect(replays).toEqual([{ messages: 1 }]);
  await deliver(model, async ({ session }) => {
    session.addMessage("user", "Something else");
  });
  expect(await storedMessages(store)).toEqual([
    "user: Look|[image]",
    "user: Something else",
  ]);
});

test("added messages count as a part of the question", async () => {
  const { store, deliver } = deliveries();
  const model = new MockProvider({ responses: ["One.", "Two."] });
  const ask =
    (added: string) =>
    async ({ session, chat }: HandlerContext) => {
      session.addMessage("user", added);
      const answer = await chat("Count");
      expect(session.isModified).toBe(false);
      return answer;
    };
  expect(await deliver(model, ask("From one"))).toBe("One.");
  expect(await deliver(model, ask("From one"))).toBe("One.");
  expect(await deliver(model, ask("From two"))).toBe("Two.");
  expect((await stored(store)).next).toBe(6);
});

test("two deliveries at the same time append once", async () => {
  const { store, deliver } = deliveries();
  const model = new MockProvider({
    responses: [
      { text: "One.", delayMs: 30 },
      { text: "Eins.", delayMs: 30 },
    ],
  });
  const chat = ({ chat }: HandlerContext) => chat("Count");
  const answers = await Promise.all([
    deliver(model, chat),
    deliver(model, chat),
  ]);
  expect(new Set(answers)).toEqual(new Set(["One.", "Eins."]));
  expect((await stored(store)).next).toBe(2);
});

test("an append whose reply was lost is found when others have written after it", async () => {
  const store = memoryStores();
  let lost = 0;
  const flaky = storeWith(
    ({ append }) => ({
      append: async (key, turn) => {
        const done = await append(key, turn);
        if (lost > 0) return done;
        lost += 1;
        await append(key, {
          first: turn.first + turn.messages.length,
          messages: [{ role: "user", content: [{ text: "Other" }] }],
          writeId: "other",
        });
        // A store that lost the reply, and has asked again at a number that is taken.
        return false;
      },
    }),
    store,
  );
  await run(
    async ({ session, chat }) => {
      await chat("Mine");
      expect(session.messages).toHaveLength(3);
      await chat("Next");
    },
    { store: flaky },
  );
  expect(await storedMessages(store)).toEqual([
    "user: Mine",
    "assistant: Mock response",
    "user: Other",
    "user: Next",
    "assistant: Mock response",
  ]);
});

test("sessions of the same id in one invocation do not take each other's writes for their own", async () => {
  const { store, deliver } = deliveries();
  await deliver(new MockProvider(), async (context) => {
    const other = new Session({ store, id: "s1", context });
    context.session.addMessage("user", "Noted");
    other.addMessage("user", "Noted");
    await context.session.save();
    await other.save();
    await run(
      async (inner) => {
        inner.session.addMessage("user", "Noted");
      },
      { store, context },
    );
  });
  expect((await stored(store)).next).toBe(3);
});

test("a durable context's own request id counts", async () => {
  const store = memoryStores();
  const model = new MockProvider();
  const deliver = () =>
    run(
      async (context) => {
        const { getRemainingTimeInMillis } = context;
        const lambdaContext = { getRemainingTimeInMillis, awsRequestId: "r1" };
        const durable = { lambdaContext };
        await run(({ llm }) => llm.chat("Hi"), {
          store,
          model,
          context: durable as never,
          session: { id: () => "durable" },
        });
      },
      { model },
    );
  await deliver();
  await deliver();
  expect(model.totalCalls).toBe(1);
});

test("a context without a request id is never taken for another one", async () => {
  const store = memoryStores();
  const model = new MockProvider();
  for (const _time of [1, 2])
    await run(({ chat }) => chat("Hi"), { store, model, context: {} as never });
  expect((await stored(store)).next).toBe(4);
});
