import { expect, jest, test } from "@jest/globals";
import { Model, ModelInvocationError } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import { MockLambdaContext, mockModel } from "@lambdallm/testing";

// The error handler takes it when it is loaded.
jest.spyOn(console, "error").mockImplementation(() => {});
const { chatHandler } = await import("../src/chat.ts");

/** What the handlers log: on Lambda it goes to CloudWatch. */
const logged: object[] = [];
const documents: string[] = [];
const log = (record: object) => logged.push(record);
const QUIET = {
  logging: { logger: { debug: log, info: log, warn: log, error: log } },
  metrics: { write: (line: string) => documents.push(line) },
};
const GENEROUS = { dailyBudgetUsd: 100, ...QUIET };

type Handler = ReturnType<typeof chatHandler>;

interface Caller {
  readonly userId?: string;
  readonly timeoutMs?: number;
}

/** The event of a function URL, as far as the handler reads it. */
async function post(
  handler: Handler,
  body: unknown,
  { userId = "AROAACME", timeoutMs = 30_000 }: Caller = {},
) {
  const event = {
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    requestContext: { authorizer: userId ? { iam: { userId } } : undefined },
  };
  // Middy's types want the event as its middlewares leave it.
  const response = await handler(
    event as never,
    new MockLambdaContext({ timeoutMs }),
  );
  const isJson = response.headers["content-type"] === "application/json";
  return {
    status: response.statusCode,
    ...(isJson ? JSON.parse(response.body) : { error: response.body }),
  };
}

test(
  "the second turn knows the first one, also in another function that shares the store",
  mockModel({ responses: ["Hello, Ada!", "Ada."] }, async (model) => {
    const store = memoryStores();
    const first = chatHandler({ store, ...GENEROUS });
    const second = chatHandler({ store, ...GENEROUS });
    const say = (text: string) => ({ sessionId: "s1", text });
    expect(await post(first, say("I am Ada."))).toMatchObject({
      status: 200,
      answer: "Hello, Ada!",
      stopReason: "end_turn",
      costUsd: expect.any(Number),
    });
    await post(second, say("Who am I?"));
    expect(model.calls[1]?.request.messages).toEqual([
      { role: "user", content: [{ text: "I am Ada." }] },
      { role: "assistant", content: [{ text: "Hello, Ada!" }] },
      { role: "user", content: [{ text: "Who am I?" }] },
    ]);
  }),
);

test(
  "tenants do not see each other's sessions, whatever the body says",
  mockModel({}, async (model) => {
    const handler = chatHandler({ store: memoryStores(), ...GENEROUS });
    const body = { sessionId: "s1", text: "Hello", tenant: "AROAACME" };
    await post(handler, body, { userId: "AROAACME" });
    await post(handler, body, { userId: "AROAGLOBEX" });
    expect(model.calls[1]?.request.messages).toHaveLength(1);
  }),
);

test(
  "the sessions of a role share theirs",
  mockModel({}, async (model) => {
    const handler = chatHandler({ store: memoryStores(), ...GENEROUS });
    const body = { sessionId: "s1", text: "Hello" };
    await post(handler, body, { userId: "AROAACME:monday" });
    await post(handler, body, { userId: "AROAACME:tuesday" });
    expect(model.calls[1]?.request.messages).toHaveLength(3);
  }),
);

test(
  "without an authorizer there is no tenant, and no model is called",
  mockModel({}, async (model) => {
    const handler = chatHandler({ store: memoryStores(), ...GENEROUS });
    const body = { sessionId: "s1", text: "Hello" };
    expect(await post(handler, body, { userId: "" })).toMatchObject({
      status: 500,
    });
    expect(model.totalCalls).toBe(0);
  }),
);

test(
  "both messages of two tabs are kept",
  mockModel({ responses: [{ text: "Yes.", delayMs: 20 }] }, async (model) => {
    const handler = chatHandler({ store: memoryStores(), ...GENEROUS });
    const say = (text: string) => post(handler, { sessionId: "s1", text });
    await Promise.all([say("One"), say("Two")]);
    await say("Three");
    expect(model.calls[2]?.request.messages).toHaveLength(5);
  }),
);

