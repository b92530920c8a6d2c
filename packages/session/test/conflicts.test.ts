import { afterEach, describe, expect, jest, test } from "@jest/globals";
import {
  type ContentBlock,
  findModel,
  Model,
  SessionConflictError,
  StoreError,
  textOf,
} from "@lambdallm/core";
import { invocationOf, type ModelRequest } from "@lambdallm/core/feature";
import { memoryStores, type SessionMessage } from "@lambdallm/core/stores";
import { type ConflictMode, Session } from "@lambdallm/session";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { validateMessages } from "../../local/src/bedrock/validate-messages.ts";
import {
  answerOf,
  asked,
  before,
  counting,
  KEY,
  providerOf,
  rejection,
  run,
  short,
  stored,
  storedMessages,
  storeWith,
} from "./support.ts";

const CLAUDE = {
  body: { toolConfig: {} },
  modelId: Model.CLAUDE_HAIKU_4_5,
  model: findModel(Model.CLAUDE_HAIKU_4_5),
  operation: "Converse",
} as const;

afterEach(() => {
  jest.restoreAllMocks();
});

/** Writes a turn of somebody else while the model answers. */
function interrupted(store: ReturnType<typeof memoryStores>, times = 1) {
  let calls = 0;
  return providerOf(async () => {
    calls += 1;
    if (calls <= times) {
      const { next } = await store.sessions.load(KEY);
      await store.sessions.append(KEY, {
        first: next,
        messages: [
          { role: "user", content: [{ text: `Other ${calls}` }] },
          { role: "assistant", content: [{ text: "Answer to it" }] },
        ],
        writeId: `other-${calls}`,
      });
    }
    return answerOf(`Answer ${calls}`);
  });
}

describe("when somebody else writes while the model answers", () => {
  test("rebase writes the turn after theirs, and the session has both", async () => {
    const store = memoryStores();
    const conflicts: unknown[] = [];
    const observe = before(async ({ context }) => {
      const { events } = invocationOf(context);
      events.on("session-conflict", (event) => conflicts.push(event));
    });
    await run(
      async ({ session, chat }) => {
        expect(await chat("Mine")).toBe("Answer 1");
        expect(session.messages).toHaveLength(4);
        await chat("Mine again");
      },
      { store, provider: interrupted(store), more: [observe] },
    );
    expect(await storedMessages(store)).toEqual([
      "user: Other 1",
      "assistant: Answer to it",
      "user: Mine",
      "assistant: Answer 1",
      "user: Mine again",
      "assistant: Answer 2",
    ]);
    expect(conflicts).toEqual([{ mode: "rebase", newerMessages: 2 }]);
  });

  test("reject throws with the newer turns, stores nothing, and the next try has seen them", async () => {
    const store = memoryStores();
    const requests: ModelRequest[] = [];
    const record = before(async ({ context }) => {
      invocationOf(context).events.on("attempt-start", ({ request }) =>
        requests.push(request),
      );
    });
    await run(
      async ({ chat }) => {
        const error = await rejection(chat("Mine"));
        expect(error).toBeInstanceOf(SessionConflictError);
        const { newerTurns, statusCode } = error as SessionConflictError;
        expect(statusCode).toBe(409);
        expect(newerTurns.map(({ writeId }) => writeId)).toEqual(["other-1"]);
        expect(await storedMessages(store)).toHaveLength(2);
        expect(await chat("Mine")).toBe("Answer 2");
      },
      {
        store,
        provider: interrupted(store),
        session: { conflict: "reject" },
        more: [record],
      },
    );
    expect(requests[1]?.messages.map(({ content }) => textOf(content))).toEqual(
      ["Other 1", "Answer to it", "Mine"],
    );
    expect(await storedMessages(store)).toHaveLength(4);
  });

  test("reject keeps added messages, and a second save writes them after the others", async () => {
    const store = memoryStores();
    const session = new Session({ store, id: "s1", conflict: "reject" });
    session.addMessage("user", "Mine");
    await session.load();
    const other = new Session({ store, id: "s1" });
    other.addMessage("user", "Theirs");
    await other.save();
    await expect(session.save()).rejects.toThrow(SessionConflictError);
    await session.save();
    expect(await storedMessages(store)).toEqual(["user: Theirs", "user: Mine"]);
  });

  test("lock fails like reject when somebody writes without the lock", async () => {
    const store = memoryStores();
    const error = await rejection(
      run(({ chat }) => chat("Mine"), {
        store,
        provider: interrupted(store),
        session: { conflict: "lock" },
      }),
    );
    expect(error).toBeInstanceOf(SessionConflictError);
  });

  test.each(["rebase", "reject", "lock"] as const)(
    "an answer that broke off is kept after theirs in the mode %s",
    async (conflict) => {
      const store = memoryStores();
      const { before: open, ...phases } = interrupted(store);
      const cut = before(async ({ context }) => {
        invocationOf(context).intercept(
          "call",
          "cut",
          async (request, next) => ({
            ...(await next(request)),
            stopReason: "timeout",
          }),
        );
      });
      await rejection(
        run(({ chat }) => chat("Mine"), {
          store,
          provider: { before: open, ...phases },
          session: { conflict },
          more: [cut],
        }),
      );
      expect(await storedMessages(store)).toEqual([
        "user: Other 1",
        "assistant: Answer to it",
        "user: Mine",
        "assistant!: Answer 1",
      ]);
    },
  );

  test("a session that was deleted meanwhile begins again", async () => {
    const store = memoryStores();
    await run(({ chat }) => chat("Old"), { store });
    const provider = providerOf(async () => {
      await store.sessions.delete(KEY);
      return answerOf("Answer");
    });
    await run(
      async ({ session, chat }) => {
        await chat("New");
        expect(session.messages).toHaveLength(2);
      },
      { store, provider },
    );
    expect(await storedMessages(store)).toEqual([
      "user: New",
      "assistant: Answer",
    ]);
  });
});

