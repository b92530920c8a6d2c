import { afterEach, describe, expect, jest, test } from "@jest/globals";
import {
  ConfigurationError,
  type ContentBlock,
  type JsonValue,
  type ModelResponse,
  StoreError,
} from "@lambdallm/core";
import { type InvocationEvents, invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import { summary } from "@lambdallm/session";
import {
  type MockAnswer,
  MockLambdaContext,
  MockProvider,
} from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  asked,
  before,
  counting,
  providerOf,
  readAll,
  rejection,
  run,
  stored,
  storedMessages,
  storeWith,
} from "./support.ts";

afterEach(() => {
  jest.restoreAllMocks();
});

describe.each(middyMajors)("chat on %s", (_name, middy) => {
  test("answers with the history of earlier invocations in mind", async () => {
    const store = memoryStores();
    const model = new MockProvider({ responses: ["Hello, Ada!", "Ada."] });
    const options = { middy, store, model };
    expect(await run(({ chat }) => chat("I am Ada."), options)).toBe(
      "Hello, Ada!",
    );
    expect(await run(({ chat }) => chat("Who am I?"), options)).toBe("Ada.");
    expect(asked(model)).toEqual([
      "user: I am Ada.",
      "assistant: Hello, Ada!",
      "user: Who am I?",
    ]);
    expect(await storedMessages(store)).toEqual([
      "user: I am Ada.",
      "assistant: Hello, Ada!",
      "user: Who am I?",
      "assistant: Ada.",
    ]);
  });

  test("tells observers which conversation its calls are turns of", async () => {
    const store = memoryStores();
    const model = new MockProvider({ responses: ["One.", "Two."] });
    await run(
      async ({ chat, invoke }) => {
        await chat("One?");
        await invoke("Beside it?");
      },
      { middy, store, model },
    );
    expect(model.calls.map(({ request }) => request.conversation)).toEqual([
      { id: "s1" },
      undefined,
    ]);
  });

  test("tells observers that a summary stands for a part of the conversation", async () => {
    const store = memoryStores();
    const memory = summary({ trigger: 2, keep: 1 });
    const model = new MockProvider({
      responses: ["1", "2", "A summary.", "3"],
    });
    for (const text of ["One?", "Two?", "Three?"])
      await run(({ chat }) => chat(text), {
        ...{ middy, store, model, session: { memory } },
      });
    expect(
      model.calls.some(({ request }) => request.conversation?.isCompacted),
    ).toBe(true);
    expect(model.calls[0]?.request.conversation).toEqual({ id: "s1" });
  });

  test("stores a question and its answer as one turn, numbered over the session", async () => {
    const store = memoryStores();
    await run(({ chat }) => chat("One"), { middy, store });
    await run(({ chat }) => chat("Two"), { middy, store });
    const { turns, next } = await stored(store);
    expect(
      turns.map(({ first, messages }) => [first, messages.length]),
    ).toEqual([
      [0, 2],
      [2, 2],
    ]);
    expect(next).toBe(4);
  });

  test("has stored the turn when it returns", async () => {
    const store = memoryStores();
    await run(
      async ({ chat }) => {
        await chat("One");
        expect(await storedMessages(store)).toHaveLength(2);
      },
      { middy, store },
    );
  });

  test("is on the context, on context.llm and on what inherits from the context, and is not enumerable", async () => {
    await run(
      async (context) => {
        const { session, chat, chatStream } = context;
        expect(session.id).toBe("s1");
        expect(context.llm.session).toBe(session);
        expect(context.llm.chat).toBe(chat);
        expect(context.llm.chatStream).toBe(chatStream);
        expect(Object.create(context).chat).toBe(chat);
        expect(Object.keys(context)).not.toContain("session");
        expect(Object.keys(context.llm)).not.toContain("session");
        expect(await chat("Hi")).toBe("Mock response");
      },
      { middy },
    );
  });

  test("what is added and changed in the handler is saved before the response", async () => {
    const store = memoryStores();
    await run(
      async ({ session }) => {
        session.addMessage("user", "Noted");
        await session.load();
        session.metadata["title"] = "Notes";
        expect(session.isModified).toBe(true);
      },
      { middy, store },
    );
    expect(await storedMessages(store)).toEqual(["user: Noted"]);
    expect((await stored(store)).header?.metadata).toEqual({ title: "Notes" });
  });

  test("a save that fails at the end fails the invocation", async () => {
    jest.spyOn(process, "emitWarning").mockImplementation(() => {});
    const failure = new StoreError("No.", {
      reason: "unavailable",
      operation: "append",
    });
    const store = storeWith(() => ({
      append: async () => {
        throw failure;
      },
    }));
    const error = await rejection(
      run(
        async ({ session }) => {
          session.addMessage("user", "Noted");
          return "fine";
        },
        { middy, store },
      ),
    );
    expect(error).toBe(failure);
  });

  test("a session in an outer chain is the one of a nested provider's chain, too", async () => {
    const inner = new MockProvider();
    const outerModel = new MockProvider({ responses: ["outer"] });
    await run(
      async (context) => {
        const { session } = context;
        const nested = middy()
          .use(inner.middleware())
          .handler(async () => {
            expect(context.session).toBe(session);
            expect(await context.chat("Hi")).toBe("outer");
          });
        await nested({}, context);
      },
      { middy, model: outerModel },
    );
    expect(inner.totalCalls).toBe(0);
  });

  test("a nested chain with a provider and a session of its own leaves the outer one as it was", async () => {
    const store = memoryStores();
    await run(
      async (context) => {
        await run(({ chat }) => chat("Inside"), {
          middy,
          store,
          context,
          session: { id: () => "inner" },
        });
        expect(context.session.id).toBe("s1");
        await context.chat("Outside");
      },
      { middy, store },
    );
    expect(await storedMessages(store)).toContain("user: Outside");
    expect(await storedMessages(store, { sessionId: "inner" })).toContain(
      "user: Inside",
    );
  });

  test("somebody else's context.session stays, and context.llm has ours", async () => {
    const context = Object.assign(new MockLambdaContext(), { session: "mine" });
    await run(
      async (given) => {
        expect(given.session).toBe("mine");
        expect(given.llm.session.id).toBe("s1");
      },
      { middy, context },
    );
  });

  test("another middleware may replace a member", async () => {
    const chat = async () => "replaced";
    const replace = before(async ({ context }) => {
      Object.assign(context, { chat });
    });
    await run(
      async (context) => {
        expect(await context.chat("Hi")).toBe("replaced");
      },
      { middy, more: [replace] },
    );
  });
});

