import { afterEach, describe, expect, jest, test } from "@jest/globals";
import {
  ConfigurationError,
  GuardrailError,
  InvocationTimeoutError,
  ModelInvocationError,
  StoreError,
} from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import {
  type MockAnswer,
  MockLambdaContext,
  MockProvider,
} from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  asked,
  before,
  MODEL,
  providerOf,
  rejection,
  run,
  stored,
  storedMessages,
  storeWith,
} from "./support.ts";

afterEach(() => {
  jest.restoreAllMocks();
});

/** The model has until 500 ms before the end. */
const shortly = () => new MockLambdaContext({ timeoutMs: 1_500 });

describe.each(middyMajors)("a turn that fails, on %s", (_name, middy) => {
  test("is kept with its question when the time was over before the answer began", async () => {
    const store = memoryStores();
    const model = new MockProvider({
      responses: [{ delayMs: Number.POSITIVE_INFINITY }, "Paris."],
    });
    const error = await rejection(
      run(({ chat }) => chat("The capital of France?"), {
        middy,
        store,
        model,
        context: shortly(),
      }),
    );
    expect(error).toBeInstanceOf(InvocationTimeoutError);
    expect(await storedMessages(store)).toEqual([
      "user: The capital of France?",
      "assistant!: ",
    ]);
    await run(({ chat }) => chat("Please?"), { middy, store, model });
    expect(asked(model)).toEqual(["user: The capital of France?|Please?"]);
  });

  test("is kept with the text that had arrived when the time was over in a stream", async () => {
    const store = memoryStores();
    const answer: MockAnswer = {
      pieces: ["Once ", "upon ", "a time"],
      pieceDelayMs: 300,
    };
    const model = new MockProvider({ responses: [answer, "The end."] });
    const seen: string[] = [];
    const error = await rejection(
      run(
        async ({ chatStream }) => {
          for await (const text of chatStream("A story")) seen.push(text);
        },
        // The third piece would come after the deadline.
        {
          middy,
          store,
          model,
          context: new MockLambdaContext({ timeoutMs: 1_350 }),
        },
      ),
    );
    expect(error).toBeInstanceOf(InvocationTimeoutError);
    expect(await storedMessages(store)).toEqual([
      "user: A story",
      `assistant!: ${seen.join("")}`,
    ]);
    await run(({ chat }) => chat("Go on"), { middy, store, model });
    expect(asked(model).at(-1)).toContain("Go on");
  });

  test("is kept, and its text is returned, when the timeout guard truncates", async () => {
    const store = memoryStores();
    const truncate = before(async ({ context }) => {
      invocationOf(context).timeoutStrategy = "truncate";
    });
    const provider = providerOf(async () =>
      answerOf("Half a", { stopReason: "timeout" }),
    );
    const text = await run(({ chat }) => chat("A story"), {
      middy,
      store,
      provider,
      more: [truncate],
    });
    expect(text).toBe("Half a");
    expect(await storedMessages(store)).toEqual([
      "user: A story",
      "assistant!: Half a",
    ]);
  });

  test("is kept with what the error says had arrived", async () => {
    const store = memoryStores();
    const failure = new ModelInvocationError("It broke off.", {
      reason: "interrupted",
      model: MODEL,
      billed: "partial",
      partial: answerOf("Once upon"),
    });
    const error = await rejection(
      run(({ chat }) => chat("A story"), {
        middy,
        store,
        model: new MockProvider({ responses: [failure] }),
      }),
    );
    expect(error).toBe(failure);
    expect(await storedMessages(store)).toEqual([
      "user: A story",
      "assistant!: Once upon",
    ]);
  });

  test("is kept with the text that was seen when a stream fails midway", async () => {
    const store = memoryStores();
    const failure = new Error("lost");
    const model = new MockProvider({
      responses: [{ pieces: ["Once ", "upon"], error: failure }],
    });
    const error = await rejection(
      run(
        async ({ chatStream }) => {
          for await (const _text of chatStream("A story"));
        },
        { middy, store, model },
      ),
    );
    expect(error).toBe(failure);
    expect(await storedMessages(store)).toEqual([
      "user: A story",
      "assistant!: Once upon",
    ]);
  });

  test("is kept when the reader leaves the loop, before the loop is left", async () => {
    const store = memoryStores();
    const model = new MockProvider({
      responses: [{ pieces: ["Once ", "upon "], pieceDelayMs: 60_000 }],
    });
    const chatting = providerOf(async (request) => {
      request.onDelta?.({ kind: "text", text: "Once " });
      return model.call(request);
    });
    await run(
      async ({ chatStream }) => {
        for await (const _text of chatStream("A story")) break;
        expect(await storedMessages(store)).toEqual([
          "user: A story",
          "assistant!: Once ",
        ]);
      },
      {
        middy,
        store,
        provider: chatting,
        context: new MockLambdaContext({ timeoutMs: 600_000 }),
      },
    );
  });
});