describe("a session that was deleted and has become longer than before", () => {
  /** What others do: one who deletes it, and one who writes three turns. */
  async function writeAnew(store: ReturnType<typeof memoryStores>) {
    await store.sessions.delete(KEY);
    for (const first of [0, 2, 4])
      await store.sessions.append(KEY, {
        first,
        messages: [
          { role: "user", content: [{ text: `Other ${first}` }] },
          { role: "assistant", content: [{ text: "Answer to it" }] },
        ],
        writeId: `other-${first}`,
      });
  }

  const others = [0, 2, 4].flatMap((first) => [
    `user: Other ${first}`,
    "assistant: Answer to it",
  ]);

  /** Whose first answer is late. */
  function slow(store: ReturnType<typeof memoryStores>) {
    const requests: ModelRequest[] = [];
    const provider = providerOf(async (request) => {
      requests.push(request);
      if (requests.length === 1) await writeAnew(store);
      return answerOf("Answer");
    });
    return { provider, requests };
  }

  test("is what the turn is written to, and nothing that was deleted comes back", async () => {
    const store = memoryStores();
    await run(({ chat }) => chat("Old"), { store });
    const { provider, requests } = slow(store);
    await run(
      async ({ session, chat }) => {
        await chat("New");
        const now = [...others, "user: New", "assistant: Answer"];
        expect(short(session.messages)).toEqual(now);
        expect(await storedMessages(store)).toEqual(now);
        await chat("Newer");
        expect(short(requests.at(-1)?.messages ?? [])).toEqual([
          ...now,
          "user: Newer",
        ]);
      },
      { store, provider },
    );
  });

  test("is a conflict with all of its turns in the mode reject", async () => {
    const store = memoryStores();
    await run(({ chat }) => chat("Old"), { store });
    const { provider, requests } = slow(store);
    await run(
      async ({ chat }) => {
        const error = await rejection(chat("New"));
        const { newerTurns = [] } = error as SessionConflictError;
        expect(short(newerTurns.flatMap(({ messages }) => messages))).toEqual(
          others,
        );
        await chat("New");
        expect(short(requests.at(-1)?.messages ?? [])).toEqual([
          ...others,
          "user: New",
        ]);
      },
      { store, provider, session: { conflict: "reject" } },
    );
  });

  test("is seen by the next turn in the mode lock", async () => {
    const store = memoryStores();
    const model = new MockProvider();
    await run(
      async ({ chat }) => {
        await chat("Old");
        await writeAnew(store);
        await chat("New");
      },
      { store, model, session: { conflict: "lock" } },
    );
    expect(asked(model)).toEqual([...others, "user: New"]);
  });

  test("is seen when its turns are of another size", async () => {
    const store = memoryStores();
    const model = new MockProvider();
    await run(
      async ({ session, chat }) => {
        session.addMessage("user", "Older");
        await chat("Old");
        await writeAnew(store);
        await chat("New");
      },
      { store, model, session: { conflict: "lock" } },
    );
    expect(asked(model)).toEqual([...others, "user: New"]);
  });

  test("is seen when all that was known of it has expired", async () => {
    let now = Date.now();
    jest.spyOn(Date, "now").mockImplementation(() => now);
    const store = memoryStores();
    const conflict = "lock";
    const earlier = new Session({ store, id: "s1", ttlHours: 1, conflict });
    earlier.addMessage("user", "Old");
    earlier.addMessage("user", "Older");
    await earlier.save();
    now += 2 * 3_600_000;
    const session = new Session({ store, id: "s1", conflict });
    await session.load();
    expect(session.messages).toEqual([]);
    await writeAnew(store);
    session.addMessage("user", "New");
    await session.save();
    expect(short(session.messages)).toEqual([...others, "user: New"]);
  });
});

