import { afterAll, expect, test } from "@jest/globals";
import { Model, ModelInvocationError, type Usage } from "@lambdallm/core";
import {
  type ProviderResponse,
  providerMiddleware,
  usageOf,
} from "@lambdallm/core/feature";
import retryFallback from "@lambdallm/retry-fallback";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";
import { functionOf } from "./support.ts";

const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA);
const meters = new MeterProvider({
  readers: [new PeriodicExportingMetricReader({ exporter })],
});
const meter = meters.getMeter("test");
afterAll(() => meters.shutdown());

const tokens = fc.nat({ max: 5_000 });
const attempt = fc.record({
  outcome: fc.constantFrom("ok", "ok", "throttled", "broken", "refused"),
  ...{ input: tokens, output: tokens, read: tokens, write: tokens },
});
const MODELS = [Model.CLAUDE_HAIKU_4_5, Model.NOVA_LITE];

type Attempt = typeof attempt extends fc.Arbitrary<infer T> ? T : never;

/** A provider whose attempts end like this, one after the other. */
function providerOf(attempts: readonly Attempt[]) {
  let next = 0;
  return providerMiddleware({
    provider: {
      name: "test",
      call: async ({ model }): Promise<ProviderResponse> => {
        const { outcome, input, output, read, write } = attempts[
          next % attempts.length
        ] as Attempt;
        next += 1;
        const usage: Usage = {
          ...usageOf(input, output),
          ...{ cacheReadInputTokens: read, cacheWriteInputTokens: write },
        };
        const response: ProviderResponse = {
          message: { role: "assistant", content: [{ text: "Hi" }] },
          ...{ text: "Hi", stopReason: "end_turn", usage, model, latencyMs: 1 },
        };
        if (outcome === "ok") return response;
        throw new ModelInvocationError("no", {
          ...{ reason: outcome, model, retryable: outcome !== "refused" },
          ...(outcome === "broken" && { billed: "partial", partial: response }),
        });
      },
    },
    defaults: { model: Model.CLAUDE_HAIKU_4_5 },
  });
}

const sum = (values: readonly number[] = []) =>
  values.reduce((total, value) => total + value, 0);

/** What the counters of the meter have counted since the last time. */
async function counted(name: string): Promise<number> {
  const all = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) =>
        metrics
          .filter(({ descriptor }) => descriptor.name === name)
          .flatMap(({ dataPoints }) =>
            dataPoints.map(({ value }) =>
              typeof value === "number" ? value : 0,
            ),
          ),
      ),
    );
  return sum(all);
}

test("The totals of documents and of a meter are those of the context, whatever happens", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(attempt, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom(...MODELS),
      async (attempts, calls, fallbackModel) => {
        exporter.reset();
        const { invoke, written } = functionOf(
          async (context) => {
            const asked = Array.from({ length: calls }, () =>
              context.invoke("Hello").catch(() => "failed"),
            );
            await Promise.all(asked);
            const { usage, totalCostUsd } = context;
            return { usage, totalCostUsd };
          },
          {
            provider: providerOf(attempts),
            inner: [
              retryFallback({
                ...{ fallbackModel, maxRetries: 2 },
                ...{ baseDelayMs: 1, maxDelayMs: 1 },
              }),
            ],
            options: { namespace: "Fuzz", meter },
          },
        );
        const { usage, totalCostUsd } = await invoke();
        await meters.forceFlush();
        const { overall } = written;
        expect(sum(overall["Calls"])).toBe(calls);
        expect({
          input: sum(overall["InputTokens"]),
          output: sum(overall["OutputTokens"]),
          read: sum(overall["CacheReadTokens"]),
          write: sum(overall["CacheWriteTokens"]),
        }).toEqual({
          input: usage.inputTokens,
          output: usage.outputTokens,
          read: usage.cacheReadInputTokens,
          write: usage.cacheWriteInputTokens,
        });
        if (totalCostUsd === undefined)
          expect(sum(overall["UnpricedCalls"])).toBeGreaterThan(0);
        else {
          expect(overall).not.toHaveProperty("UnpricedCalls");
          expect(sum(overall["CostUsd"])).toBeCloseTo(totalCostUsd, 12);
        }
        const prefix = "gen_ai.client.inference.usage";
        expect(await counted(`${prefix}.input_tokens`)).toBe(
          usage.inputTokens +
            usage.cacheReadInputTokens +
            usage.cacheWriteInputTokens,
        );
        expect(await counted(`${prefix}.output_tokens`)).toBe(
          usage.outputTokens,
        );
      },
    ),
    { numRuns: rounds(50, 1_000) },
  );
});
