import { describe, expect, jest, test } from "@jest/globals";
import {
  Model,
  ModelInvocationError,
  Prompt,
  registerModel,
  Suspended,
} from "@lambdallm/core";
import {
  invocationOf,
  type ModelFailure,
  providerMiddleware,
} from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import costTracking from "@lambdallm/cost-tracking";
import retryFallback from "@lambdallm/retry-fallback";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { printed } from "../../../test-support/quiet.ts";
import metrics from "../src/index.ts";
import {
  type Chain,
  functionOf,
  type Lines,
  rejection,
  type Scene,
} from "./support.ts";

const HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0";

const failure = (reason: string, facts: Partial<ModelFailure> = {}) =>
  new ModelInvocationError(`The model failed: ${reason}.`, {
    reason,
    model: Model.CLAUDE_HAIKU_4_5,
    retryable: ["throttled", "unavailable"].includes(reason),
    ...facts,
  });

describe.each(middyMajors)("metrics() on %s", (_name, middy) => {
  const withMetrics = (scene: Scene, run = hello) =>
    functionOf(run, { middy, ...scene });
  const hello: Parameters<typeof functionOf<unknown>>[0] = async ({ invoke }) =>
    invoke("Hello");

  test("counts a call over everything and by its model, in one document that names the request", async () => {
    const usage = {
      ...{ inputTokens: 100, outputTokens: 20 },
      ...{ cacheReadInputTokens: 1_000, cacheWriteInputTokens: 50 },
    };
    const { invoke, written } = withMetrics({
      responses: [{ text: "Hi", usage }],
      options: { namespace: "Chat", now: () => Date.now() },
    });
    await invoke({}, new MockLambdaContext({ awsRequestId: "request-1" }));
    expect(written.lines).toHaveLength(1);
    expect(written.documents[0]).toMatchObject({
      _aws: { CloudWatchMetrics: [{ Namespace: "Chat" }] },
      requestId: "request-1",
      model: HAIKU,
    });
    const { metrics: all } = written;
    expect(written.overall).toEqual({
      ...{ Calls: [1], Attempts: [1], InputTokens: [100], OutputTokens: [20] },
      ...{ CacheReadTokens: [1_000], CacheWriteTokens: [50] },
      CostUsd: [0.000_362_5],
    });
    expect(all["Latency{}"]).toHaveLength(1);
    const byModel = Object.keys(all).filter((key) => !key.includes("{}"));
    expect(byModel).toHaveLength(Object.keys(all).length / 2);
    expect(byModel.every((key) => key.endsWith(`{model=${HAIKU}}`))).toBe(true);
  });

  test("writes into the namespace LambdaLLM on stdout by default", async () => {
    const { invoke } = withMetrics({ options: { write: undefined } });
    await invoke();
    const [line = "", ...others] = printed();
    expect(others).toEqual([]);
    expect(JSON.parse(line)._aws.CloudWatchMetrics[0].Namespace).toBe(
      "LambdaLLM",
    );
  });

  test("writes nothing where no model was called", async () => {
    const { invoke, written } = withMetrics({}, async () => "nothing");
    await invoke();
    expect(written.lines).toEqual([]);
  });

  test("counts errors by their code, beside those over everything and by model", async () => {
    const { invoke, written } = withMetrics({
      responses: [failure("throttled"), new Error("secret")],
    });
    await rejection(invoke());
    await rejection(invoke());
    const errors = Object.entries(written.metrics).filter(([key]) =>
      key.startsWith("Errors"),
    );
    expect(Object.fromEntries(errors)).toEqual({
      "Errors{}": [1, 1],
      [`Errors{model=${HAIKU}}`]: [1, 1],
      "Errors{errorType=throttled}": [1],
      "Errors{errorType=_OTHER}": [1],
    });
    expect(written.overall).toMatchObject({
      ...{ Calls: [1, 1], Throttles: [1], InputTokens: [0, 0] },
    });
  });

  test("does not take a call whose run has to wait for an error", async () => {
    const { invoke, written } = withMetrics({
      responses: [
        () => {
          throw new Suspended("run-1", {});
        },
      ],
    });
    await rejection(invoke());
    expect(written.overall).toMatchObject({ Calls: [1] });
    expect(written.overall).not.toHaveProperty("Errors");
  });

  test("counts retries, throttled attempts and fallbacks, by the model that answered", async () => {
    const { invoke, written } = withMetrics({
      responses: [
        failure("throttled"),
        failure("unavailable"),
        failure("unavailable"),
        "Hi",
      ],
      inner: [
        retryFallback({
          ...{ fallbackModel: Model.NOVA_LITE, maxRetries: 2 },
          ...{ baseDelayMs: 1, maxDelayMs: 1 },
        }),
      ],
    });
    await invoke();
    expect(written.overall).toMatchObject({
      ...{ Calls: [1], Attempts: [4], Throttles: [1], Retries: [2] },
      Fallbacks: [1],
    });
    expect(written.metrics[`Fallbacks{model=amazon.nova-lite-v1:0}`]).toEqual([
      1,
    ]);
  });

  test("counts what failed attempts have used, as the context does", async () => {
    const partial = {
      message: { role: "assistant" as const, content: [{ text: "Hel" }] },
      ...{ text: "Hel", stopReason: "error", model: Model.CLAUDE_HAIKU_4_5 },
      usage: {
        ...{ inputTokens: 40, outputTokens: 3, totalTokens: 43 },
        ...{ cacheReadInputTokens: 0, cacheWriteInputTokens: 0 },
        estimated: true as const,
      },
      ...{ latencyMs: 5, timeToFirstTokenMs: 2.5 },
    };
    const { invoke, written } = withMetrics(
      { responses: [failure("interrupted", { billed: "partial", partial })] },
      async (context) => {
        await rejection(context.invoke("Hello"));
        return { usage: context.usage, costUsd: context.totalCostUsd };
      },
    );
    const { usage, costUsd } = (await invoke()) as {
      usage: { inputTokens: number; outputTokens: number };
      costUsd: number;
    };
    expect(written.overall).toMatchObject({
      InputTokens: [usage.inputTokens],
      OutputTokens: [usage.outputTokens],
      CostUsd: [costUsd],
      TimeToFirstToken: [2.5],
    });
    expect(usage.inputTokens).toBe(40);
  });

  test("counts a call whose price is unknown, and invents no cost", async () => {
    const { invoke, written } = withMetrics({}, async (context) =>
      context.invoke("Hello", {}, { model: "test.unknown-v1:0" }),
    );
    await invoke();
    expect(written.overall).toMatchObject({ UnpricedCalls: [1] });
    expect(written.overall).not.toHaveProperty("CostUsd");
  });

  test("counts answers that are not complete, by the reason", async () => {
    const { invoke, written } = withMetrics(
      {
        responses: [
          { text: "cut", stopReason: "max_tokens" },
          { text: "whole" },
          { text: "odd", stopReason: "something_new" },
        ],
      },
      async ({ converse }) => {
        const messages = [
          { role: "user" as const, content: [{ text: "Hello" }] },
        ];
        for (let call = 0; call < 3; call += 1)
          await converse({ messages, maxTokens: 10 });
      },
    );
    await invoke();
    expect(written.metrics).toMatchObject({
      "IncompleteAnswers{}": [1],
      "IncompleteAnswers{stopReason=max_tokens}": [1],
      "Calls{}": [1, 1, 1],
    });
    expect(written.metrics).not.toHaveProperty("Errors{}");
  });

  test("tells how much of the budget is used, and what it refused", async () => {
    registerModel("test.dime-v1:0", {
      prices: { input: 0, output: 100 },
      ...{ contextWindowTokens: 200_000, maxOutputTokens: 1_000 },
    });
    const provider = new MockProvider({
      responses: [{ text: "Hi", usage: { inputTokens: 0, outputTokens: 800 } }],
    });
    const { invoke, written } = withMetrics(
      {
        provider: providerMiddleware({
          ...{ provider, defaults: { model: "test.dime-v1:0" } },
        }),
        inner: [costTracking({ store: memoryStores(), dailyBudgetUsd: 0.1 })],
      },
      async ({ invoke: ask }) => {
        await ask("Hello");
        await rejection(ask("Hello"));
      },
    );
    await invoke();
    expect(written.overall).toMatchObject({
      ...{ BudgetUsed: [80], BudgetRefusals: [1], Calls: [1, 1] },
    });
    expect(written.metrics["Errors{errorType=budget-exceeded}"]).toEqual([1]);
  });

  test("writes after the last byte of a streamed body", async () => {
    const { invoke, written } = withMetrics(
      { responses: ["one two three"] },
      async ({ stream }) => ({ statusCode: 200, body: stream("Hello") }),
    );
    const { body } = (await invoke()) as { body: AsyncIterable<unknown> };
    expect(written.lines).toEqual([]);
    const pieces: string[] = [];
    for await (const piece of body) {
      pieces.push(String(piece));
      expect(written.lines).toEqual([]);
    }
    expect(pieces.join("")).toBe("one two three");
    while (written.lines.length === 0)
      await new Promise((resolve) => setImmediate(resolve));
    expect(written.overall).toMatchObject({ Calls: [1] });
  });

  test("writes before Lambda's kill, and nothing twice", async () => {
    jest.useFakeTimers();
    try {
      const end = Promise.withResolvers<void>();
      const { invoke, written } = withMetrics(
        { responses: ["Hi", { delayMs: Number.POSITIVE_INFINITY }] },
        async ({ invoke: ask }) => {
          await ask("Hello");
          await rejection(ask("And?"));
          await end.promise;
        },
      );
      const context = new MockLambdaContext({ timeoutMs: 10_000 });
      const running = invoke({}, context);
      await jest.advanceTimersByTimeAsync(9_900);
      expect(written.overall["Calls"]).toEqual([1, 1]);
      const lines = written.lines.length;
      end.resolve();
      await running;
      expect(written.lines).toHaveLength(lines);
    } finally {
      jest.useRealTimers();
    }
  });

  test("keeps invocations apart that run at the same time", async () => {
    const gates = [0, 1].map(() => Promise.withResolvers<string>());
    let calls = 0;
    const { invoke, written } = withMetrics({
      responses: [async () => gates[calls++]?.promise ?? "", "Hi"],
    });
    const running = ["a", "b"].map((awsRequestId) =>
      invoke({}, new MockLambdaContext({ awsRequestId })),
    );
    while (calls < 1) await new Promise((resolve) => setImmediate(resolve));
    await running[1];
    gates[0]?.resolve("Hello");
    await running[0];
    expect(
      written.documents.map(({ requestId, Calls }) => [requestId, Calls]),
    ).toEqual([
      ["b", 1],
      ["a", 1],
    ]);
  });

  test("counts the calls of a nested provider once where both have it", async () => {
    const inner = functionOf(hello, { middy, responses: ["inner"] });
    const { invoke, written } = withMetrics(
      { responses: ["outer"] },
      async (context) => {
        await context.invoke("Hello");
        await inner.invoke({}, context);
      },
    );
    await invoke();
    expect(written.overall["Calls"]).toEqual([1, 1]);
    expect(inner.written.lines).toEqual([]);
  });

  test("counts the calls of the inner one where only that has it", async () => {
    const { written, ...inner } = functionOf(hello, { middy });
    const outer = functionOf(
      async (context, event) => {
        await context.invoke("Hello");
        return inner.invoke(event, context);
      },
      { middy, options: false },
    );
    await outer.invoke();
    expect(written.overall["Calls"]).toEqual([1]);
  });

  test("refuses a second one in the same invocation, and needs a provider", async () => {
    const twice = withMetrics({ inner: [metrics()] });
    expect(await rejection(twice.invoke())).toMatchObject({
      message: expect.stringContaining("there is a metrics() in this invoc"),
    });
    const without = middy()
      .use({ ...metrics() })
      .handler(async () => "never");
    expect(
      await rejection(without({}, new MockLambdaContext() as never)),
    ).toMatchObject({ name: "ConfigurationError" });
  });

  test("an invocation whose metrics cannot be written succeeds, and that is told once", async () => {
    const { invoke } = withMetrics({
      options: {
        write: () => {
          throw new Error("no space left");
        },
      },
    });
    expect(await invoke()).toBe("Mock response");
    expect(await invoke()).toBe("Mock response");
    expect(printed()).toEqual([
      "LambdaLLMWarning: metrics: they could not be written: no space left",
    ]);
  });
});