test("of what others have written meanwhile no more is read than their turns and the one before", async () => {
  const store = memoryStores();
  for (const text of ["One", "Two", "Three"])
    await run(({ chat }) => chat(text), { store });
  const read: number[] = [];
  const observe = before(async ({ context }) => {
    invocationOf(context).events.on("session-load", ({ messages }) =>
      read.push(messages),
    );
  });
  const provider = interrupted(store);
  await run(({ chat }) => chat("Mine"), { store, provider, more: [observe] });
  expect(read).toEqual([6, 4]);
});

test.each(["rebase", "reject", "lock"] as const)(
  "the first turn of an invocation reads the session once, in the mode %s",
  async (conflict) => {
    const { store, counts } = counting();
    await run(({ chat }) => chat("Hi"), { store, session: { conflict } });
    expect(counts).toMatchObject({ load: 1, append: 1 });
  },
);

test.each(["rebase", "reject", "lock"] as const)(
  "an exchange with tools goes on when somebody else's turn comes in between, in the mode %s",
  async (conflict) => {
    const store = memoryStores();
    const use = (toolUseId: string) => ({
      content: [{ toolUse: { toolUseId, name: "look", input: {} } }],
    });
    const resultOf = (toolUseId: string) => [
      { toolResult: { toolUseId, content: [{ text: "seen" }] } },
    ];
    const model = new MockProvider({
      responses: [
        ({ messages }) => {
          const content = messages.at(-1)?.content.at(-1);
          if (content === undefined || "text" in content)
            return content?.text === "Look" ? use("a") : "Fine.";
          const results = JSON.stringify(content);
          return results.includes('"a"') ? use("b") : "Done.";
        },
      ],
    });
    const options = { store, model, session: { conflict } };
    await run(({ chat }) => chat("Before"), {
      ...options,
      model: new MockProvider({ responses: ["Fine."] }),
    });
    await run(async ({ session }) => {
      await session.converse("Look");
      await run(({ chat }) => chat("Hi"), options);
      for (const id of ["a", "b"]) {
        const answer = () => session.converse(resultOf(id));
        await answer().catch(answer);
      }
    }, options);
    await run(async ({ session, chat }) => {
      await chat("Sure?");
      expect(session.repairs).toEqual([]);
    }, options);
    for (const { request } of model.calls)
      validateMessages(request.messages, CLAUDE);
    const expected = ["user: Hi", "assistant: Fine.", "user: Look"];
    const whole = [
      ...["assistant: [toolUse]", "user: [toolResult]"],
      ...["assistant: [toolUse]", "user: [toolResult]"],
      ...["assistant: Done.", "user: Sure?"],
    ];
    expect(asked(model).slice(2)).toEqual([...expected, ...whole]);
    expect(await storedMessages(store)).toHaveLength(12);
  },
);