test("a handler that does not touch its session pays nothing", async () => {
  const { store, counts } = counting();
  await run(async () => "fine", { store });
  expect(counts).toEqual({});
});

test("loads that run at the same time are one", async () => {
  const { store, counts } = counting();
  await run(
    async ({ session, chat }) => {
      await Promise.all([
        session.load(),
        session.getHistory(),
        chat("Hi"),
        session.load(),
      ]);
    },
    { store },
  );
  expect(counts).toEqual({ load: 1, append: 1 });
});

test("turns of one invocation that are asked for at the same time follow each other", async () => {
  const store = memoryStores();
  const model = new MockProvider({
    responses: [{ text: "One.", delayMs: 20 }, "Two."],
  });
  await run(({ chat }) => Promise.all([chat("One?"), chat("Two?")]), {
    store,
    model,
  });
  expect(asked(model)).toEqual(["user: One?", "assistant: One.", "user: Two?"]);
  expect((await stored(store)).next).toBe(4);
});

test("a chat waits for the stream before it, which nobody has read yet", async () => {
  const store = memoryStores();
  const model = new MockProvider({
    responses: [{ pieces: ["On", "e."], pieceDelayMs: 20 }, "Two."],
  });
  await run(
    async ({ chat, chatStream }) => {
      const stream = chatStream("One?");
      expect(await chat("Two?")).toBe("Two.");
      expect(await readAll(stream)).toEqual(["On", "e."]);
    },
    { store, model },
  );
  expect(asked(model)).toEqual(["user: One?", "assistant: One.", "user: Two?"]);
});

