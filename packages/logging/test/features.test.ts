import { beforeEach, describe, expect, test } from "@jest/globals";
import { Agent, tool } from "@lambdallm/agent";
import { Chain, Step } from "@lambdallm/chain";
import checkpoint from "@lambdallm/checkpoint";
import {
  ConfigurationError,
  type Journal,
  Model,
  ModelInvocationError,
  Prompt,
} from "@lambdallm/core";
import { type InvocationEvents, invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import costTracking from "@lambdallm/cost-tracking";
import type { LogEvent } from "@lambdallm/logging";
import retryFallback, { resetRetryState } from "@lambdallm/retry-fallback";
import router from "@lambdallm/router";
import session, { type WithSession } from "@lambdallm/session";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { printed } from "../../../test-support/quiet.ts";
import {
  eventsOf,
  type HandlerContext,
  PRICED,
  recordsOf,
  type Setup,
  steady,
} from "./support.ts";

type Use = NonNullable<Setup["use"]>[number];

const SECRET = "pink elephants dance";
const error = new ModelInvocationError("Too many requests.", {
  ...{ reason: "throttled", model: PRICED, retryable: true },
  serviceMessage: SECRET,
});
const failed = { errorType: "throttled", errorName: "ModelInvocationError" };

/** Waits that real time can be spent on. */
const QUICK = { baseDelayMs: 0, throttledBaseDelayMs: 0, maxDelayMs: 0 };

beforeEach(() => resetRetryState());

const hello = ({ invoke }: HandlerContext) => invoke("Hello");

/** A middleware of a feature is written for its own context, which the provider's is by then. */
const using = (...middlewares: readonly object[]) =>
  middlewares as readonly Use[];

describe.each(middyMajors)("the features on %s", (_name, middy) => {
  test("tell of retries and fallback models, in the prompt's name", async () => {
    const responses = [error, error, "Hello"];
    const records = await recordsOf(
      (context) =>
        new Prompt({ name: "greet", version: "2", template: "Hi" }).invoke(
          context,
        ),
      {
        ...{ middy, provider: new MockProvider({ responses }).middleware() },
        use: using(
          retryFallback({
            ...{ ...QUICK, maxRetries: 1, fallbackModel: Model.NOVA_LITE },
          }),
        ),
      },
    );
    const call = { callId: 1, promptName: "greet", promptVersion: "2" };
    expect(steady(records)).toMatchObject([
      { event: "attempt-error", attempt: 1, ...call },
      { level: "warn", event: "retry", attempt: 1, ...call, ...failed },
      { event: "attempt-error", attempt: 2, ...call },
      {
        ...{ level: "warn", event: "fallback", ...call, ...failed },
        ...{ from: PRICED, to: Model.NOVA_LITE },
      },
      { event: "attempt-end", attempt: 3, model: Model.NOVA_LITE, ...call },
      { event: "call-end", attempts: 3, failedAttempts: 2, model: PRICED },
      { event: "invocation-end" },
    ]);
    expect(records[1]).toMatchObject({ waitMs: 0 });
  });

  test("tell of the router's choice and its reason", async () => {
    const records = await recordsOf(hello, {
      middy,
      use: using(
        router({ models: [Model.NOVA_LITE, PRICED], strategy: "cheapest" }),
      ),
    });
    expect(steady(records).slice(0, 3)).toMatchObject([
      {
        ...{ level: "info", event: "route", callId: 1 },
        ...{ model: Model.NOVA_LITE, reason: "cheapest: 2 of 2 models fit" },
      },
      { event: "attempt-end", model: Model.NOVA_LITE },
      { event: "call-end" },
    ]);
  });

  test("tell of a budget that does not cover a call", async () => {
    const records = await recordsOf(hello, {
      middy,
      use: using(
        costTracking({ store: memoryStores(), dailyBudgetUsd: 0.000_001 }),
      ),
    });
    const [exceeded, attempt] = steady(records);
    expect(exceeded).toMatchObject({
      ...{ level: "warn", event: "budget-exceeded", callId: 1 },
      ...{ scope: "global", period: "daily", limitUsd: 0.000_001 },
      ...{ model: PRICED, action: "block", shadow: false },
    });
    expect(attempt).toMatchObject({ errorType: "budget-exceeded" });
  });

  test("tell of a session, without what was said", async () => {
    const records = await recordsOf(
      async (context) => {
        const { chat } = context as HandlerContext & WithSession;
        return chat(SECRET);
      },
      {
        middy,
        use: using(
          session({ store: memoryStores(), id: () => "conversation-1" }),
        ),
      },
    );
    expect(steady(records)).toMatchObject([
      { level: "debug", event: "session-load", messages: 0 },
      { event: "attempt-end", conversationId: "conversation-1" },
      { event: "call-end", conversationId: "conversation-1" },
      { level: "debug", event: "session-save", messages: 2, attempts: 1 },
      { event: "invocation-end" },
    ]);
    expect(JSON.stringify(records)).not.toContain(SECRET);
  });

  test("tell of runs, their steps, and what they wait for", async () => {
    const store = memoryStores();
    const runOf = (
      handler: (context: { readonly journal: Journal }) => Promise<unknown>,
    ) =>
      recordsOf(
        (context) =>
          handler(context as HandlerContext & { readonly journal: Journal }),
        {
          ...{ middy, use: using(checkpoint({ store })) },
        },
      );
    const waiting = await runOf(async ({ journal }) => {
      await journal.step("first", async () => SECRET);
      return journal.ask("approve", async () => {});
    });
    const { runId } = steady(waiting)[0] ?? {};
    expect(steady(waiting)).toMatchObject([
      { level: "info", event: "run-start", runId, isResumed: false },
      { level: "info", event: "step-end", runId, step: "first", starts: 1 },
      { event: "step-end", runId, step: "approve" },
      { level: "info", event: "run-suspend", runId, questions: 1 },
      { event: "invocation-end", status: "suspended" },
    ]);
    expect(eventsOf(await runOf(async () => "done"))).toEqual([
      ...["run-start", "run-end", "invocation-end"],
    ]);
    const failing = await runOf(async ({ journal }) =>
      journal.step("first", async () => {
        throw new Error(SECRET);
      }),
    );
    expect(steady(failing)).toMatchObject([
      { event: "run-start" },
      { level: "warn", event: "step-error", step: "first", errorName: "Error" },
      {
        ...{ level: "error", event: "run-error", status: "failed" },
        ...{ errorType: "_OTHER", errorName: "StepFailure", statusCode: 500 },
      },
      { level: "warn", event: "invocation-error" },
    ]);
    expect(JSON.stringify([waiting, failing])).not.toContain(SECRET);
  });

  test("and programs say nothing of what they are told", async () => {
    const look = tool({
      ...{ name: "look", description: SECRET, input: { at: "string" } },
      run: async ({ at }) => {
        if (at.includes("fail")) throw new Error(SECRET);
        return SECRET;
      },
    });
    const agent = new Agent({
      ...{ name: "writer", systemPrompt: SECRET, tools: [look] },
    });
    const chain = new Chain({
      name: "report",
      steps: [
        new Step({ name: "ask", prompt: `${SECRET} {subject}` }),
        new Step({
          name: "fail",
          func: () => {
            throw new Error(SECRET);
          },
        }),
      ],
    });
    const call = (id: string, at: string) => ({
      toolUse: { toolUseId: id, name: "look", input: { at } },
    });
    const bad = new ModelInvocationError("Refused.", {
      ...{ reason: "invalid-request", model: PRICED, serviceMessage: SECRET },
      cause: new Error(SECRET),
    });
    const records = await recordsOf(
      async (context) => {
        await agent.run(SECRET, context);
        await chain.run(context, { subject: SECRET });
        await context.invoke(SECRET).catch(() => {});
        throw new ConfigurationError("Wrong.", { cause: new Error(SECRET) });
      },
      {
        middy,
        provider: new MockProvider({
          responses: [
            { content: [call("1", SECRET), call("2", `fail ${SECRET}`)] },
            ...[SECRET, SECRET, bad],
          ],
        }).middleware(),
      },
    );
    expect(eventsOf(records)).toEqual(
      expect.arrayContaining([
        ...["tool-end", "tool-error", "agent-end", "step-end", "step-error"],
        ...["chain-error", "call-error", "invocation-error"],
      ]),
    );
    expect(JSON.stringify(records)).not.toContain("elephant");
    expect(printed()).toEqual([]);
  });

  // What the features declare, in full: the compiler keeps these in step with them.
  const of = <Name extends keyof InvocationEvents & LogEvent>(
    name: Name,
    event: InvocationEvents[Name],
    expected: object = event,
  ) => ({ name, event, expected });
  const scope = "global/acme";

  test.each([
    of("circuit", {
      ...{ callId: 9, provider: "bedrock", region: "us-east-1" },
      ...{ model: PRICED, state: "open", failures: 5, retryAt: 1_000 },
    }),
    of(
      "route",
      {
        ...{ callId: 9, model: PRICED, reason: "rule 1 matches", rule: 0 },
        ranking: [],
      },
      { callId: 9, model: PRICED, reason: "rule 1 matches", rule: 0 },
    ),
    of("budget-alert", {
      ...{ scope, period: "daily", share: 0.8, usedUsd: 8, limitUsd: 10 },
    }),
    of("budget-exceeded", {
      ...{ scope, callId: 9, period: "monthly", usedUsd: 9, limitUsd: 10 },
      ...{ neededUsd: 2, model: PRICED, action: "downgrade", shadow: true },
      toModel: Model.NOVA_LITE,
    }),
    of(
      "budget-problem",
      { kind: "store", scope, operation: "settle", usd: 2, error },
      { kind: "store", scope, operation: "settle", usd: 2, ...failed },
    ),
    of("budget-problem", { kind: "unknown-price", model: PRICED }),
    of("budget-problem", {
      ...{ kind: "underestimated", model: PRICED, reservedUsd: 1 },
      actualUsd: 2,
    }),
    of("session-load", { messages: 4, durationMs: 3 }),
    of("session-save", {
      ...{ messages: 2, incomplete: false, attempts: 1, durationMs: 3 },
    }),
    of("session-repair", { repairs: 1 }),
    of("session-conflict", { mode: "rebase", newerMessages: 2 }),
    of("session-replay", { messages: 2 }),
    of("session-summary", { messages: 40, saved: true }),
    of("session-summary-error", { error }, failed),
    of("run-start", { runId: "run-1", isResumed: true }),
    of("run-suspend", { runId: "run-1", resumeAt: 5, questions: 0 }),
    of("run-end", { runId: "run-1", status: "completed" }),
  ])(
    "$name is recorded with all it says",
    async ({ name, event, expected }) => {
      const [record] = await recordsOf(
        async (context) => {
          invocationOf(context).events.emit(name, event as never);
        },
        { middy },
      );
      const { level, message, requestId, ...fields }: Record<string, unknown> =
        record ?? {};
      expect([level, message, requestId]).toEqual([
        ...[expect.any(String), name.replaceAll("-", " "), expect.any(String)],
      ]);
      // Of an error there is more, which is tested elsewhere.
      if ("error" in event)
        expect(fields).toMatchObject({ event: name, ...expected });
      else expect(fields).toEqual({ event: name, ...expected });
    },
  );

  test("a feature warns of what nobody wants a record of", async () => {
    const store = memoryStores();
    const unknown = "unknown.model-v1:0";
    for (const wanted of [true, false]) {
      const records = await recordsOf(
        ({ invoke }) => invoke("Hello", {}, { model: unknown }),
        {
          middy,
          options: { levels: wanted ? {} : { "budget-problem": false } },
          use: using(
            costTracking({ store, dailyBudgetUsd: 1, unknownPrice: "allow" }),
          ),
        },
      );
      expect(eventsOf(records).includes("budget-problem")).toBe(wanted);
      expect(printed()).toHaveLength(wanted ? 0 : 1);
    }
  });
});
