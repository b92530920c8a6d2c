import { afterAll, expect, test } from "@jest/globals";
import { Agent, tool } from "@lambdallm/agent";
import checkpoint from "@lambdallm/checkpoint";
import { Model, ModelInvocationError } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import retryFallback from "@lambdallm/retry-fallback";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { functionOf } from "./support.ts";

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const provider = new MeterProvider({
  readers: [new PeriodicExportingMetricReader({ exporter })],
});
afterAll(() => provider.shutdown());

let secrets = 0;
/** A text that must not come out anywhere. */
const secret = () => `SECRET${++secrets}`;

test("Nothing that was said, or given to tools, or stands in errors is in what is written", async () => {
  class SecretError extends Error {
    override name = secret();
  }
  const agent = new Agent({
    name: "reader",
    systemPrompt: secret(),
    tools: [
      tool({
        name: "look",
        description: secret(),
        input: { page: "string" },
        run: ({ page }) => {
          if (page.startsWith("bad")) throw new SecretError(secret());
          return secret();
        },
      }),
    ],
  });
  const look = (page: string) => ({
    toolUse: { toolUseId: secret(), name: "look", input: { page } },
  });
  const { invoke, written } = functionOf(
    async (context) => {
      await context.invoke("Say {what}", { what: secret() }).catch(() => {});
      await context.invoke(secret()).catch(() => {});
      await context
        .invoke(secret(), {}, { tags: { [secret()]: secret() } })
        .catch(() => {});
      await agent.run(secret(), context);
      throw new SecretError(secret());
    },
    {
      responses: [
        new ModelInvocationError(secret(), {
          ...{ reason: "access-denied", model: Model.CLAUDE_HAIKU_4_5 },
          ...{ serviceMessage: secret(), requestId: secret() },
        }),
        new SecretError(secret()),
        { text: secret() },
        { content: [look(secret()), look(`bad ${secret()}`)] },
        secret(),
      ],
      options: {
        namespace: "Chat",
        meter: provider.getMeter("test"),
        legacy: true,
        timePerOutputChunk: true,
        dimensions: ["model", "prompt", "agent", "chain", "tool", "step"],
      },
      inner: [
        checkpoint({ store: memoryStores() }),
        retryFallback({ maxRetries: 0 }),
      ],
    },
  );
  await invoke({ body: secret() }).catch(() => {});
  await provider.forceFlush();
  expect(written.overall).toMatchObject({
    ...{ ToolCalls: [1, 1], ToolErrors: [1], Errors: [1, 1] },
  });
  const exported = JSON.stringify(exporter.getMetrics());
  expect(exported).toContain("gen_ai.execute_tool.duration");
  expect(`${written.lines.join("\n")} ${exported}`).not.toContain("SECRET");
});
