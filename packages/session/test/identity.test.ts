import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import session, {
  Session,
  SessionIdError,
  sessionValidateOptions,
  slidingWindow,
  summary,
  tokenBudget,
} from "@lambdallm/session";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import middy from "@middy/core";
import { middyMajors } from "../../../test-support/middy.ts";
import { rejection, run, storedMessages } from "./support.ts";

const store = memoryStores();
const id = () => "s1";

describe.each(middyMajors)("the id of a session on %s", (_name, middy) => {
  test.each([
    ["is missing", undefined, "The request does not name a session."],
    ["is null", null, "The request does not name a session."],
    ["is empty", "", "The session id is empty."],
    ["is a number", 5, "The session id must be a string, not number."],
    ["has a #", "a#b", /The session id contains "#"/],
    ["has 2 KB", "x".repeat(2_048), /The session id has 2048 bytes/],
  ])(
    "that %s is the caller's mistake: 400, before the handler runs",
    async (_what, given, message) => {
      let ran = false;
      const error = await rejection(
        run(
          async () => {
            ran = true;
          },
          { middy, session: { id: () => given } },
        ),
      );
      expect(error).toBeInstanceOf(SessionIdError);
      expect(error).toMatchObject({
        name: "SessionIdError",
        code: "SESSION_ID",
        statusCode: 400,
        expose: true,
        message: expect.stringMatching(message),
      });
      expect(ran).toBe(false);
    },
  );

  test.each([
    [{ body: { text: "Hi" } }, undefined, /"id" returned undefined for/],
    [{ body: '{"sessionId":"s1"}' }, null, /put httpJsonBodyParser\(\) before/],
  ])(
    "that is missing is explained to the developer, in the cause",
    async (event, given, hint) => {
      const error = await rejection(
        run(async () => "never", {
          middy,
          event,
          session: { id: () => given },
        }),
      );
      expect(error).toMatchObject({
        cause: { message: expect.stringMatching(hint) },
      });
    },
  );

  test("that is a promise is the developer's mistake", async () => {
    const error = await rejection(
      run(async () => "never", { middy, session: { id: async () => "s1" } }),
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toHaveProperty(
      "message",
      'session: the option "id" must return the id, not a promise of it.',
    );
  });

  test("comes from the event and the context, and may be any Unicode text", async () => {
    const seen = await run(async (context) => context.session.id, {
      middy,
      event: { user: "größe 🙂" },
      context: new MockLambdaContext({ functionName: "f" }),
      session: {
        id: (event, { functionName }) => `${functionName}/${event.user}`,
      },
    });
    expect(seen).toBe("f/größe 🙂");
  });

  test.each([
    [
      "written differently in Unicode",
      "é".normalize("NFC"),
      "é".normalize("NFD"),
    ],
    ["with control characters", "a\u0000b", "ab"],
    ["of JavaScript's own", "__proto__", "constructor"],
    ["with and without a space", "a ", "a"],
  ])("ids %s are those of two sessions", async (_what, one, other) => {
    const shared = memoryStores();
    for (const sessionId of [one, other])
      await run(({ chat }) => chat("Hi"), {
        middy,
        store: shared,
        session: { id: () => sessionId },
      });
    for (const sessionId of [one, other])
      expect(await storedMessages(shared, { sessionId })).toHaveLength(2);
  });

  test("an id function that fails, fails the invocation with its own error", async () => {
    const error = await rejection(
      run(async () => {}, {
        middy,
        event: {},
        session: { id: (event) => event.body.sessionId },
      }),
    );
    expect(error).toBeInstanceOf(TypeError);
  });

  test("sessions of the same id are different ones for different tenants", async () => {
    const shared = memoryStores();
    const model = new MockProvider();
    const as = (tenantId: string) => ({
      middy,
      store: shared,
      model,
      event: { tenantId },
      session: { tenant: (event: { tenantId: string }) => event.tenantId },
    });
    await run(({ chat }) => chat("Ours"), as("a"));
    await run(async ({ session: own, chat }) => {
      await own.load();
      expect(own.messages).toEqual([]);
      expect(own.tenant).toBe("b");
      await chat("Theirs");
    }, as("b"));
    expect(await storedMessages(shared, { tenantId: "a" })).toEqual([
      "user: Ours",
      "assistant: Mock response",
    ]);
    expect(await storedMessages(shared, { tenantId: "b" })).toEqual([
      "user: Theirs",
      "assistant: Mock response",
    ]);
    expect(await storedMessages(shared)).toEqual([]);
  });

  test.each([[undefined], [""], ["a#b"], [7]])(
    "a tenant that is %p fails, and is never the default one",
    async (tenant) => {
      const error = await rejection(
        run(async () => {}, { middy, session: { tenant: () => tenant } }),
      );
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toHaveProperty(
        "message",
        expect.stringContaining('"tenant"'),
      );
    },
  );

  describe("the tenant of Lambda's tenant isolation", () => {
    const contextOf = (tenantId: unknown) =>
      Object.assign(new MockLambdaContext(), {
        tenantId: tenantId as string | undefined,
      });

    test("is the tenant of its sessions, and of those without the middleware", async () => {
      const shared = memoryStores();
      const context = contextOf("blue");
      await run(
        async ({ session: own, chat }) => {
          expect(own.tenant).toBe("blue");
          expect(new Session({ store, id: "s2", context }).tenant).toBe("blue");
          await chat("Ours");
        },
        { middy, store: shared, context },
      );
      expect(await storedMessages(shared, { tenantId: "blue" })).toEqual([
        "user: Ours",
        "assistant: Mock response",
      ]);
      expect(await storedMessages(shared)).toEqual([]);
    });

    test("is found in a durable context", async () => {
      const context = Object.assign(new MockLambdaContext(), {
        lambdaContext: contextOf("blue"),
      });
      await run(async ({ session: own }) => expect(own.tenant).toBe("blue"), {
        middy,
        context,
      });
    });

    test("stands back behind the option", async () => {
      const context = contextOf("blue");
      await run(
        async ({ session: own }) => {
          expect(own.tenant).toBe("green");
          const other = { store, id: "s2", context, tenant: "red" };
          expect(new Session(other).tenant).toBe("red");
        },
        { middy, context, session: { tenant: () => "green" } },
      );
    });

    test.each([[undefined], [null]])("may be missing: %p", async (tenantId) => {
      await run(
        async ({ session: own }) => expect(own.tenant).toBe("default"),
        { middy, context: contextOf(tenantId) },
      );
    });

    test.each([
      ["", "The context.tenantId is empty."],
      [7, "The context.tenantId must be a string, not number."],
      [
        "a#b",
        'The context.tenantId contains "#", which separates the parts of a key.',
      ],
    ])("is refused by name when it is %p", async (tenantId, message) => {
      const error = await rejection(
        run(async () => {}, { middy, context: contextOf(tenantId) }),
      );
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toHaveProperty("message", message);
    });
  });

  test("two sessions in one invocation are refused", async () => {
    const chain = middy()
      .use(new MockProvider().middleware())
      .use(session({ store, id }))
      .use(session({ store, id }))
      .handler(async () => {});
    await expect(chain({}, new MockLambdaContext() as never)).rejects.toThrow(
      "there is a session in this invocation already",
    );
  });

  test("without a provider before it, the error says what to do", async () => {
    const chain = middy()
      .use(session({ store, id }))
      .handler(async () => {});
    await expect(chain({}, new MockLambdaContext() as never)).rejects.toThrow(
      "add .use(bedrock()) before session",
    );
  });

  test("its `after` alone does nothing", async () => {
    const { after } = session({ store, id });
    const chain = middy()
      .use({ after })
      .handler(async () => "fine");
    expect(await chain({}, new MockLambdaContext() as never)).toBe("fine");
  });
});

test("a context that is used again without a session has none", async () => {
  const context = new MockLambdaContext();
  await run(async ({ session: own }) => expect(own).toBeDefined(), { context });
  const chain = middy()
    .use(new MockProvider().middleware())
    .handler(async (_event, again) => Reflect.get(again, "session"));
  expect(await chain({}, context)).toBeUndefined();
});

describe("the options", () => {
  test.each([
    [{ id }, 'session: the option "store" is missing.'],
    [{ store }, 'session: the option "id" is missing.'],
    [{ store: {}, id }, /"store" must be an object with `sessions`/],
    [{ store, id: "s1" }, /"id" must be a function/],
    [{ store, id, tenant: "t" }, /"tenant" must be a function/],
    [{ store, id, idempotencyKey: "k" }, /"idempotencyKey" must be a function/],
    [{ store, id, ttlHours: 0 }, /"ttlHours" must be a number above 0/],
    [{ store, id, ttlHours: Number.NaN }, /"ttlHours" must be/],
    [
      { store, id, ttlHours: Number.MAX_SAFE_INTEGER },
      /"ttlHours" must be .* at most 876000/,
    ],
    [{ store, id, ttlHours: "24" }, /"ttlHours" must be/],
    [{ store, id, memory: "full" }, /"memory" must be full\(\)/],
    [{ store, id, memory: { kind: "all" } }, /"memory" must be full\(\)/],
    [{ store, id, conflict: "merge" }, /"conflict" must be one of rebase/],
    [{ store, id, tll: 5 }, /there is no option "tll"/],
    ["store", /must be an object/],
  ])("%p are refused at cold start", (options, message) => {
    expect(() => session(options as never)).toThrow(message);
    expect(() => sessionValidateOptions(options)).toThrow(ConfigurationError);
  });

  test.each([
    [{ id: "s1" }, 'Session: the option "store" is missing.'],
    [{ store }, 'Session: the option "id" is missing.'],
    [{ store, id: 5 }, /"id" must be a non-empty string/],
    [{ store, id: "a#b" }, /The session id contains "#"/],
    [{ store, id: "s1", tenant: "a#b" }, /The tenant contains "#"/],
    [{ store, id: "s1", context: 5 }, /"context" must be an object/],
    [{ store, id: "s1", context: {} }, /No model provider is in use/],
    [{ store, id: "s1", tenantId: "x" }, /there is no option "tenantId"/],
    [{ store, id: "s1", idempotencyKey: "" }, /"idempotencyKey" must be a/],
  ])("%p are refused by new Session()", (options, message) => {
    expect(() => new Session(options as never)).toThrow(message);
    expect(() => new Session(options as never)).toThrow(ConfigurationError);
  });

  test("undefined is as good as left out", async () => {
    const chain = middy()
      .use(new MockProvider().middleware())
      .use(
        session({
          store,
          id,
          ttlHours: undefined,
          memory: undefined,
          conflict: undefined,
        }),
      )
      .handler(async (_event, { chat }) => chat("Hi"));
    expect(await chain({}, new MockLambdaContext() as never)).toBe(
      "Mock response",
    );
  });

  test("of summary() have defaults", () => {
    expect(summary()).toEqual({ kind: "summary", trigger: 40, keep: 10 });
  });

  test.each([
    [() => slidingWindow(0), /slidingWindow: .*"messages" must be a positive/],
    [() => slidingWindow(1.5), /"messages"/],
    [() => tokenBudget(-1), /tokenBudget: .*"tokens" must be a positive/],
    [() => summary({ trigger: 0 }), /summary: .*"trigger"/],
    [() => summary({ keep: "5" as never }), /"keep" must be/],
    [() => summary({ trigger: 5, keep: 5 }), /"keep" must be less/],
    [() => summary({ model: "" }), /"model" must be/],
    [() => summary({ size: 5 } as never), /there is no option "size"/],
  ])("of memory strategies are checked: %#", (make, message) => {
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(message);
  });
});
