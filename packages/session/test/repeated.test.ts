import { describe, expect, test } from "@jest/globals";
import { headerOf, type ModelResponse } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import {
  Session,
  SessionIdError,
  type SessionMiddlewareOptions,
} from "@lambdallm/session";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  asked,
  before,
  type HandlerContext,
  type Middy,
  type RunOptions,
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
    options: Partial<RunOptions> = {},
  ) =>
    run(handler, {
      ...(middy && { middy }),
      store,
      model,
      more: [observe],
      context: new MockLambdaContext({ awsRequestId: "request-1" }),
      ...options,
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

    test.each([
      ["a REST API", { headers: { "Idempotency-Key": "k1" } }],
      ["a load balancer", { multiValueHeaders: { "idempotency-key": ["k1"] } }],
    ])(
      "is known by the client's own key in a header that %s brings",
      async (_source, event) => {
        const { deliver } = deliveries(middy);
        const model = new MockProvider({ responses: ["One.", "Other."] });
        const from = (awsRequestId: string) => ({
          event,
          context: new MockLambdaContext({ awsRequestId }),
          session: {
            idempotencyKey: (given: unknown) =>
              headerOf(given, "idempotency-key"),
          },
        });
        const chat = ({ chat }: HandlerContext) => chat("Count");
        expect(await deliver(model, chat, from("request-1"))).toBe("One.");
        expect(await deliver(model, chat, from("request-2"))).toBe("One.");
        expect(model.totalCalls).toBe(1);
      },
    );

    test("is known by Lambda's request id where its headers are null, as in a test event of the console", async () => {
      const { deliver } = deliveries(middy);
      const model = new MockProvider({ responses: ["One.", "Other."] });
      const options = {
        event: { headers: null },
        session: {
          idempotencyKey: (given: unknown) =>
            headerOf(given, "idempotency-key"),
        },
      };
      const chat = ({ chat }: HandlerContext) => chat("Count");
      expect(await deliver(model, chat, options)).toBe("One.");
      expect(await deliver(model, chat, options)).toBe("One.");
      expect(model.totalCalls).toBe(1);
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
  expect(await deliver(model, ({ chat }) => chat("Something else"))).toBe(
    "Two.",
  );
  expect(model.totalCalls).toBe(2);
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

test("finds each turn, whichever of them failed the first time, and asks no question twice", async () => {
  const { store, deliver } = deliveries();
  const model = new MockProvider({
    responses: [new Error("down"), "B.", "B again.", "A.", "C."],
  });
  const handler = async ({ chat }: HandlerContext) => [
    await chat("A").catch(() => "failed"),
    await chat("B"),
    await chat("B"),
  ];
  expect(await deliver(model, handler)).toEqual(["failed", "B.", "B again."]);
  expect(await deliver(model, handler)).toEqual(["A.", "B.", "B again."]);
  expect(
    await deliver(model, async (context) => [
      ...(await handler(context)),
      await context.chat("C"),
    ]),
  ).toEqual(["A.", "B.", "B again.", "C."]);
  expect(model.totalCalls).toBe(5);
  expect((await stored(store)).next).toBe(8);
});

test("finds a turn that was stored at its second try, after a conflict", async () => {
  const { store, deliver } = deliveries();
  const model = new MockProvider({
    responses: [
      async () => {
        const other = new Session({ store, id: "s1" });
        other.addMessage("user", "Theirs");
        await other.save();
        return { text: "One." };
      },
      "Two.",
    ],
  });
  const handler = ({ chat }: HandlerContext) =>
    chat("Count").catch(() => chat("Count"));
  const options = { session: { conflict: "reject" } } as const;
  expect(await deliver(model, handler, options)).toBe("Two.");
  expect(await deliver(model, handler, options)).toBe("Two.");
  expect((await stored(store)).next).toBe(3);
});

test("a write whose end nobody knows is found by the next try in the same invocation", async () => {
  const { store, replays, deliver } = deliveries();
  let failures = 2;
  const flaky = storeWith(
    ({ append }) => ({
      append: async (...given) => {
        const done = await append(...given);
        if (done) failures -= 1;
        if (done && failures >= 0) throw new Error("no answer");
        return done;
      },
    }),
    store,
  );
  const model = new MockProvider({ responses: ["One.", "Eins."] });
  await deliver(
    model,
    async ({ session, chat }) => {
      session.addMessage("user", "Noted");
      await rejection(session.save());
      await session.save();
      await rejection(chat("Count"));
      expect(await chat("Count")).toBe("One.");
    },
    { store: flaky },
  );
  expect(await storedMessages(store)).toEqual([
    "user: Noted",
    "user: Count",
    "assistant: One.",
  ]);
  expect(replays).toEqual([{ messages: 1 }, { messages: 2 }]);
});

test("never takes for an answer what was added as a question", async () => {
  const { deliver } = deliveries();
  const model = new MockProvider({ responses: ["One."] });
  await deliver(model, async ({ session }) => {
    session.addMessage("user", "Count");
    session.addMessage("user", "Please");
  });
  expect(await deliver(model, ({ chat }) => chat("Count"))).toBe("One.");
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

describe("two deliveries at the same time", () => {
  /** Lets the second one go on when the first one is done. */
  function racing(handler: (context: HandlerContext) => Promise<unknown>) {
    const { store, replays, deliver } = deliveries();
    const asked = Promise.withResolvers<void>();
    const done = Promise.withResolvers<void>();
    const first = new MockProvider({ responses: ["One."] });
    const second = new MockProvider({
      responses: [
        async () => {
          asked.resolve();
          await done.promise;
          return { text: "Eins.", usage: { outputTokens: 7 } };
        },
      ],
    });
    return {
      store,
      replays,
      answers: async (session: Partial<SessionMiddlewareOptions> = {}) => {
        const late = deliver(second, handler, { session });
        await asked.promise;
        const early = await deliver(first, handler, { session });
        done.resolve();
        return [early, await late];
      },
    };
  }

  test.each(["rebase", "reject"] as const)(
    "append once, and both get the stored answer, in the mode %s",
    async (conflict) => {
      const { store, replays, answers } = racing(({ chat }) => chat("Count"));
      expect(await answers({ conflict })).toEqual(["One.", "One."]);
      expect(await storedMessages(store)).toEqual([
        "user: Count",
        "assistant: One.",
      ]);
      expect(replays).toEqual([{ messages: 2 }]);
    },
  );

  test("tell what the second answer has cost", async () => {
    const { answers } = racing(({ session }) => session.converse("Count"));
    const [, response] = await answers();
    expect(response).toMatchObject({
      text: "One.",
      attempts: 1,
      usage: { outputTokens: 7 },
      tags: { "session.replay": "true" },
    });
  });

  test("of a stream append once, and each reader has its own text, which cannot be taken back", async () => {
    const { store, answers } = racing(async ({ chatStream }) => {
      const stream = chatStream("Count");
      let text = "";
      for await (const piece of stream) text += piece;
      expect((await stream.response).text).toBe(text);
      return text;
    });
    expect(await answers()).toEqual(["One.", "Eins."]);
    expect(await storedMessages(store)).toHaveLength(2);
  });

  test("one of which breaks off leave the whole turn only", async () => {
    const { store, deliver } = deliveries();
    const model = new MockProvider({ responses: ["One."] });
    const broken = new MockProvider({
      responses: [
        async () => {
          await deliver(model, ({ chat }) => chat("Count"));
          return { pieces: ["Ei"], error: new Error("lost") };
        },
      ],
    });
    await rejection(
      deliver(broken, ({ chatStream }) => chatStream("Count").response),
    );
    expect(await storedMessages(store)).toEqual([
      "user: Count",
      "assistant: One.",
    ]);
  });
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

describe.each(middyMajors)(
  "a client's own idempotency key, on %s",
  (_name, middy) => {
    interface Post {
      readonly key?: unknown;
      readonly sessionId?: string;
      readonly text?: string;
    }

    function server() {
      const store = memoryStores();
      const model = new MockProvider({ responses: ["One.", "Two.", "Three."] });
      const post = ({ sessionId = "s1", text = "Count", ...event }: Post) =>
        run(({ chat }) => chat(text), {
          middy,
          store,
          model,
          event,
          session: {
            id: () => sessionId,
            idempotencyKey: ({ key }: Post) => key,
          },
        });
      return { store, model, post };
    }

    test("makes of two requests one: the second gets the stored answer", async () => {
      const { store, model, post } = server();
      expect(await post({ key: "k1" })).toBe("One.");
      expect(await post({ key: "k1" })).toBe("One.");
      expect(await post({ key: "k2" })).toBe("Two.");
      expect(model.totalCalls).toBe(2);
      expect((await stored(store)).next).toBe(4);
    });

    test("counts within its session only", async () => {
      const { post } = server();
      expect(await post({ key: "k1" })).toBe("One.");
      expect(await post({ key: "k1", sessionId: "s2" })).toBe("Two.");
    });

    test("that comes with another message is another turn, which is repeated no more than the first", async () => {
      const { store, post } = server();
      expect(await post({ key: "k1" })).toBe("One.");
      expect(await post({ key: "k1", text: "Go on" })).toBe("Two.");
      expect(await post({ key: "k1", text: "Go on" })).toBe("Two.");
      expect(await post({ key: "k1" })).toBe("One.");
      expect((await stored(store)).next).toBe(4);
    });

    test.each([undefined, null])(
      "that is %p leaves it to Lambda's request id",
      async (key) => {
        const { store, post } = server();
        await post({ key });
        await post({ key });
        expect((await stored(store)).next).toBe(4);
      },
    );

    test.each([
      ["has a #", "a#b", "a"],
      ["looks like the name of a turn", "k1/1", "k1"],
      ["has 10 KB", "x".repeat(10_000), "x".repeat(9_999)],
      ["is any Unicode text", "größe \u0000 \ud800", "größe"],
      ["is like a request id", "request-1", "request"],
      ["is a name of JavaScript's", "__proto__", "constructor"],
    ])("that %s is a key like any other", async (_what, key, other) => {
      const { store, model, post } = server();
      expect(await post({ key })).toBe("One.");
      expect(await post({ key: other })).toBe("Two.");
      expect(await post({ key })).toBe("One.");
      expect(model.totalCalls).toBe(2);
      expect((await stored(store)).next).toBe(4);
    });

    test.each([[""], [5], [{}], [["k1"]], [true]])(
      "that is %j is the caller's mistake: 400",
      async (key) => {
        const { model, post } = server();
        const error = await rejection(post({ key }));
        expect(error).toBeInstanceOf(SessionIdError);
        expect(error).toMatchObject({
          statusCode: 400,
          message: expect.stringContaining("idempotency key"),
        });
        expect(model.totalCalls).toBe(0);
      },
    );
  },
);

describe("save with an idempotency key", () => {
  const exchange = (session: Session) => {
    session.addMessage("user", "Is it there?");
    session.addMessage("assistant", "It is.");
  };
  /** Each in an invocation of its own, as the requests of a run that is resumed. */
  const saving = (store: ReturnType<typeof memoryStores>, key?: string) =>
    run(
      async ({ session }) => {
        exchange(session);
        await session.save({ idempotencyKey: key });
      },
      { store },
    );

  test("stores the same messages once, whichever request they come with", async () => {
    const store = memoryStores();
    await saving(store, "run/1");
    await saving(store, "run/1");
    expect((await stored(store)).next).toBe(2);
  });

  test("stores them again under another one, and without", async () => {
    const store = memoryStores();
    for (const key of ["run/1", "run/2", undefined, undefined])
      await saving(store, key);
    expect((await stored(store)).next).toBe(8);
  });

  test.each([[{ idempotencyKey: "" }], [{ idempotencyKey: 7 }]])(
    "refuses %j",
    async (options) => {
      const error = await rejection(
        run(async ({ session }) => session.save(options as object)),
      );
      expect(String(error)).toContain(
        'session.save: the option "idempotencyKey" must be a non-empty string.',
      );
    },
  );
});

test("each record of a batch can have a key of its own, whatever else is in the batch", async () => {
  const store = memoryStores();
  const model = new MockProvider();
  const batch = (...records: readonly string[]) =>
    run(
      async (context) => {
        for (const messageId of records)
          await new Session({
            store,
            id: "s1",
            context,
            idempotencyKey: messageId,
          }).chat(`Message ${messageId}`);
      },
      { model },
    );
  await batch("a", "b");
  // What failed comes again, in another batch.
  await batch("b", "c");
  expect(model.totalCalls).toBe(3);
  const asked = (await storedMessages(store)).filter((message) =>
    message.startsWith("user"),
  );
  expect(asked).toEqual([
    "user: Message a",
    "user: Message b",
    "user: Message c",
  ]);
});
