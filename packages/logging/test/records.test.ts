import { afterEach, describe, expect, jest, test } from "@jest/globals";
import {
  type InvocationMetrics,
  ModelInvocationError,
  Prompt,
  StepFailure,
  Suspended,
} from "@lambdallm/core";
import {
  invocationOf,
  type ToolOperation,
  usageOf,
} from "@lambdallm/core/feature";
import { memoryJournal } from "@lambdallm/core/stores";
import logging from "@lambdallm/logging";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  before,
  eventsOf,
  type HandlerContext,
  memoryLogger,
  PRICED,
  providerOf,
  recordsOf,
  steady,
} from "./support.ts";

afterEach(() => {
  jest.restoreAllMocks();
});

const RUN = { id: "run-1", isResumable: false };

const throttled = new ModelInvocationError("Too many requests.", {
  ...{ reason: "throttled", model: PRICED, retryable: true },
  ...{ serviceError: "ThrottlingException", httpStatusCode: 429 },
  ...{ retryAfterMs: 20, requestId: "aws-1" },
});

/** Asks once more. */
const retrying = before(async ({ context }) => {
  invocationOf(context).intercept("retry", "retry", (request, next) =>
    next(request).catch(() => next(request)),
  );
});

describe.each(middyMajors)("logging on %s", (_name, middy) => {
  test("writes a record for a call, for its attempt and for the invocation", async () => {
    const usage = {
      ...usageOf(1_000, 200),
      ...{ cacheReadInputTokens: 30, cacheWriteInputTokens: 4 },
    };
    const answer = answerOf("Hello", {
      ...{ usage, region: "us-east-1", requestId: "aws-1" },
      ...{ timeToFirstTokenMs: 3, serviceTier: "default" },
    });
    const prompt = new Prompt({
      ...{ name: "greet", version: "2", template: "Hi {who}" },
      ...{ inputSchema: { who: "string" } },
    });
    const records = await recordsOf(
      (context) => prompt.invoke(context, { who: "Ada" }),
      {
        middy,
        provider: providerOf(async () => answer),
        context: new MockLambdaContext({ awsRequestId: "lambda-1" }),
      },
    );
    const costUsd = expect.any(Number);
    const tokens = {
      ...{ inputTokens: 1_000, outputTokens: 200 },
      ...{ cacheReadInputTokens: 30, cacheWriteInputTokens: 4 },
    };
    const answered = {
      ...{ status: "completed", durationMs: expect.any(Number), costUsd },
      ...{ responseModel: PRICED, region: "us-east-1", serviceTier: "default" },
      ...{ serviceRequestId: "aws-1", stopReason: "end_turn" },
      ...{ latencyMs: 7, timeToFirstTokenMs: 3 },
    };
    const call = {
      ...{ requestId: "lambda-1", callId: 1, model: PRICED },
      ...{ promptName: "greet", promptVersion: "2" },
    };
    expect(records).toEqual([
      {
        ...{ level: "debug", event: "attempt-end", attempt: 1 },
        ...{ message: "model attempt end", ...call, ...answered, ...tokens },
      },
      {
        ...{ level: "info", event: "call-end", message: "model call end" },
        ...{ ...call, ...answered, ...tokens, attempts: 1, failedAttempts: 0 },
      },
      {
        ...{ level: "info", event: "invocation-end", status: "completed" },
        ...{ message: "invocation end", requestId: "lambda-1" },
        ...{ calls: 1, attempts: 1, failedAttempts: 0, ...tokens, costUsd },
        ...{ modelLatencyMs: 7, durationMs: expect.any(Number) },
      },
    ]);
  });

  test("writes what a call has used with its failed attempts, and each attempt what it has used", async () => {
    const partial = answerOf("par", {
      usage: { ...usageOf(10, 1), estimated: true },
    });
    const answers = [
      new ModelInvocationError("Broke off.", {
        ...{ reason: "interrupted", model: PRICED, partial },
      }),
      undefined,
    ];
    const records = await recordsOf(({ invoke }) => invoke("Hello"), {
      middy,
      provider: providerOf(async () => {
        const error = answers.shift();
        if (error !== undefined) throw error;
        return answerOf("whole");
      }),
      use: [retrying],
    });
    expect(steady(records)).toMatchObject([
      {
        ...{ level: "warn", event: "attempt-error", attempt: 1 },
        ...{ errorType: "interrupted", errorName: "ModelInvocationError" },
        ...{ errorMessage: "Broke off.", statusCode: 502, retryable: false },
        ...{ inputTokens: 10, outputTokens: 1, estimated: true },
        ...{ status: "failed", billed: "none" },
      },
      { event: "attempt-end", attempt: 2, inputTokens: 10, outputTokens: 2 },
      {
        ...{ event: "call-end", attempts: 2, failedAttempts: 1 },
        ...{ inputTokens: 20, outputTokens: 3, estimated: true },
        costUsd: 0.000_035,
      },
      { event: "invocation-end", attempts: 2, costUsd: 0.000_035 },
    ]);
  });

  test("writes why a call has failed, and the invocation with it", async () => {
    const records = await recordsOf(({ invoke }) => invoke("Hello"), {
      middy,
      provider: new MockProvider({ responses: [throttled] }).middleware(),
    });
    const error = {
      ...{ errorType: "throttled", errorName: "ModelInvocationError" },
      ...{ errorMessage: "Too many requests.", statusCode: 503 },
      ...{ retryable: true, billed: "none", httpStatusCode: 429 },
      ...{ serviceError: "ThrottlingException", serviceRequestId: "aws-1" },
    };
    expect(steady(records)).toMatchObject([
      { level: "warn", event: "attempt-error", ...error },
      { level: "error", event: "call-error", attempts: 1, ...error },
      { level: "warn", event: "invocation-error", calls: 1, ...error },
    ]);
    expect(records[0]).toMatchObject({ retryAfterMs: 20 });
  });

  test("leaves out a cost that nobody knows, and says what is known of it", async () => {
    const models = ["unknown.model-v1:0", PRICED];
    const records = await recordsOf(
      async ({ invoke }) => [await invoke("Hello"), await invoke("Hello")],
      {
        middy,
        provider: providerOf(async () =>
          answerOf("Hello", { model: models.shift() ?? PRICED }),
        ),
      },
    );
    const [, first, , second, end] = records;
    expect(first).not.toHaveProperty("costUsd");
    expect(second).toMatchObject({ costUsd: 0.000_02 });
    expect(end).not.toHaveProperty("costUsd");
    expect(end).toMatchObject({ knownCostUsd: 0.000_02 });
  });

  test("writes an invocation without a call, and one whose handler fails without one", async () => {
    const records = await recordsOf(async () => "nothing", { middy });
    expect(steady(records)).toMatchObject([
      { event: "invocation-end", calls: 0, inputTokens: 0, costUsd: 0 },
    ]);
    const failed = await recordsOf(
      async () => {
        throw new TypeError("the customer's own words");
      },
      { middy },
    );
    expect(failed).toMatchObject([
      { event: "invocation-error", errorName: "TypeError" },
    ]);
    expect(JSON.stringify(failed)).not.toContain("words");
  });

  test("does not take a run that waits for a failure", async () => {
    const records = await recordsOf(({ invoke }) => invoke("Hello"), {
      middy,
      provider: providerOf(async () => {
        throw new Suspended("run-1", {});
      }),
    });
    expect(steady(records)).toMatchObject([
      { level: "debug", event: "attempt-end", status: "suspended" },
      { level: "info", event: "call-end", status: "suspended" },
      { level: "info", event: "invocation-end", status: "suspended" },
    ]);
  });

  test("writes the end of a call that was on its way before", async () => {
    const { logger, records } = memoryLogger();
    const end = Promise.withResolvers<void>();
    const chain = middy<object, unknown, Error, HandlerContext>()
      .use({
        ...providerOf(async () => {
          await end.promise;
          return answerOf("Hello");
        }),
      })
      .handler(async (_event, context) => {
        const running = context.invoke("Hello");
        const inner = middy<object, unknown, Error, HandlerContext>()
          .use(logging({ logger }))
          .handler(async () => {
            end.resolve();
            return running;
          });
        return inner({}, context);
      });
    await chain({}, new MockLambdaContext());
    const [attempt, call, invocation] = records;
    expect(attempt).toMatchObject({ event: "attempt-end", callId: 1 });
    expect(attempt).not.toHaveProperty("durationMs");
    expect(call).toMatchObject({ event: "call-end", attempts: 1 });
    expect(call).toHaveProperty("durationMs");
    expect(invocation).toMatchObject({ event: "invocation-end", calls: 1 });
  });

  test("writes chains, agents, tools and steps at their end, and what each is a part of", async () => {
    const agent = { model: PRICED, hasSchema: false, run: RUN } as const;
    const records = await recordsOf(
      async (context) => {
        const { operations } = invocationOf(context);
        const tool: ToolOperation = {
          ...{ kind: "tool", name: "look", run: RUN, toolUseId: "t1" },
          ...{ description: "Looks.", agent: "writer", input: {} },
        };
        await operations.run(
          { kind: "chain", name: "report", run: RUN },
          () =>
            operations.run(
              {
                ...{ kind: "agent", name: "writer", ...agent },
                conversationId: "s-1",
              },
              async () => {
                await operations.run(
                  tool,
                  () =>
                    memoryJournal({ runId: "run-2" }).step("ask", async () =>
                      context.invoke("Hello"),
                    ),
                  () => ({
                    status: "completed",
                    result: { status: "success", content: [] },
                  }),
                );
                await operations.run(
                  tool,
                  async () => {},
                  () => ({ status: "failed", error: undefined }),
                );
                await operations.run(
                  tool,
                  async () => {},
                  () => ({ status: "suspended" }),
                );
              },
              () => ({
                status: "completed",
                result: {
                  ...{ status: "stopped", iterations: 2, toolCalls: 3 },
                  usage: usageOf(10, 2),
                  answer: "no record has it",
                },
              }),
            ),
          () => ({ status: "completed", result: { status: "truncated" } }),
        );
      },
      { middy, options: { levels: { "attempt-end": false } } },
    );
    const inChain = { chain: "report", runId: "run-1" };
    const inAgent = { ...inChain, agent: "writer" };
    const inTool = { ...inAgent, tool: "look", toolUseId: "t1" };
    const inStep = {
      ...{ ...inAgent, tool: "look", step: "ask", runId: "run-2" },
    };
    expect(steady(records)).toEqual([
      expect.objectContaining({ event: "call-end", callId: 1, ...inStep }),
      {
        ...{ level: "info", event: "step-end", ...inStep, position: "000001" },
        ...{ attempt: 1, starts: 1, status: "completed" },
      },
      { level: "info", event: "tool-end", ...inTool, status: "completed" },
      {
        ...{ level: "warn", event: "tool-error", ...inTool, status: "failed" },
        errorType: "_OTHER",
      },
      { level: "info", event: "tool-end", ...inTool, status: "suspended" },
      {
        ...{ level: "info", event: "agent-end", ...inAgent, model: PRICED },
        ...{ conversationId: "s-1", status: "stopped" },
        ...{ iterations: 2, toolCalls: 3 },
      },
      { level: "info", event: "chain-end", ...inChain, status: "truncated" },
      expect.objectContaining({ event: "invocation-end" }),
    ]);
    expect(JSON.stringify(records)).not.toContain("no record has it");
  });

  test("keeps what anybody's errors say to itself, also when a step has failed with them", async () => {
    const hostile = new Proxy(new Error(), {
      get: () => {
        throw new Error("looked at");
      },
    });
    const unlike = Object.assign(new Error("secret"), {
      name: "sk-secret.0123",
    });
    const step = new StepFailure({
      ...{ step: "ask", code: "Error", message: "secret" },
      ...{ statusCode: 500, expose: false, retryable: false },
    });
    const service = new ModelInvocationError("Refused.", {
      ...{ reason: "invalid-request", model: PRICED },
      ...{ serviceError: "secret words", serviceMessage: "secret" },
    });
    const responses = [hostile, unlike, step, service, throttled];
    const records = await recordsOf(
      async ({ invoke }) => {
        while (responses.length > 0) await invoke("Hello").catch(() => {});
        throw null;
      },
      {
        middy,
        provider: providerOf(async () => {
          throw responses.shift();
        }),
        options: { levels: { "attempt-error": false } },
      },
    );
    expect(JSON.stringify(records)).not.toContain("secret");
    expect(steady(records)).toMatchObject([
      { event: "call-error", errorType: "_OTHER" },
      { event: "call-error", errorType: "_OTHER" },
      { event: "call-error", errorType: "_OTHER", errorName: "StepFailure" },
      { event: "call-error", errorMessage: "Refused." },
      { event: "call-error", errorType: "throttled" },
      { event: "invocation-error", errorType: "_OTHER" },
    ]);
  });

  test("writes what a request was changed to, what had to wait, and what was cut", async () => {
    const records = await recordsOf(({ invoke }) => invoke("Hello"), {
      middy,
      provider: providerOf(async () =>
        answerOf("Hello", { stopReason: "max_tokens" }),
      ),
      use: [
        before(async ({ context }) => {
          const invocation = invocationOf(context);
          invocation.intercept("attempt", "telling", async (request, next) => {
            const facts = { callId: 1, attempt: 1, request };
            invocation.events.emit("attempt-queue", {
              ...facts,
              isWaiting: true,
            });
            invocation.events.emit("request-adapted", {
              ...facts,
              adaptations: [
                {
                  ...{ setting: "temperature", change: "left-out" },
                  reason: "the model does not take it",
                } as const,
              ],
            });
            return next(request);
          });
        }),
      ],
    });
    expect(steady(records).slice(0, 3)).toEqual([
      {
        ...{ level: "debug", event: "attempt-queue", callId: 1, attempt: 1 },
        ...{ model: PRICED, isWaiting: true },
      },
      {
        ...{ level: "info", event: "request-adapted", callId: 1, attempt: 1 },
        model: PRICED,
        adaptations: ["temperature left-out: the model does not take it"],
      },
      expect.objectContaining({ event: "attempt-end" }),
    ]);
    expect(records[3]).toMatchObject({
      ...{ level: "warn", event: "answer-cut", maxTokens: 4_096 },
    });
    expect(records[4]).toMatchObject({
      event: "call-end",
      hint: expect.stringContaining("maxTokens"),
    });
  });

  test("takes the request id of a durable context from Lambda's own", async () => {
    const context = new MockLambdaContext();
    const durable = Object.assign(Object.create(null), {
      lambdaContext: context,
    });
    const [record] = await recordsOf(async () => 1, {
      ...{ middy, context: durable },
    });
    expect(record).toMatchObject({ requestId: context.awsRequestId });
    const [without] = await recordsOf(async () => 1, {
      ...{ middy, context: Object.create(null) },
    });
    expect(without).not.toHaveProperty("requestId");
  });

  test("counts in its records what the invocation counts", async () => {
    let metrics: InvocationMetrics | undefined;
    const records = await recordsOf(
      async (context) => {
        await Promise.all(["a", "b", "c"].map((text) => context.invoke(text)));
        metrics = context.metrics;
      },
      { middy },
    );
    const ends = records.filter(({ event }) => event === "call-end");
    const sum = ends.reduce((all, one) => all + Number(one["inputTokens"]), 0);
    expect(sum).toBe(metrics?.usage.inputTokens);
    expect(eventsOf(records).at(-1)).toBe("invocation-end");
    expect(records.at(-1)).toMatchObject({ calls: 3, inputTokens: sum });
  });
});
