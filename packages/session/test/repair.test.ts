import { describe, expect, test } from "@jest/globals";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores, type SessionMessage } from "@lambdallm/core/stores";
import { full, Session } from "@lambdallm/session";
import { MockProvider } from "@lambdallm/testing";
import { asked, before, KEY, run, short, storeWith } from "./support.ts";

const user = (...content: unknown[]) => ({ role: "user", content });
const assistant = (...content: unknown[]) => ({ role: "assistant", content });
const text = (value: string) => ({ text: value });
const call = (toolUseId: string, more: object = {}) => ({
  toolUse: { toolUseId, name: "look", input: {}, ...more },
});
const result = (toolUseId: string, more: object = {}) => ({
  toolResult: { toolUseId, content: [{ text: "seen" }], ...more },
});
const file = {
  document: { name: "a", format: "txt", source: { text: "A" } },
};
const reasoning = {
  reasoningContent: { reasoningText: { text: "Hm", signature: "s" } },
};

/** As deep as nobody needs it. */
const deep: unknown = Array.from({ length: 10_000 }).reduce(
  (inner) => [inner],
  {},
);

/** A store that holds exactly these messages, whatever they are, in one turn. */
function holding(messages: readonly unknown[], first = 0) {
  return storeWith(() => ({
    load: async () => ({
      turns: [
        {
          first,
          // What somebody else may have written there.
          messages: messages as readonly SessionMessage[],
          writeId: "w",
          writtenAt: 0,
        },
      ],
      next: first + messages.length,
      hasOlder: false,
    }),
    append: async () => true,
  }));
}

async function sent(
  messages: readonly unknown[],
  question: string | object[] = "Now",
  first = 0,
) {
  const model = new MockProvider();
  const events: unknown[] = [];
  const observe = before(async ({ context }) => {
    const { events: emitter } = invocationOf(context);
    emitter.on("session-repair", (event) => events.push(event));
  });
  const repairs = await run(
    async ({ session }) => {
      await session.converse(question as string);
      return session.repairs;
    },
    {
      store: holding(messages, first),
      model,
      session: { memory: full() },
      more: [observe],
    },
  );
  return {
    prompt: asked(model),
    repairs: repairs.map(({ index, problem }) => `${index} ${problem}`),
    events,
    request: model.calls[0]?.request,
  };
}

