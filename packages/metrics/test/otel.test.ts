import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { Agent, tool } from "@lambdallm/agent";
import { chain } from "@lambdallm/chain";
import checkpoint from "@lambdallm/checkpoint";
import { Model, ModelInvocationError, Suspended } from "@lambdallm/core";
import {
  invocationOf,
  type ModelRequest,
  type ProviderResponse,
  providerMiddleware,
} from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import retryFallback from "@lambdallm/retry-fallback";
import { MockLambdaContext } from "@lambdallm/testing";
import type { Attributes } from "@opentelemetry/api";
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { middyMajors } from "../../../test-support/middy.ts";
import { printed } from "../../../test-support/quiet.ts";
import { functionOf, rejection, type Scene } from "./support.ts";

const providers: MeterProvider[] = [];
afterEach(async () => {
  for (const provider of providers.splice(0)) await provider.shutdown();
});

/** The real SDK, and what it has exported. */
function telemetry() {
  const exporter = new InMemoryMetricExporter(
    AggregationTemporality.CUMULATIVE,
  );
  const reader = new PeriodicExportingMetricReader({ exporter });
  const provider = new MeterProvider({ readers: [reader] });
  providers.push(provider);
  const exported = async () => {
    await provider.forceFlush();
    const last = exporter.getMetrics().at(-1);
    return (last?.scopeMetrics ?? []).flatMap(({ metrics }) => metrics);
  };
  return {
    provider,
    meter: provider.getMeter("test"),
    exporter,
    exported,
    /** The points of a metric: attributes, and a sum or the sum and the number of a histogram. */
    points: async (name: string) => {
      const metric = (await exported()).find(
        ({ descriptor }) => descriptor.name === name,
      );
      const points = (metric?.dataPoints ?? []) as DataPoint<
        number | Histogram
      >[];
      return points.map(({ attributes, value }) => ({
        attributes,
        ...(typeof value === "number"
          ? { sum: value }
          : { sum: value.sum, count: value.count }),
      }));
    },
  };
}

const M: Attributes = {
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "aws.bedrock",
  "gen_ai.request.model": Model.CLAUDE_HAIKU_4_5,
  "gen_ai.response.model": Model.CLAUDE_HAIKU_4_5,
};
const TOKENS = { ...M, "gen_ai.token.modality": "unknown" };

/** A provider with Bedrock's name. */
const bedrockLike = (
  call: (request: ModelRequest) => Promise<ProviderResponse>,
  endpoint?: string,
) =>
  providerMiddleware({
    provider: { name: "bedrock", call, endpoint: () => endpoint },
    defaults: { model: Model.CLAUDE_HAIKU_4_5 },
  });

const answer = (changes: Partial<ProviderResponse> = {}): ProviderResponse => ({
  message: { role: "assistant", content: [{ text: "Hi" }] },
  ...{ text: "Hi", stopReason: "end_turn", model: Model.CLAUDE_HAIKU_4_5 },
  usage: {
    ...{ inputTokens: 100, outputTokens: 20, totalTokens: 1_170 },
    ...{ cacheReadInputTokens: 1_000, cacheWriteInputTokens: 50 },
  },
  latencyMs: 7,
  ...changes,
});