test("two exchanges with tools at the same time come one after the other in the prompt", async () => {
  const store = memoryStores();
  const turn = async (first: number, ...messages: SessionMessage[]) =>
    store.sessions.append(KEY, { first, messages, writeId: `w${first}` });
  const user = (content: ContentBlock): SessionMessage => ({
    role: "user",
    content: [content],
  });
  const assistant = (content: ContentBlock): SessionMessage => ({
    role: "assistant",
    content: [content],
  });
  const call = (toolUseId: string) =>
    assistant({ toolUse: { toolUseId, name: "look", input: {} } });
  const result = (toolUseId: string) =>
    user({ toolResult: { toolUseId, content: [{ text: "seen" }] } });
  await turn(0, user({ text: "A" }), call("a"));
  await turn(2, user({ text: "B" }), call("b"));
  await turn(4, result("a"), assistant({ text: "A." }));
  await turn(6, result("b"), assistant({ text: "B." }));
  const session = new Session({ store, id: "s1" });
  const history = short(await session.getHistory());
  expect(history).toEqual([
    ...["user: A", "assistant: [toolUse]", "user: [toolResult]"],
    ...["assistant: A.", "user: B", "assistant: [toolUse]"],
    ...["user: [toolResult]", "assistant: B."],
  ]);
  expect(session.repairs).toEqual([]);
  expect(session.messages[2]).toEqual(user({ text: "B" }));
});

describe("ten whole turns at once on one session", () => {
  const TURNS = 10;

  /**
   * A model that lets nobody go on until everybody who is still at it has asked, which is the worst case for those who do
   * not lock.
   */
  function barrier(remaining: () => number) {
    const waiting: (() => void)[] = [];
    const requests: ModelRequest[] = [];
    const check = () => {
      if (waiting.length >= remaining())
        for (const go of waiting.splice(0)) go();
    };
    const provider = providerOf(async (request) => {
      requests.push(request);
      await new Promise<void>((go) => {
        waiting.push(go);
        check();
      });
      return answerOf(
        `Answer to ${textOf(request.messages.at(-1)?.content ?? [])}`,
      );
    });
    return { provider, requests, check };
  }

  /** How many stored answers were made without an earlier turn. */
  async function unseen(
    store: ReturnType<typeof memoryStores>,
    requests: readonly ModelRequest[],
  ): Promise<number> {
    const { turns } = await stored(store);
    const questionOf = (request: ModelRequest) =>
      textOf(request.messages.at(-1)?.content ?? []);
    return turns.filter(({ messages }, position) => {
      const question = textOf(messages[0]?.content ?? []);
      const seen = requests
        .filter((request) => questionOf(request) === question)
        .at(-1)?.messages;
      return (seen?.length ?? 0) < position * 2 + 1;
    }).length;
  }

  async function tenTurns(conflict: ConflictMode) {
    const store = memoryStores();
    let remaining = TURNS;
    const { provider, requests, check } = barrier(() =>
      conflict === "lock" ? 1 : remaining,
    );
    const one = async (number: number) =>
      run(
        async ({ chat }) => {
          for (;;)
            try {
              await chat(`Question ${number}`);
              break;
            } catch (error) {
              if (!SessionConflictError.isInstance(error)) throw error;
            }
          remaining -= 1;
          check();
        },
        {
          store,
          provider,
          session: { conflict },
          context: new MockLambdaContext({ timeoutMs: 600_000 }),
        },
      );
    await Promise.all(Array.from({ length: TURNS }, (_, index) => one(index)));
    const { next } = await stored(store);
    return {
      calls: requests.length,
      unseen: await unseen(store, requests),
      next,
    };
  }

  test("rebase: one call a turn, and nine answers that have not seen an earlier turn", async () => {
    expect(await tenTurns("rebase")).toEqual({
      calls: 10,
      unseen: 9,
      next: 20,
    });
  });

  test("reject, asked again each time: 55 calls at worst, and every answer has seen all", async () => {
    expect(await tenTurns("reject")).toEqual({
      calls: 55,
      unseen: 0,
      next: 20,
    });
  });

  test("lock: one call a turn, and every answer has seen all", async () => {
    expect(await tenTurns("lock")).toEqual({ calls: 10, unseen: 0, next: 20 });
  });
});