test.each(["malformed_model_output", "model_context_window_exceeded"])(
  "an answer that ends with %s is kept as incomplete",
  async (stopReason) => {
    const store = memoryStores();
    const provider = providerOf(async () => answerOf("Half", { stopReason }));
    const error = await rejection(
      run(({ chat }) => chat("Hi"), { store, provider }),
    );
    expect(error).toBeInstanceOf(ModelInvocationError);
    expect(await storedMessages(store)).toEqual([
      "user: Hi",
      "assistant!: Half",
    ]);
  },
);

test.each(["guardrail_intervened", "content_filtered"])(
  "of a turn that ends with %s nothing is kept: it would be refused in every later turn",
  async (stopReason) => {
    const store = memoryStores();
    const provider = providerOf(async () => answerOf("No.", { stopReason }));
    const error = await rejection(
      run(({ chat }) => chat("Hi"), { store, provider }),
    );
    expect(error).toBeInstanceOf(GuardrailError);
    expect((await stored(store)).next).toBe(0);
  },
);

test("an answer that was cut at maxTokens is a whole one", async () => {
  const store = memoryStores();
  const provider = providerOf(async () =>
    answerOf("Half", { stopReason: "max_tokens" }),
  );
  expect(await run(({ chat }) => chat("Hi"), { store, provider })).toBe("Half");
  expect(await storedMessages(store)).toEqual(["user: Hi", "assistant: Half"]);
});

test("an empty answer is stored, and left out of the prompt", async () => {
  const store = memoryStores();
  const model = new MockProvider({ responses: [{ content: [] }, "Hello."] });
  expect(await run(({ chat }) => chat("Hi"), { store, model })).toBe("");
  await run(({ chat }) => chat("Hello?"), { store, model });
  expect(asked(model)).toEqual(["user: Hi|Hello?"]);
});

test.each([
  [
    "throttled",
    new ModelInvocationError("Throttled.", {
      reason: "throttled",
      model: MODEL,
    }),
  ],
  ["refused by another middleware", new ConfigurationError("No budget.")],
])(
  "nothing is kept of a call that was %s: the question is the caller's to send again",
  async (_what, failure) => {
    const store = memoryStores();
    const model = new MockProvider({ responses: [failure] });
    await rejection(
      run(
        async ({ session, chat }) => {
          session.addMessage("user", "Before");
          const error = await rejection(chat("Hi"));
          expect(error).toBe(failure);
          expect(session.isModified).toBe(true);
          await session.save();
          throw error;
        },
        { store, model },
      ),
    );
    expect(await storedMessages(store)).toEqual(["user: Before"]);
  },
);

test.each([
  ["aborted", "unknown", ["user: Hi", "assistant!: "]],
  ["connection", "unknown", ["user: Hi", "assistant!: "]],
  // It was not sent.
  ["aborted", "none", []],
  ["connection", "none", []],
] as const)(
  "a call that failed as %s, billed %s, is kept as %j",
  async (reason, billed, kept) => {
    const store = memoryStores();
    const failure = new ModelInvocationError("Gone.", {
      reason,
      billed,
      model: MODEL,
    });
    const model = new MockProvider({ responses: [failure] });
    await rejection(run(({ chat }) => chat("Hi"), { store, model }));
    expect(await storedMessages(store)).toEqual(kept);
  },
);