// At the price of Claude Haiku 4.5 it is half a cent and more.
const costly = { text: "Yes.", usage: { inputTokens: 5_000, outputTokens: 9 } };

test(
  "a tenant whose budget is used up gets 429, and the others do not",
  mockModel({ responses: [costly] }, async (model) => {
    const store = memoryStores();
    const handler = chatHandler({ store, dailyBudgetUsd: 0.01, ...QUIET });
    const say = (userId: string, sessionId: string) =>
      post(handler, { sessionId, text: "Hello" }, { userId });
    expect(await say("AROAACME", "s1")).toMatchObject({ status: 200 });
    expect(await say("AROAACME", "s2")).toMatchObject({
      status: 429,
      error: expect.stringContaining("budget"),
    });
    expect(await say("AROAGLOBEX", "s1")).toMatchObject({ status: 200 });
    expect(model.totalCalls).toBe(2);
  }),
);

const throttled = (model: string) =>
  new ModelInvocationError("Too many requests.", {
    reason: "throttled",
    model,
    retryable: true,
  });

test(
  "another model answers when the first one is throttled",
  mockModel(
    {
      responses: [
        ({ model }) =>
          model === Model.NOVA_LITE ? "I can help." : throttled(model),
      ],
    },
    async (model) => {
      const handler = chatHandler({ store: memoryStores(), ...GENEROUS });
      const body = { sessionId: "s1", text: "Hello" };
      expect(await post(handler, body)).toMatchObject({
        status: 200,
        answer: "I can help.",
      });
      expect(model.calls.map(({ request }) => request.model)).toEqual([
        Model.CLAUDE_HAIKU_4_5,
        Model.CLAUDE_HAIKU_4_5,
        Model.NOVA_LITE,
      ]);
    },
  ),
);

const story = ["Once", " upon", " a", " time", " it", " ended."];

test(
  "of a model that is too slow there is the text so far, and it says so",
  mockModel(
    { responses: [{ pieces: story, pieceDelayMs: 1_000 }] },
    async () => {
      const handler = chatHandler({ store: memoryStores(), ...GENEROUS });
      const body = { sessionId: "s1", text: "Tell me a story." };
      // Five of these seconds are the guard's.
      const timeoutMs = 10_000;
      expect(await post(handler, body, { timeoutMs })).toMatchObject({
        status: 200,
        answer: expect.stringMatching(/^Once(?!.*ended)/),
        stopReason: "timeout",
      });
    },
  ),
);

test.each([
  ["no session", { text: "Hello" }],
  ["a session id that is no text", { sessionId: 1, text: "Hello" }],
  ["a session id with a separator", { sessionId: "a#b", text: "Hello" }],
  ["no text", { sessionId: "s1" }],
  ["a blank text", { sessionId: "s1", text: " " }],
  ["no object", null],
])(
  "refuses %s with 400",
  mockModel({}, async (model, _name: string, body: unknown) => {
    const handler = chatHandler({ store: memoryStores(), ...GENEROUS });
    expect(await post(handler, body)).toMatchObject({ status: 400 });
    expect(model.totalCalls).toBe(0);
  }),
);

test(
  "what happens is logged and counted, and what is said is not",
  mockModel({ responses: ["Hello, Ada!"] }, async () => {
    logged.length = 0;
    documents.length = 0;
    const handler = chatHandler({ store: memoryStores(), ...GENEROUS });
    await post(handler, { sessionId: "s1", text: "I am Ada." });
    expect(logged).toContainEqual(
      expect.objectContaining({ event: "call-end", attempts: 1 }),
    );
    expect(documents.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ model: Model.CLAUDE_HAIKU_4_5, Calls: 1 }),
    );
    expect(JSON.stringify([logged, documents])).not.toContain("Ada");
  }),
);