describe("the lock", () => {
  const lock = { session: { conflict: "lock" } as const };

  test("is taken before the session is read, and given back after the turn was written", async () => {
    const order: string[] = [];
    const store = storeWith((sessions) => {
      const logged = <Given extends unknown[], Result>(
        name: string,
        method: (...given: Given) => Result,
      ) => {
        return (...given: Given): Result => {
          order.push(name);
          return method(...given);
        };
      };
      return {
        load: logged("load", sessions.load),
        append: logged("append", sessions.append),
        lock: logged("lock", sessions.lock),
        unlock: logged("unlock", sessions.unlock),
      };
    });
    await run(
      async ({ chat }) => {
        await chat("One");
        await chat("Two");
      },
      { store, ...lock },
    );
    expect(order).toEqual([
      ...["lock", "load", "append", "unlock"],
      ...["lock", "load", "append", "unlock"],
    ]);
  });

  test("does not take for the newest what was being read before it was there", async () => {
    const base = memoryStores();
    const release = Promise.withResolvers<void>();
    let loads = 0;
    const store = storeWith(
      ({ load }) => ({
        load: async (...given) => {
          loads += 1;
          const read = await load(...given);
          if (loads === 1) await release.promise;
          return read;
        },
        lock: async () => {
          const other = new Session({ store: base, id: "s1" });
          other.addMessage("user", "Theirs");
          await other.save();
          release.resolve();
          return 1;
        },
      }),
      base,
    );
    await run(
      ({ session, chat }) => Promise.all([session.load(), chat("Mine")]),
      {
        store,
        ...lock,
      },
    );
    expect(await storedMessages(base)).toEqual([
      "user: Theirs",
      "user: Mine",
      "assistant: Mock response",
    ]);
  });

  test("is given back when the turn fails, and is used for save and clear as well", async () => {
    const store = memoryStores();
    await rejection(
      run(({ chat }) => chat("Hi"), {
        store,
        ...lock,
        model: new MockProvider({ responses: [new Error("down")] }),
      }),
    );
    const session = new Session({ store, id: "s1", conflict: "lock" });
    session.addMessage("user", "Noted");
    await session.save();
    await session.clear();
    const options = { owner: "me", leaseMs: 1_000 };
    expect(await store.sessions.lock(KEY, options)).toBeDefined();
  });

  test("has a lease that is as long as the invocation can run", async () => {
    const leases: number[] = [];
    const store = storeWith(({ lock }) => ({
      lock: (key, options) => {
        leases.push(options.leaseMs);
        return lock(key, options);
      },
    }));
    await run(({ chat }) => chat("Hi"), {
      store,
      ...lock,
      context: new MockLambdaContext({ timeoutMs: 100_000 }),
    });
    const session = new Session({ store, id: "s1", conflict: "lock" });
    await session.clear();
    expect(leases[0]).toBeGreaterThan(50_000);
    expect(leases[0]).toBeLessThanOrEqual(101_000);
    expect(leases[1]).toBe(901_000);
  });

  test("that somebody else has all the time is a conflict at the deadline", async () => {
    const store = memoryStores();
    const options = { owner: "other", leaseMs: 600_000 };
    await store.sessions.lock(KEY, options);
    const error = await rejection(
      run(({ chat }) => chat("Hi"), {
        store,
        ...lock,
        context: new MockLambdaContext({ timeoutMs: 1_000 }),
      }),
    );
    expect(error).toBeInstanceOf(SessionConflictError);
    expect(error).toHaveProperty("message", expect.stringContaining("in use"));
  });

  test("that cannot be given back is a warning: what was done under it is done", async () => {
    const warn = jest
      .spyOn(process, "emitWarning")
      .mockImplementation(() => {});
    const failures = [
      new StoreError("No.", { reason: "unavailable", operation: "unlock" }),
      "strange",
    ];
    for (const failure of failures) {
      const store = storeWith(() => ({
        unlock: async () => {
          throw failure;
        },
      }));
      expect(await run(({ chat }) => chat("Hi"), { store, ...lock })).toBe(
        "Mock response",
      );
    }
    expect(warn.mock.calls.map(([message]) => message)).toEqual([
      "The lock of a session could not be given back: No.",
      "The lock of a session could not be given back: strange",
    ]);
  });
});

