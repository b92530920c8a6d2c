import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import bedrock, { type BedrockOptions } from "@lambdallm/bedrock";
import {
  InvocationTimeoutError,
  ModelInvocationError,
  SessionConflictError,
  StoreError,
  textOf,
  type WithLLM,
} from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import {
  installAwslambda,
  type LocalBedrock,
  startBedrock,
  startFunctionUrl,
} from "@lambdallm/local";
import session, {
  type ConflictMode,
  Session,
  type SessionMiddlewareOptions,
  slidingWindow,
  summary,
  type WithSession,
} from "@lambdallm/session";
import { MockLambdaContext } from "@lambdallm/testing";
import type {
  APIGatewayProxyEventV2,
  Context as LambdaContext,
} from "aws-lambda";
import middy6 from "middy6";
import middy7 from "middy7";
import { executionModeStreamifyResponse } from "middy7/StreamifyResponse";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import {
  injectFaults,
  plainClient,
  recordRequests,
  seeded,
} from "../../../test-support/dynamodb-client.ts";
import { middyMajors } from "../../../test-support/middy.ts";
import { rejection, short } from "./support.ts";

type HandlerContext = LambdaContext & WithLLM & WithSession;
type Stores = ReturnType<typeof dynamoDBStore>;

let local: LocalBedrock;
let table: TestTable;

beforeAll(async () => {
  [local, table] = await Promise.all([
    startBedrock({
      now: () => Date.UTC(2026, 10, 22),
      respond: ({ messages }) => ({
        content: [{ text: `Answer ${(messages.length + 1) / 2}` }],
      }),
    }),
    startTable(),
  ]);
});
beforeEach(() => local.reset());
afterAll(() => Promise.all([local.close(), table.stop()]));

const provider = (options: BedrockOptions = {}) =>
  bedrock({
    region: "us-east-1",
    ...options,
    clientConfig: {
      endpoint: local.url,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    },
  });

function storeOf(client = plainClient(table.clientConfig)): Stores {
  const { tableName } = table;
  // No loaded machine meets it.
  return dynamoDBStore({ tableName, client, timeoutMs: 60_000 });
}

let ids = 0;
const newId = () => {
  ids += 1;
  return `session-${ids}`;
};

/** Ample for a loaded machine. */
const minutes = () => new MockLambdaContext({ timeoutMs: 600_000 });

async function run<Result>(
  id: string,
  handler: (context: HandlerContext) => Promise<Result>,
  {
    middy = middy7,
    store = storeOf(),
    context = minutes(),
    model = provider(),
    ...options
  }: Partial<SessionMiddlewareOptions> & {
    readonly middy?: (typeof middyMajors)[number][1];
    readonly context?: LambdaContext;
    readonly model?: ReturnType<typeof provider>;
  } = {},
): Promise<Result> {
  const chain = middy<unknown, Result, Error, HandlerContext>();
  chain.use({ ...model });
  chain.use(session({ store, id: () => id, ...options }));
  chain.handler(async (_event, given) => handler(given));
  // The middlewares add what is missing to this very context.
  return (await chain({}, context as HandlerContext)) as Result;
}

/** What is stored, read by a client of its own. */
async function messagesOf(id: string) {
  const { turns } = await storeOf().sessions.load({
    tenantId: "default",
    sessionId: id,
  });
  return short(turns.flatMap(({ messages }) => messages));
}

/** The messages of each model request, in short. */
function prompts(): string[][] {
  return local.requests.map(({ body }) => {
    const { messages } = body as { messages: Parameters<typeof short>[0] };
    return short(messages);
  });
}

describe.each(middyMajors)("on %s", (_name, middy) => {
  test("two invocations share a session", async () => {
    const id = newId();
    expect(await run(id, ({ chat }) => chat("One"), { middy })).toBe(
      "Answer 1",
    );
    expect(await run(id, ({ chat }) => chat("Two"), { middy })).toBe(
      "Answer 2",
    );
    expect(prompts().at(-1)).toEqual([
      "user: One",
      "assistant: Answer 1",
      "user: Two",
    ]);
    expect(await messagesOf(id)).toHaveLength(4);
  });

  test("a stream that is cut midway is kept as far as it came, and the next turn goes on", async () => {
    const id = newId();
    local.setFaults([{ cut: "body", afterEvents: 3 }]);
    const error = await rejection(
      run(
        id,
        async ({ chatStream }) => {
          for await (const _text of chatStream("One"));
        },
        { middy },
      ),
    );
    expect(error).toBeInstanceOf(ModelInvocationError);
    const [question, answer] = await messagesOf(id);
    expect(question).toBe("user: One");
    expect(answer).toMatch(/^assistant!: Answ/);
    await run(id, ({ chat }) => chat("Go on"), { middy });
    expect(prompts().at(-1)?.at(-1)).toBe("user: Go on");
  });

  test("an answer that the deadline cuts off is kept as far as it came", async () => {
    const id = newId();
    local.setFaults([{ tokenDelayMs: 60_000 }]);
    const error = await rejection(
      run(
        id,
        (context) => {
          // As a timeout guard does, with ample time to save the turn.
          invocationOf(context).tightenDeadline(Date.now() + 1_500);
          return context.chatStream("One").response;
        },
        { middy },
      ),
    );
    expect(error).toBeInstanceOf(InvocationTimeoutError);
    expect(await messagesOf(id)).toEqual([
      "user: One",
      expect.stringMatching(/^assistant!: /),
    ]);
  });
});

