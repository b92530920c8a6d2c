import bedrock from "@lambdallm/bedrock";
import type {
  ContentBlock,
  JsonValue,
  ModelResponse,
  TextStream,
} from "@lambdallm/core";
import type { InvocationEvents } from "@lambdallm/core/feature";
import { memoryStores, type SessionMessage } from "@lambdallm/core/stores";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import session, { full, Session, slidingWindow } from "@lambdallm/session";
import middy6 from "middy6";
import middy7 from "middy7";
import { describe, expect, test } from "tstyche";

interface ChatEvent {
  readonly body: { readonly sessionId: string; readonly text: string };
}

const store = memoryStores();

describe("Middy 7", () => {
  test("the handler's context has the session and the model functions, and the event keeps its type", () => {
    middy7<ChatEvent>()
      .use(bedrock())
      .use(session({ store, id: (event) => event.body.sessionId }))
      .handler(async (event, context) => {
        expect(event).type.toBe<ChatEvent>();
        expect(context.session).type.toBe<Session>();
        expect(context.chat(event.body.text)).type.toBe<Promise<string>>();
        expect(context.chatStream("Hi")).type.toBe<TextStream>();
        expect(context.llm.session).type.toBe<Session>();
        expect(context.llm.chat("Hi")).type.toBe<Promise<string>>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
        expect(context.awsRequestId).type.toBe<string>();
      });
  });

  test("and in an array", () => {
    middy7<ChatEvent>()
      .use([bedrock(), session({ store, id: () => "s1" })])
      .handler(async (event, context) => {
        expect(event.body.text).type.toBe<string>();
        expect(context.chat("Hi")).type.toBe<Promise<string>>();
      });
  });

  test("a durable handler has it on context.llm", () => {
    middy7()
      .use(bedrock({ durable: true }))
      .use(session({ store, id: () => "s1" }))
      .handler(async (_event, context) => {
        expect(context.llm.chat("Hi")).type.toBe<Promise<string>>();
        expect(context.llm.invoke("Hi")).type.toBe<Promise<string>>();
        expect(context).type.not.toHaveProperty("invoke");
      });
  });
});

describe("Middy 6", () => {
  test("the handler's context has the session and the model functions, and the event keeps its type", () => {
    middy6<ChatEvent>()
      .use(bedrock())
      .use(session({ store, id: (event) => event.body.sessionId }))
      .handler(async (event, context) => {
        expect(event).type.toBe<ChatEvent>();
        expect(context.session).type.toBe<Session>();
        expect(context.chat("Hi")).type.toBe<Promise<string>>();
        expect(context.llm.chatStream("Hi")).type.toBe<TextStream>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });
});

test("options are typed, and the event when it is named", () => {
  const id = () => "s1";
  expect(session).type.toBeCallableWith({ store, id });
  expect(session).type.toBeCallableWith({
    store: dynamoDBStore({ tableName: "t" }),
    id,
    tenant: () => "acme",
    ttlHours: 1,
    memory: slidingWindow(5),
    conflict: "lock",
  });
  expect(session).type.toBeCallableWith({
    store,
    id: (event: ChatEvent) => event.body.sessionId,
  });
  expect(session<ChatEvent>).type.toBeCallableWith({
    store,
    id: (event: ChatEvent) => event.body.sessionId,
    idempotencyKey: (event: ChatEvent) => event.body.text,
  });
  expect(session<ChatEvent>).type.not.toBeCallableWith({
    store,
    id: (event: { readonly user: string }) => event.user,
  });
  expect(session).type.not.toBeCallableWith({ store, id, idempotencyKey: "k" });
  expect(Session).type.toBeConstructableWith({
    store,
    id: "s1",
    idempotencyKey: "m1",
  });
  expect(session).type.not.toBeCallableWith({ store });
  expect(session).type.not.toBeCallableWith({ id });
  expect(session).type.not.toBeCallableWith({ store, id: "s1" });
  expect(session).type.not.toBeCallableWith({ store, id, conflict: "merge" });
  expect(session).type.not.toBeCallableWith({ store, id, tll: 1 });
});

test("a Session's methods are typed", () => {
  const own = new Session({ store, id: "s1", memory: full() });
  expect(own.messages).type.toBe<readonly SessionMessage[]>();
  expect(own.metadata).type.toBe<Record<string, JsonValue>>();
  expect(own.addMessage).type.toBeCallableWith("user", "Hi");
  expect(own.addMessage).type.toBeCallableWith("assistant", [{ text: "Hi" }]);
  expect(own.addMessage).type.not.toBeCallableWith("system", "Hi");
  expect(own.chat).type.toBeCallableWith("Hi", { maxTokens: 5 });
  expect(own.chat).type.toBeCallableWith([] as readonly ContentBlock[]);
  expect(own.chat).type.not.toBeCallableWith("Hi", { tools: [] });
  expect(own.converse("Hi", { tools: [] })).type.toBe<Promise<ModelResponse>>();
  expect(own.converse).type.not.toBeCallableWith("Hi", { messages: [] });
});

test("the events are known", () => {
  expect<InvocationEvents["session-save"]>().type.toHaveProperty("incomplete");
  expect<InvocationEvents["session-conflict"]>().type.toHaveProperty("mode");
});