test("what is added after a chat was asked for comes after its turn", async () => {
  const store = memoryStores();
  await run(
    async ({ session, chat }) => {
      session.addMessage("user", "Before");
      const answer = chat("Question");
      session.addMessage("user", "After");
      const saved = session.save();
      session.addMessage("user", "Last");
      await Promise.all([answer, saved]);
      expect(await storedMessages(store)).toHaveLength(4);
      expect(session.isModified).toBe(true);
    },
    { store },
  );
  expect(await storedMessages(store)).toEqual([
    "user: Before",
    "user: Question",
    "assistant: Mock response",
    "user: After",
    "user: Last",
  ]);
});

test("a text is no template: braces stay as they are", async () => {
  const store = memoryStores();
  const model = new MockProvider({ responses: ["{answer}"] });
  const text = "{x} {{y}} $& {__proto__}";
  await run(
    async ({ chat, chatStream }) => {
      expect(await chat(text)).toBe("{answer}");
      await chatStream(text).response;
    },
    { store, model },
  );
  expect(asked(model)).toEqual([
    `user: ${text}`,
    "assistant: {answer}",
    `user: ${text}`,
  ]);
});

test("onResponse has the answer that was paid for, also when it cannot be stored", async () => {
  const failure = new StoreError("No.", {
    reason: "unavailable",
    operation: "append",
  });
  const store = storeWith(() => ({
    append: async () => {
      throw failure;
    },
  }));
  const heard: string[] = [];
  const onResponse = ({ text }: ModelResponse) => {
    heard.push(text);
  };
  await run(
    async ({ chat, chatStream, session }) => {
      expect(await rejection(chat("One", { onResponse }))).toBe(failure);
      const { response } = chatStream("Two", { onResponse });
      expect(await rejection(response)).toBe(failure);
      expect(await rejection(session.converse("Three", { onResponse }))).toBe(
        failure,
      );
    },
    { store, model: new MockProvider({ responses: ["1", "2", "3"] }) },
  );
  expect(heard).toEqual(["1", "2", "3"]);
});

test("a turn that fails does not stop the next one", async () => {
  const model = new MockProvider({ responses: [new Error("down"), "fine"] });
  await run(
    async ({ chat }) => {
      const [first, second] = await Promise.allSettled([
        chat("One"),
        chat("Two"),
      ]);
      expect(first.status).toBe("rejected");
      expect(second).toEqual({ status: "fulfilled", value: "fine" });
    },
    { model },
  );
});

test("messages that were added before become part of the turn", async () => {
  const store = memoryStores();
  const model = new MockProvider({ responses: ["Blue."] });
  await run(
    async ({ session, chat }) => {
      session.addMessage("user", "My colour is blue.");
      session.addMessage("assistant", "Noted.");
      await chat("Which is it?");
      expect(session.isModified).toBe(false);
    },
    { store, model },
  );
  expect(asked(model)).toEqual([
    "user: My colour is blue.",
    "assistant: Noted.",
    "user: Which is it?",
  ]);
  expect((await stored(store)).turns).toHaveLength(1);
});

test("takes images and documents, and gives the stored ones to the model again", async () => {
  const store = memoryStores();
  const bytes = Buffer.from([1, 2, 3]);
  const content: ContentBlock[] = [
    { text: "What is this?" },
    { image: { format: "png", source: { bytes } } },
  ];
  const model = new MockProvider();
  await run(({ chat }) => chat(content), { store, model });
  bytes.fill(9);
  await run(({ chat }) => chat("And now?"), { store, model });
  const [first] = model.calls.at(-1)?.request.messages ?? [];
  expect(first?.content[1]).toEqual({
    image: { format: "png", source: { bytes: new Uint8Array([1, 2, 3]) } },
  });
});

test("passes its options on to the call, beside the provider's", async () => {
  const model = new MockProvider();
  await run(
    ({ chat }) =>
      chat("Hi", { system: "Be short.", temperature: 0, maxTokens: 5 }),
    { model },
  );
  expect(model.calls[0]?.request).toMatchObject({
    system: [{ text: "Be short." }],
    temperature: 0,
    maxTokens: 5,
  });
});

