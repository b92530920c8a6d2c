import { type ContentBlock, Model, type WithLLM } from "@lambdallm/core";
import {
  type MiddyMiddleware,
  type ModelRequest,
  type Provider,
  type ProviderResponse,
  providerMiddleware,
} from "@lambdallm/core/feature";
import {
  memoryStores,
  type SessionStore,
  type StoredSession,
} from "@lambdallm/core/stores";
import session, {
  type SessionMiddlewareOptions,
  type SessionStores,
  type WithSession,
} from "@lambdallm/session";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import type { Context as LambdaContext } from "aws-lambda";
import { middyMajors } from "../../../test-support/middy.ts";

export type Middy = (typeof middyMajors)[number][1];
export type HandlerContext = LambdaContext & WithLLM & WithSession;
export type Chain = MiddyMiddleware<HandlerContext>;

export const MODEL = Model.CLAUDE_HAIKU_4_5;
export const KEY = { tenantId: "default", sessionId: "s1" };

export interface RunOptions {
  readonly middy?: Middy;
  readonly provider?: MiddyMiddleware<LambdaContext & WithLLM>;
  readonly model?: MockProvider;
  readonly store?: SessionStores;
  readonly session?: Partial<SessionMiddlewareOptions>;
  /** Middlewares after the session's. */
  readonly more?: readonly Chain[];
  readonly event?: unknown;
  readonly context?: LambdaContext;
}

/** The newest Middy; tests that are not about Middy use this one. */
const [, [, newest]] = middyMajors as [
  (typeof middyMajors)[number],
  (typeof middyMajors)[number],
];

/** Runs one invocation of a handler behind a provider and a session. */
export async function run<Result>(
  handler: (context: HandlerContext) => Promise<Result>,
  options: RunOptions = {},
): Promise<Result> {
  const { middy = newest, model = new MockProvider() } = options;
  const { provider = model.middleware(), more = [] } = options;
  const { event = {}, context = new MockLambdaContext() } = options;
  const chain = middy<unknown, Result, Error, HandlerContext>();
  chain.use({ ...provider });
  chain.use(
    session({
      store: options.store ?? memoryStores(),
      id: () => "s1",
      ...options.session,
    }),
  );
  for (const middleware of more) chain.use({ ...middleware });
  chain.handler(async (_event, handlerContext) => handler(handlerContext));
  // The middlewares add what is missing to this very context.
  return (await chain(event, context as HandlerContext)) as Result;
}

/** What is in the store, read past the session. */
export async function stored(
  store: SessionStores,
  key: Partial<typeof KEY> = {},
): Promise<StoredSession> {
  return store.sessions.load({ ...KEY, ...key });
}

/** Messages in short: "user: text", with "!" for what is incomplete. */
export function short(
  messages: readonly {
    readonly role: string;
    readonly content: readonly ContentBlock[];
    readonly incomplete?: true;
  }[],
): string[] {
  return messages.map(({ role, content, incomplete }) => {
    const parts = content.map((block) =>
      "text" in block ? block.text : `[${Object.keys(block).join()}]`,
    );
    return `${role}${incomplete ? "!" : ""}: ${parts.join("|")}`;
  });
}

export async function storedMessages(
  store: SessionStores,
  key: Partial<typeof KEY> = {},
): Promise<string[]> {
  const { turns } = await stored(store, key);
  return short(turns.flatMap(({ messages }) => messages));
}

/** The messages of a call, in short. */
export function asked(model: MockProvider, index = -1): string[] {
  return short(model.calls.at(index)?.request.messages ?? []);
}

/** A store whose methods can be replaced one by one. */
export function storeWith(
  change: (sessions: SessionStore) => Partial<SessionStore>,
  base: SessionStores = memoryStores(),
): SessionStores {
  const { sessions } = base;
  const methods: SessionStore = {
    load: (...given) => sessions.load(...given),
    append: (...given) => sessions.append(...given),
    saveSummary: (...given) => sessions.saveSummary(...given),
    saveHeader: (...given) => sessions.saveHeader(...given),
    lock: (...given) => sessions.lock(...given),
    unlock: (...given) => sessions.unlock(...given),
    delete: (...given) => sessions.delete(...given),
  };
  return { sessions: { ...methods, ...change(methods) } };
}

/** Counts the calls of each method. */
export function counting(base: SessionStores = memoryStores()) {
  const counts: Record<string, number> = {};
  const sessions = new Proxy(base.sessions, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (...given: unknown[]) => {
        counts[String(name)] = (counts[String(name)] ?? 0) + 1;
        return method.apply(target, given);
      };
    },
  });
  return { store: { sessions }, counts };
}

/** A provider made of one function. */
export function providerOf(
  call: (request: ModelRequest) => Promise<ProviderResponse>,
  more: Partial<Provider> = {},
): Required<MiddyMiddleware<LambdaContext & WithLLM>> {
  return providerMiddleware({
    provider: { name: "test", call, ...more },
    defaults: { model: MODEL },
  });
}

export function answerOf(
  text: string,
  changes: Partial<ProviderResponse> = {},
): ProviderResponse {
  return {
    message: { role: "assistant", content: text === "" ? [] : [{ text }] },
    text,
    stopReason: "end_turn",
    usage: {
      inputTokens: 10,
      outputTokens: 2,
      totalTokens: 12,
      cacheReadInputTokens: 0,
      cacheWriteInputTokens: 0,
    },
    model: MODEL,
    latencyMs: 7,
    ...changes,
  };
}

/** What a promise was rejected with; the test fails when it was not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const nothing = Symbol("not rejected");
  const reason = await promise.then(
    () => nothing,
    (error: unknown) => error,
  );
  if (reason === nothing) throw new Error("The promise was not rejected.");
  return reason;
}

/** Everything that an iterable brings. */
export async function readAll<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** A middleware with one phase. */
export const before = (phase: NonNullable<Chain["before"]>): Chain => ({
  before: phase,
});