test("a turn is one read, one look at the session's end and one write", async () => {
  const id = newId();
  const client = plainClient(table.clientConfig);
  const requests = recordRequests(client);
  await run(id, ({ chat }) => chat("One"), { store: storeOf(client) });
  expect(requests.map(({ action }) => action)).toEqual([
    "Query",
    "Query",
    "PutItem",
  ]);
});

test("tools, images and metadata come back as they were", async () => {
  const id = newId();
  const bytes = new Uint8Array(300_000).map((_value, index) => index);
  await run(id, async ({ session: own }) => {
    await own.load();
    own.metadata = { title: "größe 🙂", stars: 5 };
    await own.converse([
      { text: "Look" },
      { image: { format: "png", source: { bytes } } },
    ]);
  });
  await run(id, async ({ session: own }) => {
    await own.load();
    expect(own.metadata).toEqual({ title: "größe 🙂", stars: 5 });
    expect(own.messages[0]?.content[1]).toEqual({
      image: { format: "png", source: { bytes } },
    });
    await own.chat("And?");
  });
});

/** In their streaming modes. Typed as 7: what differs is not used here. */
const streaming = {
  "Middy 6": () =>
    middy6<APIGatewayProxyEventV2>({
      streamifyResponse: true,
    }) as unknown as ReturnType<(typeof streaming)["Middy 7"]>,
  "Middy 7": () =>
    middy7<APIGatewayProxyEventV2>({
      executionMode: executionModeStreamifyResponse,
    }),
};

test.each(["Middy 6", "Middy 7"] as const)(
  "the reader of a function URL's stream gets the text, and the turn is stored, on %s",
  async (major) => {
    const id = newId();
    installAwslambda();
    const store = storeOf();
    const handler = streaming[major]()
      .use(provider())
      .use(
        session({ store, id: (event) => event.queryStringParameters?.session }),
      )
      .handler(async (event, { chatStream }) => {
        const stream = chatStream(event.body ?? "");
        await stream.started;
        return {
          statusCode: 200,
          headers: { "content-type": "text/plain" },
          body: stream,
        };
      });
    const url = await startFunctionUrl(handler as never, { timeoutMs: 60_000 });
    try {
      const post = async (body: string) => {
        const answer = await fetch(`${url.url}?session=${id}`, {
          method: "POST",
          body,
        });
        return answer.text();
      };
      expect(await post("One")).toBe("Answer 1");
      expect(await post("Two")).toBe("Answer 2");
      expect(await messagesOf(id)).toEqual([
        "user: One",
        "assistant: Answer 1",
        "user: Two",
        "assistant: Answer 2",
      ]);
      // Lambda does not tell a function that its reader has gone: the turn is stored as well.
      local.setFaults([{ tokenDelayMs: 50 }]);
      const leaving = await fetch(`${url.url}?session=${id}`, {
        method: "POST",
        body: "Three",
      });
      const reader = leaving.body?.getReader();
      await reader?.read();
      await reader?.cancel();
      while ((await messagesOf(id)).length < 6)
        await new Promise((resolve) => setTimeout(resolve, 20));
      expect((await messagesOf(id))[4]).toBe("user: Three");
    } finally {
      await url.close();
    }
  },
);

test("twenty writers at once lose nothing, repeat nothing, and keep the order of each, with faults", async () => {
  const id = newId();
  const client = plainClient(table.clientConfig);
  injectFaults(client, seeded(4_711), {
    lostReplies: 0.15,
    lostRequests: 0.1,
    throttled: 0.05,
  });
  const store = storeOf(client);
  const numbers = [0, 1, 2];
  await Promise.all(
    Array.from({ length: 20 }, async (_, writer) => {
      const own = new Session({ store, id });
      for (const number of numbers) {
        own.addMessage("user", `${writer}/${number}`);
        while (own.isModified)
          try {
            await own.save();
          } catch (error) {
            // A loaded machine may take longer than a writer is patient.
            if (!SessionConflictError.isInstance(error)) throw error;
          }
      }
    }),
  );
  const messages = await messagesOf(id);
  expect(messages).toHaveLength(60);
  for (let writer = 0; writer < 20; writer++)
    expect(
      messages.filter((message) => message.startsWith(`user: ${writer}/`)),
    ).toEqual(numbers.map((number) => `user: ${writer}/${number}`));
});