test("fifty writers at once do not wait with what they have read: few of their tries are in vain", async () => {
  const { sessions } = memoryStores();
  let tries = 0;
  const later = async <T>(value: Promise<T>): Promise<T> => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    return value;
  };
  const store = storeWith(() => ({
    load: (...given) => later(sessions.load(...given)),
    append: (...given) => {
      tries += 1;
      return later(sessions.append(...given));
    },
  }));
  await Promise.all(
    Array.from({ length: 50 }, async (_, writer) => {
      const session = new Session({ store, id: "s1" });
      for (const number of [0, 1, 2, 3]) {
        session.addMessage("user", `${writer}/${number}`);
        await session.save();
      }
    }),
  );
  const messages = await storedMessages({ sessions });
  expect(new Set(messages).size).toBe(200);
  expect(messages).toHaveLength(200);
  // 3 for each on average.
  expect(tries).toBeLessThan(2_000);
});

describe("writers that never stop", () => {
  test("end in a conflict when the time is over", async () => {
    const store = storeWith(({ load }) => ({
      append: async () => false,
      load,
    }));
    const error = await rejection(
      run(({ chat }) => chat("Hi"), {
        store,
        context: new MockLambdaContext({ timeoutMs: 1_500 }),
      }),
    );
    expect(error).toBeInstanceOf(SessionConflictError);
    expect(error).toHaveProperty("retryable", true);
  });

  test("of metadata, too", async () => {
    jest.spyOn(process, "emitWarning").mockImplementation(() => {});
    const store = storeWith(() => ({ saveHeader: async () => undefined }));
    const error = await rejection(
      run(
        async ({ session }) => {
          session.metadata = { title: "Trip" };
          await session.save();
        },
        { store, context: new MockLambdaContext({ timeoutMs: 1_500 }) },
      ),
    );
    expect(error).toBeInstanceOf(SessionConflictError);
    expect(error).toHaveProperty(
      "message",
      expect.stringContaining("all the time"),
    );
  });

  test("end in a conflict after half a minute when nothing limits the time", async () => {
    let now = Date.now();
    jest.spyOn(Date, "now").mockImplementation(() => now);
    const store = storeWith(() => ({
      append: async () => {
        now += 10_000;
        return false;
      },
    }));
    const session = new Session({ store, id: "s1" });
    session.addMessage("user", "Hi");
    await expect(session.save()).rejects.toThrow(
      "others wrote to it all the time",
    );
    expect(session.isModified).toBe(true);
  });
});