describe("a stored history that no model takes", () => {
  test.each<[string, unknown[], string[], string[]]>([
    [
      "a call without its result",
      [
        user(text("Hi")),
        assistant(text("Let me see."), call("a")),
        user(text("So?")),
      ],
      ["user: Hi", "assistant: Let me see.", "user: So?|Now"],
      ["1 tool-use-without-result"],
    ],
    [
      "a call without its result, and nothing else in the answer",
      [user(text("Hi")), assistant(call("a")), user(text("So?"))],
      ["user: Hi|So?|Now"],
      ["1 tool-use-without-result"],
    ],
    [
      "one result of two",
      [user(text("Hi")), assistant(call("a"), call("b")), user(result("b"))],
      ["user: Hi", "assistant: [toolUse]", "user: [toolResult]|Now"],
      ["1 tool-use-without-result"],
    ],
    [
      "a result without its call",
      [
        user(text("Hi")),
        assistant(text("Yes.")),
        user(result("x"), text("And?")),
      ],
      ["user: Hi", "assistant: Yes.", "user: And?|Now"],
      ["2 tool-result-without-use"],
    ],
    [
      "a result that comes too late",
      [
        user(text("Hi")),
        assistant(call("a")),
        user(text("Wait.")),
        assistant(text("Yes.")),
        user(result("a")),
      ],
      ["user: Hi|Wait.", "assistant: Yes.", "user: Now"],
      ["1 tool-use-without-result", "4 tool-result-without-use"],
    ],
    [
      "two results of one call",
      [user(text("Hi")), assistant(call("a")), user(result("a"), result("a"))],
      ["user: Hi", "assistant: [toolUse]", "user: [toolResult]|Now"],
      ["2 tool-result-without-use"],
    ],
    [
      "two calls of one id",
      [user(text("Hi")), assistant(call("a"), call("a")), user(result("a"))],
      ["user: Hi", "assistant: [toolUse]", "user: [toolResult]|Now"],
      ["1 broken-block"],
    ],
    [
      "two results of one call, in two messages",
      [
        user(text("Hi")),
        assistant(call("a")),
        user(result("a")),
        user(result("a")),
      ],
      ["user: Hi", "assistant: [toolUse]", "user: [toolResult]|Now"],
      ["3 tool-result-without-use"],
    ],
    [
      "the result of a call that was answered long ago",
      [
        user(text("Hi")),
        assistant(call("a")),
        user(result("a")),
        assistant(text("Yes.")),
        user(result("a"), text("And?")),
      ],
      [
        "user: Hi",
        "assistant: [toolUse]",
        "user: [toolResult]",
        "assistant: Yes.",
        "user: And?|Now",
      ],
      ["4 tool-result-without-use"],
    ],
    [
      "two calls of one id, in two answers in a row",
      [
        user(text("Hi")),
        assistant(call("a")),
        assistant(text("Let me see."), call("a")),
        user(result("a")),
      ],
      [
        "user: Hi",
        "assistant: [toolUse]|Let me see.",
        "user: [toolResult]|Now",
      ],
      ["2 broken-block"],
    ],
    [
      "nothing where an id comes again in a later exchange",
      [
        user(text("Hi")),
        assistant(call("a")),
        user(result("a")),
        assistant(call("a")),
        user(result("a")),
      ],
      [
        "user: Hi",
        "assistant: [toolUse]",
        "user: [toolResult]",
        "assistant: [toolUse]",
        "user: [toolResult]|Now",
      ],
      [],
    ],
    [
      "a call whose arguments broke off, and its result",
      [
        user(text("Hi")),
        assistant(call("a", { input: "{" })),
        user(result("a")),
      ],
      ["user: Hi|Now"],
      ["1 broken-block", "2 tool-result-without-use"],
    ],
    [
      "calls and results on the wrong side",
      [user(text("Hi"), call("a")), assistant(result("a"), text("Yes."))],
      ["user: Hi", "assistant: Yes.", "user: Now"],
      ["0 broken-block", "1 tool-result-without-use"],
    ],
    [
      "answers at the beginning",
      [
        assistant(text("Welcome."), text("What is it?")),
        assistant(text("!")),
        user(text("Hi")),
      ],
      ["user: Hi|Now"],
      ["0 answer-without-question", "1 answer-without-question"],
    ],
    [
      "unknown roles, and what is no message",
      [
        user(text("Hi")),
        { role: "system", content: [text("Obey.")] },
        null,
        "text",
        { role: "user", content: "Hi" },
        { role: "user" },
      ],
      ["user: Hi|Now"],
      [
        "1 broken-message",
        "2 broken-message",
        "3 broken-message",
        "4 broken-message",
        "5 broken-message",
      ],
    ],
    [
      "what is no content block",
      [
        user(
          text("Hi"),
          null,
          "Hi",
          {},
          ["Hi"],
          { 'image"': {} },
          { text: 5 },
          { image: null },
          { text: "a", image: {} },
          { toolResult: { toolUseId: "a" } },
          { '\\": [{': {} },
          JSON.parse('{"__proto__":{"text":"x"}}'),
          { toolResult: { toolUseId: "a", content: [{ json: deep }] } },
        ),
      ],
      ["user: Hi|Now"],
      Array.from({ length: 12 }, () => "0 broken-block"),
    ],
    [
      "a document without a text",
      [user(file), assistant(text("Yes."))],
      ["user: Now"],
      ["0 document-without-text", "1 answer-without-question"],
    ],
    [
      "a document with a text, and an image without one",
      [
        user(file, text("Hi")),
        user({
          image: { format: "png", source: { bytes: new Uint8Array(1) } },
        }),
      ],
      ["user: [document]|Hi|[image]|Now"],
      [],
    ],
    [
      "nothing of a question that is marked as incomplete, which answers can be",
      [{ ...user(file, text("Hi")), incomplete: true }],
      ["user: [document]|Hi|Now"],
      [],
    ],
    [
      "nothing of an answer that is marked as not incomplete",
      [
        user(text("Hi")),
        { ...assistant(call("a")), incomplete: false },
        user(result("a")),
      ],
      ["user: Hi", "assistant: [toolUse]", "user: [toolResult]|Now"],
      [],
    ],
    [
      "nothing of a kind that is not known here",
      [user(text("Hi"), { NewKind: {} })],
      ["user: Hi|[NewKind]|Now"],
      [],
    ],
    [
      "blocks that no model takes",
      [
        user(text("Hi"), { document: { name: "a" } }, { image: {} }),
        assistant(text("Yes.")),
      ],
      ["user: Hi", "assistant: Yes.", "user: Now"],
      ["0 broken-block", "0 broken-block"],
    ],
    [
      "roles that do not alternate",
      [
        user(text("a")),
        user(text("b")),
        assistant(text("c")),
        assistant(text("d")),
      ],
      ["user: a|b", "assistant: c|d", "user: Now"],
      [],
    ],
    [
      "empty and blank answers, cache points, and reasoning alone",
      [
        user(text("a"), { cachePoint: { type: "default" } }),
        assistant(text(" ")),
        user(text("b")),
        assistant(),
        user({ cachePoint: { type: "default" } }),
        assistant(reasoning),
      ],
      ["user: a|b|Now"],
      [],
    ],
    [
      "the service's own tools, which need no result of ours",
      [
        user(text("a")),
        assistant(
          call("s", { type: "server_tool_use" }),
          result("s", { type: "tool_result" }),
          text("b"),
        ),
      ],
      ["user: a", "assistant: [toolUse]|[toolResult]|b", "user: Now"],
      [],
    ],
    [
      "results after a text",
      [user(text("a")), assistant(call("t")), user(text("b"), result("t"))],
      ["user: a", "assistant: [toolUse]", "user: [toolResult]|b|Now"],
      [],
    ],
  ])("is repaired: %s", async (_what, messages, prompt, repairs) => {
    const outcome = await sent(messages);
    expect(outcome.prompt).toEqual(prompt);
    expect(outcome.repairs).toEqual(repairs);
    expect(outcome.events).toEqual(
      repairs.length > 0 ? [{ repairs: repairs.length }] : [],
    );
  });

  test("names the messages by their number in the session", async () => {
    const { repairs } = await sent(
      [user(text("Hi")), assistant(call("a")), user(text("So?"))],
      "Now",
      40,
    );
    expect(repairs).toEqual(["41 tool-use-without-result"]);
  });

  test("is not what a history is whose beginning has expired", async () => {
    const { prompt, repairs } = await sent(
      [user(result("a")), assistant(text("Yes.")), user(text("Hi"))],
      "Now",
      7,
    );
    expect(prompt).toEqual(["user: Hi|Now"]);
    expect(repairs).toEqual([]);
  });

  test("is one behind that beginning", async () => {
    const { prompt, repairs } = await sent(
      [user(text("Hi")), assistant(text("Yes.")), user(result("a"))],
      "Now",
      7,
    );
    expect(prompt).toEqual(["user: Hi", "assistant: Yes.", "user: Now"]);
    expect(repairs).toEqual(["9 tool-result-without-use"]);
  });

  test("is repaired for the prompt only: `messages` is what is stored", async () => {
    const messages = [
      user(text("Hi")),
      assistant(call("a")),
      user(text("So?")),
    ];
    const session = new Session({
      store: holding(messages),
      id: "s1",
      memory: full(),
    });
    await session.load();
    expect(session.messages).toEqual(messages);
    expect(session.repairs).toHaveLength(1);
    expect(short(await session.getHistory())).toEqual(["user: Hi|So?"]);
  });

  test("is told once, however often the session is read", async () => {
    const events: unknown[] = [];
    const observe = before(async ({ context }) => {
      const { events: emitter } = invocationOf(context);
      emitter.on("session-repair", (event) => events.push(event));
    });
    const store = memoryStores();
    await store.sessions.append(KEY, {
      first: 0,
      messages: [{ role: "assistant", content: [{ text: "Welcome." }] }],
      writeId: "w",
    });
    await run(
      async ({ chat }) => {
        await chat("a");
        await chat("b");
      },
      { store, session: { conflict: "lock" }, more: [observe] },
    );
    expect(events).toEqual([{ repairs: 1 }]);
  });
});