describe("ten whole turns at once", () => {
  async function tenTurns(conflict: ConflictMode, faults = false) {
    const id = newId();
    const client = plainClient(table.clientConfig);
    if (faults)
      injectFaults(client, seeded(20_261_122), {
        lostReplies: 0.15,
        lostRequests: 0.1,
        throttled: 0.05,
      });
    local.setFaults(() => ({ latencyMs: 60 }));
    const store = storeOf(client);
    const prompt = new Map<string, number>();
    const one = (question: string) =>
      run(
        id,
        async ({ chat }) => {
          for (;;)
            try {
              return await chat(question);
            } catch (error) {
              if (!SessionConflictError.isInstance(error)) throw error;
            }
        },
        { store, conflict },
      );
    const questions = Array.from({ length: 10 }, (_, index) => `Q${index}`);
    await Promise.all(questions.map(one));
    // Of what was asked again, the last request is the one whose answer was stored.
    for (const messages of prompts())
      prompt.set(messages.at(-1)?.replace("user: ", "") ?? "", messages.length);
    const { turns, next } = await storeOf().sessions.load({
      tenantId: "default",
      sessionId: id,
    });
    const asked = turns.map(({ messages }) =>
      textOf(messages[0]?.content ?? []),
    );
    expect(asked.toSorted()).toEqual(questions);
    expect(turns.map(({ first }) => first)).toEqual(
      questions.map((_question, index) => index * 2),
    );
    expect(next).toBe(20);
    return {
      calls: local.requests.length,
      unseen: asked.filter(
        (question, index) => (prompt.get(question) ?? 0) < index * 2 + 1,
      ).length,
    };
  }

  test.each([false, true])(
    "lose nothing and repeat nothing in the mode rebase (faults: %p): one call a turn",
    async (faults) => {
      const { calls, unseen } = await tenTurns("rebase", faults);
      expect(calls).toBe(10);
      // Those that begin later than another one ends have seen it.
      expect(unseen).toBeLessThanOrEqual(9);
    },
  );

  test.each([false, true])(
    "see each other in the mode reject (faults: %p), and take more calls",
    async (faults) => {
      const { calls, unseen } = await tenTurns("reject", faults);
      expect(calls).toBeGreaterThanOrEqual(10);
      expect(unseen).toBe(0);
    },
  );

  test.each([false, true])(
    "see each other in the mode lock (faults: %p): one call a turn",
    async (faults) => {
      expect(await tenTurns("lock", faults)).toEqual({ calls: 10, unseen: 0 });
    },
  );
});

test("a table that does not exist is a StoreError, and the model is not asked", async () => {
  const store = dynamoDBStore({
    tableName: "missing",
    client: plainClient(table.clientConfig),
  });
  const error = await rejection(
    run(newId(), ({ chat }) => chat("One"), { store }),
  );
  expect(error).toBeInstanceOf(StoreError);
  expect(error).toHaveProperty("reason", "not-found");
  expect(local.requests).toHaveLength(0);
});

test("a summary is written once and read instead of what it covers", async () => {
  const id = newId();
  const memory = summary({ trigger: 4, keep: 2 });
  const turn = (text: string) => run(id, ({ chat }) => chat(text), { memory });
  for (const text of ["One", "Two", "Three"]) await turn(text);
  expect(local.requests).toHaveLength(4);
  local.reset();
  await turn("Four");
  const [prompt] = prompts();
  expect(prompt?.[0]).toMatch(/^user: <conversation_summary>/);
  expect(prompt?.slice(1)).toEqual(["assistant: Answer 3", "user: Four"]);
});

test("a session of one store can be copied to another one", async () => {
  const id = newId();
  await run(id, ({ chat }) => chat("One"));
  const from = new Session({ store: storeOf(), id, memory: slidingWindow(50) });
  const target = memoryStores();
  const to = new Session({ store: target, id });
  await from.load();
  for (const { role, content } of from.messages)
    if (role !== "system") to.addMessage(role, content);
  await to.save();
  expect(short(to.messages)).toEqual(await messagesOf(id));
  await from.clear();
  expect(await messagesOf(id)).toEqual([]);
});

test("a summary has its room beside the budget for thinking that every call has", async () => {
  const id = newId();
  const memory = summary({ trigger: 4, keep: 2 });
  const thinking = { type: "enabled", budget_tokens: 2_000 };
  const model = provider({
    bedrock: { additionalModelRequestFields: { thinking } },
  });
  for (let turn = 1; turn <= 3; turn++)
    await run(id, ({ chat }) => chat("Question"), { memory, model });
  const rooms = local.requests.map(
    // Requests that the SDK has written.
    ({ body }) =>
      (body as { inferenceConfig: { maxTokens: number } }).inferenceConfig
        .maxTokens,
  );
  expect(rooms).toEqual([6_096, 6_096, 6_096, 3_500]);
});