describe("The dimensions of metrics()", () => {
  const keysOf = (written: Lines, figure: string) =>
    Object.keys(written.metrics)
      .filter((key) => key.startsWith(`${figure}{`))
      .map((key) => key.slice(figure.length + 1, -1))
      .sort();

  test("are the chosen ones, each for itself, and those together that are chosen together", async () => {
    const prompt = new Prompt({ name: "greeting", template: "Hello" });
    const { invoke, written } = functionOf(
      async (context) => context.invoke(prompt),
      {
        options: {
          dimensions: ["model", "prompt", ["prompt", "model"], "agent"],
          fixedDimensions: { stage: "prod" },
        },
      },
    );
    await invoke();
    expect(written.lines).toHaveLength(1);
    expect(keysOf(written, "Calls")).toEqual([
      `model=${HAIKU},prompt=greeting,stage=prod`,
      `model=${HAIKU},stage=prod`,
      "prompt=greeting,stage=prod",
      "stage=prod",
    ]);
  });

  test("can be none", async () => {
    const { invoke, written } = functionOf(
      async (context) => context.invoke("Hello"),
      { options: { dimensions: [] } },
    );
    await invoke();
    expect(keysOf(written, "Calls")).toEqual([""]);
  });

  test("of one's own come from the event, the context, the request and the names around it", async () => {
    const { invoke, written } = functionOf(
      async (context) => context.invoke("Hello"),
      {
        options: {
          dimensionsOf: {
            tier: ({ event }) => event.tier,
            function: ({ context }) => context.functionName,
            tagged: ({ request, facts }) =>
              `${request?.model === Model.CLAUDE_HAIKU_4_5} ${facts.agent}`,
            none: () => undefined,
            wrong: () => 7 as unknown as string,
          },
        },
      },
    );
    await invoke({ tier: "gold" });
    expect(keysOf(written, "Calls")).toEqual([
      "",
      "function=test-function",
      `model=${HAIKU}`,
      "tagged=true undefined",
      "tier=gold",
    ]);
  });

  test("of one's own that fail are left out, and told once", async () => {
    const { invoke, written } = functionOf(
      async (context) => context.invoke("Hello"),
      {
        options: {
          dimensionsOf: {
            tier: ({ event }) => event.body.tier,
          },
        },
      },
    );
    await invoke();
    await invoke();
    expect(keysOf(written, "Calls")).toEqual(["", `model=${HAIKU}`]);
    const [warning, ...others] = printed();
    expect(warning).toContain('metrics: the dimension "tier" failed');
    expect(others).toEqual([]);
  });

  test("have so many values and no more, whatever prompts are called", async () => {
    const { invoke, written } = functionOf(
      async (context, event) =>
        context.invoke(new Prompt({ name: String(event), template: "Hello" })),
      { options: { dimensions: ["prompt"], maxDimensionValues: 3 } },
    );
    for (let index = 0; index < 10; index += 1) await invoke(`p${index}`);
    expect(keysOf(written, "Calls")).toEqual([
      "",
      "prompt=other",
      "prompt=p0",
      "prompt=p1",
      "prompt=p2",
    ]);
    expect(written.metrics["Calls{prompt=other}"]).toHaveLength(7);
  });

  test("have values that CloudWatch takes, whatever text they are made of", async () => {
    const values = ["日本", "a\nb", " ", "\ud800", "x".repeat(2_000), "100%"];
    const { invoke, written } = functionOf(
      async (context) => context.invoke("Hello"),
      {
        options: {
          dimensions: ["tier"],
          dimensionsOf: { tier: ({ event }) => event },
        },
      },
    );
    for (const value of values) await invoke(value);
    expect(keysOf(written, "Calls")).toEqual([
      "",
      "tier=%E6%97%A5%E6%9C%AC",
      "tier=%EF%BF%BD",
      "tier=100%",
      "tier=a%0Ab",
      `tier=${"x".repeat(1_024)}`,
    ]);
  });
});