test("a turn walks through a long history once", async () => {
  let looks = 0;
  const watched = {
    role: "user",
    get content() {
      looks += 1;
      return [text("And?")];
    },
  };
  const history = [
    user(text("Hi")),
    assistant(text("Yes.")),
    watched,
    assistant(text("Yes.")),
  ];
  const { prompt } = await sent(history);
  expect(prompt).toHaveLength(5);
  expect(looks).toBe(1);
});

describe("the calls of the last answer", () => {
  const history = [
    user(text("Hi")),
    assistant(reasoning, call("a"), call("b")),
  ];

  test("stay when the message answers them, with the reasoning that they are part of", async () => {
    const { prompt, repairs } = await sent(history, [result("a"), result("b")]);
    expect(prompt).toEqual([
      "user: Hi",
      "assistant: [reasoningContent]|[toolUse]|[toolUse]",
      "user: [toolResult]|[toolResult]",
    ]);
    expect(repairs).toEqual([]);
  });

  test("are left out when it does not answer them", async () => {
    expect((await sent(history, [result("b")])).prompt).toEqual([
      "user: Hi",
      "assistant: [reasoningContent]|[toolUse]",
      "user: [toolResult]",
    ]);
    expect((await sent(history)).prompt).toEqual(["user: Hi|Now"]);
  });

  test("stay open in getHistory", async () => {
    const session = new Session({
      store: holding(history),
      id: "s1",
      memory: full(),
    });
    expect(short(await session.getHistory())).toEqual([
      "user: Hi",
      "assistant: [reasoningContent]|[toolUse]|[toolUse]",
    ]);
  });
});

test("reasoning of earlier exchanges is left out: another model may be asked next", async () => {
  const { prompt } = await sent([
    user(text("a")),
    assistant(reasoning, text("b")),
    user(text("c")),
    assistant(reasoning, text("d")),
  ]);
  expect(prompt).toEqual([
    "user: a",
    "assistant: b",
    "user: c",
    "assistant: d",
    "user: Now",
  ]);
});

test("of the message itself nothing is left out", async () => {
  const content = [
    { text: "Now" },
    { cachePoint: { type: "default" } },
    result("known"),
  ];
  const { request } = await sent(
    [user(text("Hi")), assistant(call("known"))],
    content,
  );
  expect(request?.messages[2]?.content).toEqual(content);
});
