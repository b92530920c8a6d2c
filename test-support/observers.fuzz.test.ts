import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { Model, ModelInvocationError, type WithLLM } from "@lambdallm/core";
import {
  type MiddyMiddleware,
  PICO_USD_PER_USD,
  type ProviderResponse,
  providerMiddleware,
} from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import {
  CostTracker,
  costTracking,
  type WithCostTracker,
} from "@lambdallm/cost-tracking";
import { logging } from "@lambdallm/logging";
import { metrics } from "@lambdallm/metrics";
import { resetRetryState, retryFallback } from "@lambdallm/retry-fallback";
import { MockLambdaContext } from "@lambdallm/testing";
import { tracing } from "@lambdallm/tracing";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Context as LambdaContext } from "aws-lambda";
import fc from "fast-check";
import { middyMajors } from "./middy.ts";
import { rounds } from "./rounds.ts";

const MODEL = Model.CLAUDE_HAIKU_4_5;
const spans = new InMemorySpanExporter();
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  trace.setGlobalTracerProvider(
    new TracerProvider({
      spanProcessors: [new SimpleSpanProcessor({ exporter: spans })],
    }),
  );
});
afterAll(() => {
  trace.disable();
  context.disable();
});
beforeEach(() => resetRetryState());

type TestContext = LambdaContext & WithLLM & WithCostTracker;

/** How one attempt of a call ends: `partial` breaks off after tokens were used, `refused` before. */
const attempt = fc.record({
  ending: fc.constantFrom("answered", "partial", "refused", "fatal"),
  inputTokens: fc.nat(5_000),
  outputTokens: fc.nat(500),
  cacheReadInputTokens: fc.nat(1_000),
  cacheWriteInputTokens: fc.nat(1_000),
});
type Attempt = typeof attempt extends fc.Arbitrary<infer T> ? T : never;

const call = fc.record({
  attempts: fc.array(attempt, { minLength: 1, maxLength: 3 }),
  streams: fc.boolean(),
});
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

function responseOf({ ending: _, ...tokens }: Attempt): ProviderResponse {
  const { inputTokens, outputTokens } = tokens;
  const { cacheReadInputTokens, cacheWriteInputTokens } = tokens;
  return {
    message: { role: "assistant", content: [{ text: "Yes." }] },
    text: "Yes.",
    stopReason: "end_turn",
    usage: {
      ...tokens,
      totalTokens:
        inputTokens +
        outputTokens +
        cacheReadInputTokens +
        cacheWriteInputTokens,
    },
    model: MODEL,
    latencyMs: 1,
  };
}

/** What a model does with an attempt. */
function endingOf(one: Attempt): ProviderResponse {
  const response = responseOf(one);
  if (one.ending === "answered") return response;
  throw new ModelInvocationError("No.", {
    reason: one.ending === "fatal" ? "invalid-request" : "unavailable",
    model: MODEL,
    retryable: one.ending !== "fatal",
    ...(one.ending === "partial" && {
      ...{ billed: "partial", partial: response },
    }),
  });
}

interface Document extends Readonly<Record<string, unknown>> {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Dimensions: readonly (readonly string[])[];
    }[];
  };
}

interface Totals {
  readonly calls: number;
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  /** As prices are kept: a whole number. */
  readonly picoUsd: number;
}

const pico = (usd: unknown) => Math.round(Number(usd) * PICO_USD_PER_USD);
const sumOf = (numbers: readonly unknown[]) =>
  numbers.reduce<number>((sum, one) => sum + Number(one ?? 0), 0);

async function observe(
  middy: (typeof middyMajors)[number][1],
  calls: readonly Call[],
) {
  spans.reset();
  resetRetryState();
  const records: Record<string, unknown>[] = [];
  const documents: Document[] = [];
  const write = (record: unknown) => {
    // As they are written.
    records.push(record as Record<string, unknown>);
  };
  const exporter = new InMemoryMetricExporter(
    AggregationTemporality.CUMULATIVE,
  );
  const meterProvider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter })],
  });
  const attempts: Attempt[] = [];
  const store = memoryStores();
  const observers: readonly MiddyMiddleware<TestContext>[] = [
    tracing(),
    logging({
      logger: { debug: write, info: write, warn: write, error: write },
    }),
    metrics({
      namespace: "Test",
      meter: meterProvider.getMeter("test"),
      write: (line) => documents.push(JSON.parse(line)),
    }),
    costTracking({ store, dailyBudgetUsd: 1_000 }),
    retryFallback({
      ...{ maxRetries: 2, baseDelayMs: 1, random: () => 0 },
      ...{ circuit: false, retryBudget: false },
    }),
  ];
  const chain = middy<object, Totals, Error, TestContext>().use(
    providerMiddleware({
      provider: {
        name: "test",
        call: async () => endingOf(attempts.shift() as Attempt),
      },
      defaults: { model: MODEL },
    }),
  );
  for (const observer of observers) chain.use({ ...observer });
  const handler = chain.handler(async (_event, { llm }) => {
    let made = 0;
    for (const one of calls) {
      // The last one of a call is not retried, so that the next call begins with its own.
      attempts.splice(0, Infinity, ...one.attempts);
      const last = one.attempts.at(-1) as Attempt;
      attempts.push({ ...last, ending: "fatal" });
      made += 1;
      const { streams } = one;
      await (streams
        ? llm.stream("Hello").response
        : llm.invoke("Hello")
      ).catch(() => {});
    }
    const { usage, totalCostUsd } = llm;
    return {
      calls: made,
      input: usage.inputTokens,
      output: usage.outputTokens,
      cacheRead: usage.cacheReadInputTokens,
      cacheWrite: usage.cacheWriteInputTokens,
      picoUsd: pico(totalCostUsd),
    };
  });
  // The provider's middleware adds the model functions to this very context.
  const own = (await handler(
    {},
    new MockLambdaContext() as MockLambdaContext & TestContext,
  )) as Totals;
  await meterProvider.forceFlush();
  const meters = exporter.getMetrics().at(-1)?.scopeMetrics[0]?.metrics ?? [];
  await meterProvider.shutdown();
  const report = await new CostTracker({ store }).report("daily");
  return { own, records, documents, meters, report };
}