describe("the metadata", () => {
  const open = async (
    store: ReturnType<typeof memoryStores>,
    conflict: ConflictMode = "rebase",
  ) => {
    const session = new Session({ store, id: "s1", conflict });
    await session.load();
    return session;
  };

  test("of two writers is merged field by field in the mode rebase", async () => {
    const store = memoryStores();
    const first = await open(store);
    first.metadata = { title: "Trip", language: "en", draft: true };
    await first.save();
    const [mine, theirs] = [await open(store), await open(store)];
    mine.metadata["title"] = "Journey";
    delete mine.metadata["draft"];
    theirs.metadata["language"] = "fr";
    theirs.metadata["stars"] = 5;
    await theirs.save();
    await mine.save();
    const merged = { title: "Journey", language: "fr", stars: 5 };
    expect((await stored(store)).header?.metadata).toEqual(merged);
    expect(mine.metadata).toEqual(merged);
    expect(mine.isModified).toBe(false);
  });

  test("is a conflict in the mode reject, and fresh afterwards", async () => {
    const store = memoryStores();
    const [mine, theirs] = [await open(store, "reject"), await open(store)];
    mine.metadata["title"] = "Mine";
    theirs.metadata["title"] = "Theirs";
    await theirs.save();
    await expect(mine.save()).rejects.toThrow(SessionConflictError);
    expect(mine.metadata).toEqual({ title: "Theirs" });
    mine.metadata["title"] = "Mine";
    await mine.save();
    expect((await stored(store)).header?.metadata).toEqual({ title: "Mine" });
  });

  test("is not overwritten when the change was seen by a turn in between", async () => {
    const store = memoryStores();
    await run(
      async ({ session, chat }) => {
        await session.load();
        session.metadata["mine"] = 1;
        const other = await open(store);
        other.metadata["theirs"] = 2;
        await other.save();
        await chat("Hi");
      },
      { store, session: { conflict: "lock" } },
    );
    expect((await stored(store)).header?.metadata).toEqual({
      mine: 1,
      theirs: 2,
    });
  });

  test("is written once when it is saved twice at the same time", async () => {
    const store = memoryStores();
    const session = await open(store, "reject");
    session.metadata["title"] = "Trip";
    await Promise.all([session.save(), session.save()]);
    expect((await stored(store)).header?.version).toBe(1);
  });

  test("that is changed while it is saved keeps the change", async () => {
    const base = memoryStores();
    const saving = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const store = storeWith(
      ({ saveHeader }) => ({
        saveHeader: async (...given) => {
          saving.resolve();
          await go.promise;
          return saveHeader(...given);
        },
      }),
      base,
    );
    const session = new Session({ store, id: "s1" });
    await session.load();
    session.metadata["a"] = 1;
    const saved = session.save();
    await saving.promise;
    session.metadata["b"] = 2;
    go.resolve();
    await saved;
    expect(session.metadata).toEqual({ a: 1, b: 2 });
    expect(session.isModified).toBe(true);
    await session.save();
    expect((await stored(base)).header?.metadata).toEqual({ a: 1, b: 2 });
  });

  test("that replaces what was read keeps what others have added since", async () => {
    const store = memoryStores();
    const session = await open(store);
    expect(session.metadata).toEqual({});
    const other = await open(store);
    other.metadata["b"] = 2;
    other.addMessage("user", "Theirs");
    await other.save();
    // Reads theirs, because they were first.
    session.addMessage("user", "Mine");
    await session.save();
    session.metadata = { a: 1 };
    await session.save();
    expect((await stored(store)).header?.metadata).toEqual({ a: 1, b: 2 });
  });

  test("that is set without having been read replaces what is stored", async () => {
    const store = memoryStores();
    const first = await open(store);
    first.metadata["x"] = 1;
    await first.save();
    const second = new Session({ store, id: "s1" });
    second.metadata = { a: 1 };
    await second.save();
    expect((await stored(store)).header?.metadata).toEqual({ a: 1 });
  });

  test("shows what others have changed once it is saved, and can be edited on", async () => {
    const store = memoryStores();
    const first = await open(store);
    first.metadata = { a: 1, b: 1 };
    await first.save();
    const [mine, theirs] = [await open(store), await open(store)];
    mine.metadata["a"] = 2;
    theirs.metadata = { a: 1, c: { deep: 1 } };
    await theirs.save();
    await mine.save();
    expect(mine.metadata).toEqual({ a: 2, c: { deep: 1 } });
    expect(mine.isModified).toBe(false);
    Object.assign(Object(mine.metadata["c"]), { deep: 2 });
    expect(mine.isModified).toBe(true);
    await mine.save();
    expect((await stored(store)).header?.metadata).toEqual({
      a: 2,
      c: { deep: 2 },
    });
  });

  test("is changed by a change deep in it", async () => {
    const store = memoryStores();
    const first = await open(store);
    first.metadata["wishes"] = { language: "en" };
    await first.save();
    const second = await open(store);
    Object.assign(Object(second.metadata["wishes"]), { language: "fr" });
    expect(second.isModified).toBe(true);
    await second.save();
    expect((await stored(store)).header?.metadata).toEqual({
      wishes: { language: "fr" },
    });
  });

  test("that others have changed is a conflict, which is told", async () => {
    const store = memoryStores();
    const conflicts: unknown[] = [];
    await run(
      async ({ session }) => {
        await session.load();
        session.metadata["a"] = 1;
        const other = await open(store);
        other.metadata["b"] = 2;
        await other.save();
      },
      {
        store,
        more: [
          before(async ({ context }) => {
            invocationOf(context).events.on("session-conflict", (event) =>
              conflicts.push(event),
            );
          }),
        ],
      },
    );
    expect(conflicts).toEqual([{ mode: "rebase", newerMessages: 0 }]);
    expect((await stored(store)).header?.metadata).toEqual({ a: 1, b: 2 });
  });

  test("of a deleted session is written anew", async () => {
    const store = memoryStores();
    const first = await open(store);
    first.metadata["a"] = 1;
    await first.save();
    const second = await open(store);
    second.metadata["b"] = 2;
    await store.sessions.delete(KEY);
    await second.save();
    expect((await stored(store)).header?.metadata).toEqual({ b: 2 });
  });

  test.each([
    ["a list", [], " must be an object"],
    ["nothing", null, " must be an object"],
    ["a number too large for JSON", { big: 10n }, ".big is a bigint"],
  ])("that is %s is refused", async (_what, metadata, message) => {
    const session = await open(memoryStores());
    session.metadata = metadata as never;
    await expect(session.save()).rejects.toThrow(`session.metadata${message}`);
  });

  test("with hostile names stays data", async () => {
    const store = memoryStores();
    const session = await open(store);
    session.metadata = JSON.parse('{"__proto__":{"admin":true},"a":1}');
    await session.save();
    const again = await open(store);
    expect(Reflect.get(again.metadata, "admin")).toBeUndefined();
    expect(Object.keys(again.metadata).sort()).toEqual(["__proto__", "a"]);
    const other = await open(store);
    other.metadata["b"] = 2;
    await other.save();
    again.metadata["c"] = 3;
    await again.save();
    expect(Reflect.get(again.metadata, "admin")).toBeUndefined();
    expect(Reflect.get(Object.prototype, "admin")).toBeUndefined();
  });

  test("is written again only when less than half of its time is left", async () => {
    let now = Date.now();
    jest.spyOn(Date, "now").mockImplementation(() => now);
    const store = memoryStores();
    const session = await open(store);
    session.metadata["title"] = "Trip";
    await session.save();
    const versions: (number | undefined)[] = [];
    for (let hour = 5; hour <= 30; hour += 5) {
      now += 5 * 3_600_000;
      const later = await open(store);
      later.addMessage("user", `Hour ${hour}`);
      await later.save();
      versions.push((await stored(store)).header?.version);
    }
    expect(versions).toEqual([1, 1, 2, 2, 2, 3]);
  });

  test("for ever stays as it is, and gets there when the option says so", async () => {
    const store = memoryStores();
    const write = async (ttlHours?: number) => {
      const session = new Session({ store, id: "s1", ttlHours });
      session.addMessage("user", "Hi");
      if (ttlHours === undefined) session.metadata = { title: "Trip" };
      await session.save();
      return (await stored(store)).header;
    };
    expect((await write())?.expiresAt).toBeGreaterThan(Date.now());
    const forEver = await write(Number.POSITIVE_INFINITY);
    expect(forEver).not.toHaveProperty("expiresAt");
    expect(await write(Number.POSITIVE_INFINITY)).toEqual(forEver);
  });

  test("lives as long as messages go on being written", async () => {
    let now = Date.now();
    jest.spyOn(Date, "now").mockImplementation(() => now);
    const store = memoryStores();
    const session = await open(store);
    session.metadata["title"] = "Trip";
    await session.save();
    for (let hour = 0; hour < 60; hour += 5) {
      now += 5 * 3_600_000;
      const later = await open(store);
      expect(later.metadata).toEqual({ title: "Trip" });
      later.addMessage("user", `Hour ${hour}`);
      await later.save();
    }
    now += 25 * 3_600_000;
    expect(await stored(store)).toMatchObject({ turns: [], next: 12 });
    expect((await stored(store)).header).toBeUndefined();
  });
});