describe.each(middyMajors)("metrics({ meter }) on %s", (_name, middy) => {
  const scene = (more: Scene): Scene => ({
    middy,
    ...more,
    options: { write: undefined, ...more.options },
  });

  test("records a call under the names of the conventions, with their units and buckets", async () => {
    const { meter, exported, points } = telemetry();
    const { invoke } = functionOf(
      async ({ invoke: ask }) => ask("Hello"),
      scene({
        provider: bedrockLike(async () => answer({ timeToFirstTokenMs: 250 })),
        options: { meter },
      }),
    );
    await invoke();
    const all = await exported();
    expect(
      Object.fromEntries(
        all.map(({ descriptor }) => [descriptor.name, descriptor.unit]),
      ),
    ).toEqual({
      "gen_ai.client.inference.duration": "s",
      "gen_ai.client.inference.time_to_first_chunk": "s",
      "gen_ai.client.inference.usage.input_tokens": "{token}",
      "gen_ai.client.inference.usage.output_tokens": "{token}",
      "gen_ai.client.inference.usage.cache_read.input_tokens": "{token}",
      "gen_ai.client.inference.usage.cache_write.input_tokens": "{token}",
      "gen_ai.client.inference.operation.input_tokens": "{token}",
      "gen_ai.client.inference.operation.output_tokens": "{token}",
    });
    const boundaries = Object.fromEntries(
      all.flatMap(({ descriptor, dataPoints }) => {
        const value: unknown = dataPoints[0]?.value;
        return typeof value === "number"
          ? []
          : [[descriptor.name, (value as Histogram).buckets.boundaries]];
      }),
    );
    const seconds = [
      0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48,
      40.96, 81.92,
    ];
    const tokens = Array.from({ length: 14 }, (_, index) => 4 ** index);
    expect(boundaries).toEqual({
      "gen_ai.client.inference.duration": seconds,
      "gen_ai.client.inference.time_to_first_chunk": seconds,
      "gen_ai.client.inference.operation.input_tokens": tokens,
      "gen_ai.client.inference.operation.output_tokens": tokens,
    });
    const sums: Record<string, unknown> = {};
    for (const name of [
      "input",
      "output",
      "cache_read.input",
      "cache_write.input",
    ])
      sums[name] = await points(`gen_ai.client.inference.usage.${name}_tokens`);
    expect(sums).toEqual({
      input: [{ attributes: TOKENS, sum: 1_150 }],
      output: [{ attributes: TOKENS, sum: 20 }],
      "cache_read.input": [{ attributes: TOKENS, sum: 1_000 }],
      "cache_write.input": [{ attributes: TOKENS, sum: 50 }],
    });
    expect(
      await points("gen_ai.client.inference.operation.input_tokens"),
    ).toEqual([{ attributes: M, sum: 1_150, count: 1 }]);
    expect(await points("gen_ai.client.inference.time_to_first_chunk")).toEqual(
      [{ attributes: M, sum: 0.25, count: 1 }],
    );
  });

  test.each([
    ["https://bedrock.example.com", "bedrock.example.com", 443],
    ["http://127.0.0.1/", "127.0.0.1", 80],
    ["http://127.0.0.1:8080", "127.0.0.1", 8080],
    ["somewhere", undefined, undefined],
  ])("tells the server that was asked: %s", async (endpoint, address, port) => {
    const { meter, points } = telemetry();
    const { invoke } = functionOf(
      async (context) => context.invoke("Hello"),
      scene({
        provider: bedrockLike(async () => answer(), endpoint),
        options: { meter },
      }),
    );
    await invoke();
    const [point] = await points("gen_ai.client.inference.duration");
    expect(point?.attributes["server.address"]).toBe(address);
    expect(point?.attributes["server.port"]).toBe(port);
  });

  test("tells the provider of a nested chain from the outer one", async () => {
    const { meter, points } = telemetry();
    const inner = functionOf(async (context) => context.invoke("Hello"), {
      ...{ middy, options: false },
      provider: bedrockLike(async () => answer()),
    });
    const { invoke } = functionOf(
      async (context) => {
        await context.invoke("Hello");
        await inner.invoke({}, context);
      },
      scene({ options: { meter } }),
    );
    await invoke();
    const all = await points("gen_ai.client.inference.duration");
    expect(
      all.map(({ attributes }) => attributes["gen_ai.provider.name"]),
    ).toEqual(["mock", "aws.bedrock"]);
  });

  test("writes no documents, unless it is asked to", async () => {
    const { meter, points } = telemetry();
    const ask: Parameters<typeof functionOf<unknown>>[0] = async (context) =>
      context.invoke("Hello");
    await functionOf(ask, scene({ options: { meter } })).invoke();
    expect(printed()).toEqual([]);
    const both = scene({ options: { meter, namespace: "Chat" } });
    await functionOf(ask, both).invoke();
    expect(printed()).toHaveLength(1);
    const [point, ...others] = await points("gen_ai.client.inference.duration");
    expect(others).toEqual([]);
    expect(point).toMatchObject({
      count: 2,
      attributes: { ...M, "gen_ai.provider.name": "mock" },
    });
  });

  test("records a call that fails with its code, and 0 tokens", async () => {
    const { meter, points } = telemetry();
    const { invoke } = functionOf(
      async (context) => rejection(context.invoke("Hello")),
      scene({
        provider: bedrockLike(async () => {
          throw new ModelInvocationError("no", {
            ...{ reason: "throttled", model: Model.CLAUDE_HAIKU_4_5 },
            retryable: true,
          });
        }),
        options: { meter },
      }),
    );
    await invoke();
    const { "gen_ai.response.model": _, ...asked } = M;
    const failed = { ...asked, "error.type": "throttled" };
    expect(await points("gen_ai.client.inference.usage.input_tokens")).toEqual([
      {
        attributes: { ...asked, "gen_ai.token.modality": "unknown" },
        sum: 0,
      },
    ]);
    expect(await points("gen_ai.client.inference.duration")).toMatchObject([
      { attributes: failed, count: 1 },
    ]);
    expect(
      await points("gen_ai.client.inference.operation.output_tokens"),
    ).toEqual([{ attributes: failed, sum: 0, count: 1 }]);
  });

  test("tells the model that was asked from the one that answered, and counts the retries in", async () => {
    const { meter, points } = telemetry();
    const { invoke } = functionOf(
      async (context) => context.invoke("Hello"),
      scene({
        provider: bedrockLike(async ({ model }) => {
          if (model === Model.NOVA_LITE) return answer({ model });
          throw new ModelInvocationError("no", {
            ...{ reason: "unavailable", model, retryable: true },
          });
        }),
        inner: [
          retryFallback({
            ...{ fallbackModel: Model.NOVA_LITE, maxRetries: 1 },
            ...{ baseDelayMs: 1, maxDelayMs: 1 },
          }),
        ],
        options: { meter },
      }),
    );
    await invoke();
    expect(await points("gen_ai.client.inference.duration")).toMatchObject([
      {
        attributes: { ...M, "gen_ai.response.model": Model.NOVA_LITE },
        count: 1,
      },
    ]);
  });

  test("has the old names beside the new ones when it is asked to", async () => {
    const { meter, points } = telemetry();
    const { invoke } = functionOf(
      async (context) => context.invoke("Hello"),
      scene({
        provider: bedrockLike(async () => answer()),
        options: { meter, legacy: true },
      }),
    );
    await invoke();
    expect(await points("gen_ai.client.token.usage")).toEqual([
      {
        attributes: { ...M, "gen_ai.token.type": "input" },
        ...{ sum: 1_150, count: 1 },
      },
      {
        attributes: { ...M, "gen_ai.token.type": "output" },
        ...{ sum: 20, count: 1 },
      },
    ]);
    expect(await points("gen_ai.client.operation.duration")).toMatchObject([
      { attributes: M, count: 1 },
    ]);
    expect(await points("gen_ai.client.inference.duration")).toHaveLength(1);
  });

  test("records agents, their tools and chains", async () => {
    const { meter, points, exported } = telemetry();
    const agent = new Agent({
      name: "reader",
      tools: [
        tool({
          name: "look",
          description: "Looks.",
          input: { page: "integer" },
          run: ({ page }) => {
            if (page === 2) throw new Error("no such page");
            return "Hello";
          },
        }),
      ],
    });
    const report = chain("report").step({ name: "say", prompt: "Say it." });
    const failing = chain("failing").step({ name: "ask", prompt: "Say it." });
    const look = (page: number) => ({
      toolUse: { toolUseId: `${page}`, name: "look", input: { page } },
    });
    const { invoke } = functionOf(
      async (context) => {
        await agent.run("Read.", context);
        await report.run(context, {});
        await failing.run(context, {});
      },
      scene({
        responses: [
          { content: [look(1), look(2)] },
          "Hello",
          "It.",
          new Error("no"),
        ],
        options: { meter },
      }),
    );
    await invoke();
    const ofTool = {
      "gen_ai.tool.name": "look",
      "gen_ai.tool.type": "function",
      "gen_ai.agent.name": "reader",
    };
    expect(await points("gen_ai.execute_tool.duration")).toMatchObject([
      { attributes: ofTool, count: 1 },
      { attributes: { ...ofTool, "error.type": "_OTHER" }, count: 1 },
    ]);
    const ofReport = {
      "gen_ai.operation.name": "invoke_workflow",
      "gen_ai.agent.name": "report",
    };
    expect(await points("gen_ai.invoke_agent.duration")).toMatchObject([
      {
        attributes: {
          "gen_ai.operation.name": "invoke_agent",
          "gen_ai.agent.name": "reader",
        },
        count: 1,
      },
      { attributes: ofReport, count: 1 },
      {
        attributes: {
          ...{ ...ofReport, "gen_ai.agent.name": "failing" },
          "error.type": "_OTHER",
        },
        count: 1,
      },
    ]);
    const ofAgent = { "gen_ai.agent.name": "reader" };
    expect(await points("gen_ai.invoke_agent.inference_calls")).toEqual([
      { attributes: ofAgent, sum: 2, count: 1 },
    ]);
    expect(await points("gen_ai.invoke_agent.tool_calls")).toEqual([
      { attributes: ofAgent, sum: 2, count: 1 },
    ]);
    const duration = (await exported()).find(
      ({ descriptor }) => descriptor.name === "gen_ai.invoke_agent.duration",
    );
    const value = duration?.dataPoints[0]?.value as Histogram;
    expect(value.buckets.boundaries).toEqual(
      Array.from({ length: 13 }, (_, index) => 0.1 * 2 ** index).map((one) =>
        Number(one.toFixed(1)),
      ),
    );
  });

  test("records no duration of a tool that has to wait with its run", async () => {
    const { meter, exported } = telemetry();
    const { invoke } = functionOf(
      async (context) => {
        const waits = invocationOf(context).operations.run(
          {
            ...{ kind: "tool", name: "look", toolUseId: "t", description: "" },
            ...{ agent: "a", input: {} },
            run: { id: "run-1", isResumable: false },
          },
          async () => {
            throw new Suspended("run-1", {});
          },
          (): never => {
            throw new Error("It has ended.");
          },
        );
        await rejection(waits);
      },
      scene({ options: { meter } }),
    );
    await invoke();
    expect(await exported()).toEqual([]);
  });

  test("takes no notice of runs as such", async () => {
    const { meter, exported } = telemetry();
    const { invoke } = functionOf(
      async ({ journal }) => journal.sleep("nap", 3_600_000),
      scene({
        inner: [checkpoint({ store: memoryStores() })],
        options: { meter },
      }),
    );
    await invoke();
    expect(await exported()).toEqual([]);
  });

  test("records the time between the pieces of a stream when it is asked to", async () => {
    const { meter, points } = telemetry();
    const call = async ({ onDelta }: ModelRequest) => {
      for (const text of ["one ", "two ", "three"])
        onDelta?.({ kind: "text", text });
      return answer();
    };
    const { invoke } = functionOf(
      async (context) => {
        await context.invoke("Hello");
        let text = "";
        for await (const piece of context.stream("Hello")) text += piece;
        return text;
      },
      scene({
        provider: bedrockLike(call),
        options: { meter, timePerOutputChunk: true },
      }),
    );
    expect(await invoke()).toBe("one two three");
    expect(
      await points("gen_ai.client.inference.time_per_output_chunk"),
    ).toMatchObject([{ attributes: M, count: 2 }]);
  });

  test("exports at the end of the invocation when it is told how", async () => {
    const { provider, meter, exporter } = telemetry();
    const { invoke } = functionOf(
      async (context) => context.invoke("Hello"),
      scene({ options: { meter, flush: () => provider.forceFlush() } }),
    );
    await invoke();
    expect(exporter.getMetrics()).toHaveLength(1);
  });

  test("does not wait for an exporter that hangs, and tells it once", async () => {
    jest.useFakeTimers();
    try {
      const { meter } = telemetry();
      const { invoke } = functionOf(
        async (context) => context.invoke("Hello"),
        scene({ options: { meter, flush: () => new Promise(() => {}) } }),
      );
      for (let time = 0; time < 2; time += 1) {
        const context = new MockLambdaContext({ timeoutMs: 60_000 });
        const running = invoke({}, context);
        await jest.advanceTimersByTimeAsync(1_999);
        expect(await Promise.race([running, "waiting"])).toBe("waiting");
        await jest.advanceTimersByTimeAsync(1);
        expect(await running).toBe("Mock response");
      }
      expect(printed()).toEqual([
        "LambdaLLMWarning: metrics: they could not be written: the flush took longer than 2000 ms",
      ]);
    } finally {
      jest.useRealTimers();
    }
  });

  test("lets calls succeed whose meter throws, and tells it once", async () => {
    const fail = () => {
      throw new Error("broken meter");
    };
    const { meter } = telemetry();
    const broken = {
      createCounter: () => ({ add: fail }),
      createHistogram: () => ({ record: fail }),
    };
    const { invoke } = functionOf(
      async (context) => {
        await context.invoke("Hello");
        return context.invoke("Hello");
      },
      scene({ options: { meter: Object.assign(meter, broken) } }),
    );
    expect(await invoke()).toBe("Mock response");
    const [warning, ...others] = printed();
    expect(warning).toContain("broken meter");
    expect(others).toEqual([]);
  });
});