const spanTotals = (): Totals => {
  const chats = spans
    .getFinishedSpans()
    .filter(({ name }) => name.startsWith("chat "));
  const sum = (key: string) =>
    sumOf(chats.map(({ attributes }) => attributes[`gen_ai.usage.${key}`]));
  const cacheRead = sum("cache_read.input_tokens");
  const cacheWrite = sum("cache_write.input_tokens");
  return {
    calls: chats.length,
    input: sum("input_tokens") - cacheRead - cacheWrite,
    output: sum("output_tokens"),
    ...{ cacheRead, cacheWrite },
    picoUsd: pico(
      sumOf(chats.map(({ attributes }) => attributes["lambdallm.cost.usd"])),
    ),
  };
};

function logTotals(records: readonly Record<string, unknown>[]): Totals {
  const calls = records.filter(({ event }) =>
    ["call-end", "call-error"].includes(String(event)),
  );
  const sum = (key: string) => sumOf(calls.map((record) => record[key]));
  return {
    calls: calls.length,
    input: sum("inputTokens"),
    output: sum("outputTokens"),
    cacheRead: sum("cacheReadInputTokens"),
    cacheWrite: sum("cacheWriteInputTokens"),
    picoUsd: pico(sum("costUsd")),
  };
}

/** Of the figures over everything, which have no dimensions. */
function emfTotals(documents: readonly Document[]): Totals {
  const whole = documents.filter(({ _aws }) =>
    _aws.CloudWatchMetrics.some(({ Dimensions }) =>
      Dimensions.some((set) => set.length === 0),
    ),
  );
  const sum = (key: string) =>
    sumOf(whole.flatMap((document) => [document[key]].flat()));
  return {
    calls: sum("Calls"),
    input: sum("InputTokens"),
    output: sum("OutputTokens"),
    cacheRead: sum("CacheReadTokens"),
    cacheWrite: sum("CacheWriteTokens"),
    picoUsd: pico(sum("CostUsd")),
  };
}

function meterTotals(
  meters: Awaited<ReturnType<typeof observe>>["meters"],
): Omit<Totals, "picoUsd"> {
  const sum = (name: string) =>
    sumOf(
      meters
        .filter(
          ({ descriptor }) =>
            descriptor.name === `gen_ai.client.inference.${name}`,
        )
        .flatMap(({ dataPoints }) =>
          dataPoints.map(({ value }) =>
            typeof value === "number" ? value : Reflect.get(value, "count"),
          ),
        ),
    );
  const cacheRead = sum("usage.cache_read.input_tokens");
  const cacheWrite = sum("usage.cache_write.input_tokens");
  return {
    calls: sum("duration"),
    input: sum("usage.input_tokens") - cacheRead - cacheWrite,
    output: sum("usage.output_tokens"),
    ...{ cacheRead, cacheWrite },
  };
}

test.each(middyMajors)(
  "Spans, logs, metrics, the context and the budget say the same of any invocation on %s",
  async (_name, middy) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { minLength: 1, maxLength: 4 }),
        async (calls) => {
          const { own, records, documents, meters, report } = await observe(
            middy,
            calls,
          );
          const { picoUsd, ...counted } = own;
          expect(spanTotals()).toEqual(own);
          expect(logTotals(records)).toEqual(own);
          expect(emfTotals(documents)).toEqual(own);
          expect(meterTotals(meters)).toEqual(counted);
          expect(pico(report.costUsd)).toBe(picoUsd);
        },
      ),
      { numRuns: rounds(30, 500) },
    );
  },
);