test("goes through every interceptor of the invocation", async () => {
  const stages: string[] = [];
  const observe = before(async ({ context }) => {
    for (const stage of ["call", "retry", "limit", "attempt"] as const)
      invocationOf(context).intercept(stage, stage, async (request, next) => {
        stages.push(stage);
        return next(request);
      });
  });
  await run(({ chat }) => chat("Hi"), { more: [observe] });
  expect(stages).toEqual(["call", "retry", "limit", "attempt"]);
});

test.each([
  ["an empty text", "", /^chat: the message must be a text that is not blank/],
  ["a blank text", " ", /^chat: the message must be a text that is not blank/],
  ["nothing", undefined, /^chat: the message must be a text/],
  ["no content", [], /^chat: the message must .* a list of content blocks/],
  ["a number", 5, /^chat: the message must be a text/],
])("refuses %s, and stores nothing", async (_what, content, message) => {
  const store = memoryStores();
  const error = await rejection(
    run(({ chat }) => chat(content as string), { store }),
  );
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error).toHaveProperty("message", expect.stringMatching(message));
  expect((await stored(store)).next).toBe(0);
});

test.each(["onDelta", "onResponse"])(
  "session.converse refuses %s that is no function, before anything is asked",
  async (name) => {
    const model = new MockProvider();
    const error = await rejection(
      run(({ session }) => session.converse("Hi", { [name]: 5 } as object), {
        model,
      }),
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toHaveProperty(
      "message",
      `session.converse: the option "${name}" must be a function.`,
    );
    expect(model.totalCalls).toBe(0);
  },
);

describe("a message that is nested too deeply", () => {
  const nested = (levels: number) => {
    let json: JsonValue = "x";
    for (let level = 0; level < levels; level++) json = [json];
    return [{ toolResult: { toolUseId: "t", content: [{ json }] } }];
  };

  test.each([300, 100_000])(
    "is refused with a clear error: %p levels",
    async (levels) => {
      const error = await rejection(run(({ chat }) => chat(nested(levels))));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toHaveProperty(
        "message",
        "chat: messages[0] is nested too deeply: a message of a session can have 200 levels at most.",
      );
    },
  );

  test("as an answer is an error too, and the session goes on", async () => {
    const [{ toolResult }] = nested(100_000) as [{ toolResult: object }];
    const store = memoryStores();
    const model = new MockProvider({
      responses: [
        {
          content: [
            {
              toolUse: { toolUseId: "t", name: "look", input: { toolResult } },
            },
          ],
        } as MockAnswer,
        "Fine.",
      ],
    });
    await run(
      async ({ session, chat }) => {
        const error = await rejection(session.converse("Look"));
        expect(error).toBeInstanceOf(ConfigurationError);
        expect(await chat("Hi")).toBe("Fine.");
      },
      { store, model },
    );
    expect(await storedMessages(store)).toHaveLength(2);
  });

  test("is kept when it is as deep as tools may need", async () => {
    const store = memoryStores();
    await run(
      async ({ session }) => {
        session.addMessage("user", nested(100));
      },
      { store },
    );
    const { turns } = await stored(store);
    expect(turns[0]?.messages[0]?.content).toEqual(nested(100));
  });
});

test("refuses an option that does not exist, by name", async () => {
  await expect(
    run(({ chat }) => chat("Hi", { tools: [] } as object)),
  ).rejects.toThrow('chat: there is no option "tools"');
  await expect(
    run(
      async ({ chatStream }) =>
        chatStream("Hi", { modle: "x" } as object).response,
    ),
  ).rejects.toThrow('chatStream: there is no option "modle"');
});

test("session.converse returns the whole response, and keeps a conversation with tools", async () => {
  const store = memoryStores();
  const call = { toolUse: { toolUseId: "t1", name: "clock", input: {} } };
  const result = {
    toolResult: { toolUseId: "t1", content: [{ text: "noon" }] },
  };
  const tools = [
    { toolSpec: { name: "clock", inputSchema: { json: { type: "object" } } } },
  ];
  const model = new MockProvider({
    responses: [{ content: [call] }, "It is noon.", "Yes."],
  });
  const options = { store, model };
  await run(async ({ session }) => {
    const first = await session.converse("What time is it?", { tools });
    expect(first.stopReason).toBe("tool_use");
    const second = await session.converse([result], { tools });
    expect(second.text).toBe("It is noon.");
  }, options);
  expect(asked(model)).toEqual([
    "user: What time is it?",
    "assistant: [toolUse]",
    "user: [toolResult]",
  ]);
  await run(({ chat }) => chat("Sure?"), options);
  expect(asked(model)).toEqual([
    "user: What time is it?",
    "assistant: [toolUse]",
    "user: [toolResult]",
    "assistant: It is noon.",
    "user: Sure?",
  ]);
});

test("says with counts only what it reads and writes", async () => {
  const events: [string, unknown][] = [];
  const observe = before(async ({ context }) => {
    const names: (keyof InvocationEvents)[] = ["session-load", "session-save"];
    for (const name of names)
      invocationOf(context).events.on(name, (event) => {
        events.push([name, event]);
      });
  });
  await run(({ chat }) => chat("Hi"), { more: [observe] });
  expect(events).toEqual([
    ["session-load", { messages: 0, durationMs: expect.any(Number) }],
    [
      "session-save",
      {
        messages: 2,
        incomplete: false,
        attempts: 1,
        durationMs: expect.any(Number),
      },
    ],
  ]);
});

test("turns live as long as ttlHours says, from their own writing on", async () => {
  let now = Date.now();
  const store = memoryStores({ now: () => now });
  await run(({ chat }) => chat("One"), { store, session: { ttlHours: 1 } });
  await run(({ chat }) => chat("Two"), { store, session: { ttlHours: 3 } });
  now += 2 * 3_600_000;
  expect(await storedMessages(store)).toContain("user: Two");
  expect(await storedMessages(store)).not.toContain("user: One");
  await run(({ chat }) => chat("Three"), {
    store,
    session: { ttlHours: Number.POSITIVE_INFINITY },
  });
  now += 10 * 365 * 24 * 3_600_000;
  expect(await storedMessages(store)).toContain("user: Three");
});

test("what was left unsaved by an answer that skipped the end is said in a warning", async () => {
  const warn = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
  const early = before(async ({ context }) => {
    context.session.addMessage("user", "Noted");
    // An early answer, which skips every `after`.
    return "early" as unknown as undefined;
  });
  const store = memoryStores();
  await run(async () => "never", { store, more: [early] });
  expect(warn.mock.calls).toEqual([
    [
      "A session was changed and not saved: call await session.save().",
      "LambdaLLMWarning",
    ],
  ]);
  expect((await stored(store)).next).toBe(0);
});

test("a chat that nobody awaited is stored as far as it came", async () => {
  jest.spyOn(process, "emitWarning").mockImplementation(() => {});
  const store = memoryStores();
  const begun = Promise.withResolvers<void>();
  const provider = providerOf(
    (request) =>
      new Promise((_resolve, reject) => {
        begun.resolve();
        request.signal?.addEventListener("abort", () => {
          reject(request.signal?.reason);
        });
      }),
  );
  await run(
    async ({ chat }) => {
      void chat("Hi");
      await begun.promise;
    },
    { store, provider },
  );
  expect(await storedMessages(store)).toEqual(["user: Hi", "assistant!: "]);
});

test("nothing of what was said is in errors and events", async () => {
  const store = storeWith(() => ({
    append: async () => false,
    load: async () => ({
      turns: [
        {
          first: 0,
          messages: [{ role: "user", content: [{ text: "SECRET" }] }],
          writeId: "other",
          writtenAt: 0,
        },
      ],
      next: 1,
      hasOlder: false,
    }),
  }));
  const error = await rejection(
    run(({ chat }) => chat("SECRET"), {
      store,
      session: { conflict: "reject" },
      model: new MockProvider({ responses: ["SECRET"] }),
    }),
  );
  expect(JSON.stringify(error)).not.toContain("SECRET");
  expect(String((error as Error).stack)).not.toContain("SECRET");
});