test("of an answer that broke off only its text goes to the model again", async () => {
  const store = memoryStores();
  const partial = answerOf("Let me see", {
    message: {
      role: "assistant",
      content: [
        { reasoningContent: { reasoningText: { text: "Hm" } } },
        { text: "Let me see" },
        { toolUse: { toolUseId: "t1", name: "clock", input: "{" } },
      ],
    },
  });
  const failure = new InvocationTimeoutError("Too late.", partial);
  const model = new MockProvider({ responses: [failure, "Fine."] });
  await rejection(run(({ chat }) => chat("Hi"), { store, model }));
  await run(
    async ({ session, chat }) => {
      await chat("And?");
      expect(session.repairs).toEqual([]);
    },
    { store, model },
  );
  expect(asked(model)).toEqual([
    "user: Hi",
    "assistant: Let me see",
    "user: And?",
  ]);
  expect(await storedMessages(store)).toContain(
    "assistant!: [reasoningContent]|Let me see|[toolUse]",
  );
});

test("when such a turn cannot be stored, the store's error is thrown: the model's was an event already", async () => {
  const failure = new StoreError("No.", {
    reason: "unavailable",
    operation: "append",
  });
  const store = storeWith(() => ({
    append: async () => {
      throw failure;
    },
  }));
  const model = new MockProvider({
    responses: [{ pieces: ["Once"], error: new Error("lost") }],
  });
  const heard: unknown[] = [];
  const observe = before(async ({ context }) => {
    invocationOf(context).events.on("call-error", ({ error }) => {
      heard.push(error);
    });
  });
  const error = await rejection(
    run(({ chatStream }) => chatStream("A story").response, {
      store,
      model,
      more: [observe],
    }),
  );
  expect(error).toBe(failure);
  expect(heard).toEqual([new Error("lost")]);
});

test("what an observer of session.converse throws ends the call, and the turn is kept", async () => {
  const store = memoryStores();
  const failure = new Error("observer");
  const error = await rejection(
    run(
      ({ session }) =>
        session.converse("A story", {
          onDelta: () => {
            throw failure;
          },
        }),
      { store, model: new MockProvider({ responses: ["Once upon"] }) },
    ),
  );
  expect(error).toBe(failure);
  expect(await storedMessages(store)).toEqual([
    "user: A story",
    "assistant!: Once ",
  ]);
});

test("an answer whose onResponse throws is stored whole", async () => {
  const store = memoryStores();
  const failure = new Error("observer");
  const onResponse = () => {
    throw failure;
  };
  await run(
    async ({ chat, chatStream }) => {
      expect(await rejection(chat("One", { onResponse }))).toBe(failure);
      const { response } = chatStream("Two", { onResponse });
      expect(await rejection(response)).toBe(failure);
    },
    { store },
  );
  expect(await storedMessages(store)).toEqual([
    "user: One",
    "assistant: Mock response",
    "user: Two",
    "assistant: Mock response",
  ]);
});

test("a store that hangs is given up in time, and the caller gets a StoreError", async () => {
  jest.spyOn(process, "emitWarning").mockImplementation(() => {});
  const hanging = () => new Promise<never>(() => {});
  const load = storeWith(() => ({ load: hanging }));
  const append = storeWith(() => ({ append: hanging }));
  for (const [operation, store] of Object.entries({ load, append })) {
    const error = await rejection(
      run(({ chat }) => chat("Hi"), { store, context: shortly() }),
    );
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ reason: "timeout", operation });
  }
});

test("a turn is saved even when the call itself was given up because something around it hangs", async () => {
  const store = memoryStores();
  const hang = before(async ({ context }) => {
    invocationOf(context).intercept(
      "call",
      "hang",
      () => new Promise(() => {}),
    );
  });
  const error = await rejection(
    run(({ chat }) => chat("Hi"), { store, more: [hang], context: shortly() }),
  );
  expect(error).toBeInstanceOf(InvocationTimeoutError);
  expect(await storedMessages(store)).toEqual(["user: Hi", "assistant!: "]);
});