test("A code of an error that is no text of CloudWatch's is counted all the same", async () => {
  const { invoke, written } = functionOf(
    async ({ invoke: ask }) => rejection(ask("Hello")),
    { responses: [failure(" "), failure("größe")] },
  );
  await invoke();
  await invoke();
  expect(written.metrics).toMatchObject({
    "Errors{errorType=unknown}": [1],
    "Errors{errorType=gr%C3%B6%C3%9Fe}": [1],
  });
});

test("Events that are none are counted as nothing", async () => {
  const strange: Chain = {
    before: async ({ context }) => {
      const { events } = invocationOf(context);
      const emit = events.emit.bind(events) as (
        name: string,
        event: unknown,
      ) => void;
      for (const name of ["retry", "fallback", "budget-exceeded", "run-start"])
        for (const event of [undefined, 7, {}]) emit(name, event);
      emit("budget-exceeded", { action: "block", shadow: true });
      emit("budget-exceeded", { action: "downgrade", shadow: false });
      emit("run-start", { isResumed: false });
    },
  };
  const { invoke, written } = functionOf(async () => "nothing", {
    inner: [strange],
  });
  await invoke();
  expect(written.lines).toEqual([]);
});

test("A context without a request id makes documents without one", async () => {
  const { invoke, written } = functionOf(async (context) =>
    context.invoke("Hello"),
  );
  const context = new MockLambdaContext();
  Object.assign(context, { awsRequestId: undefined });
  await invoke({}, context);
  expect(written.documents[0]).not.toHaveProperty("requestId");
  // A durable one has Lambda's own in it.
  Object.assign(context, { lambdaContext: { awsRequestId: "request-1" } });
  await invoke({}, context);
  expect(written.documents[1]).toHaveProperty("requestId", "request-1");
});
