import { afterEach, expect, test } from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import { MockLambdaContext, mockModel } from "@lambdallm/testing";
import tracing, { RunIdGenerator, Tracer } from "@lambdallm/tracing";
import middy from "@middy/core";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { startCollector } from "./collector.ts";
import { tearDown } from "./support.ts";

afterEach(() => {
  tearDown();
  delete process.env["OTEL_EXPORTER_OTLP_ENDPOINT"];
});

// The README's example and its test.
const handler = middy<{ text: string }>()
  .use(bedrock())
  .use(tracing())
  .handler(async ({ text }, context) =>
    context.invoke("Summarize:\n{text}", { text }),
  );

const exporter = new InMemorySpanExporter();
const spanProcessors = [new SimpleSpanProcessor({ exporter })];
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors }));

test(
  "asks once",
  mockModel({ responses: ["Short."] }, async () => {
    await handler({ text: "Long." }, new MockLambdaContext());
    const chats = exporter
      .getFinishedSpans()
      .filter(({ name }) => name.startsWith("chat "));
    expect(chats).toHaveLength(1);
    expect(chats[0]?.attributes["gen_ai.usage.output_tokens"]).toBeGreaterThan(
      0,
    );
  }),
);

test("The set-up of OpenTelemetry is one, and spans of one's own have attributes", async () => {
  await using collector = await startCollector();
  process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  const provider = new TracerProvider({
    idGenerator: new RunIdGenerator(),
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter() }),
      new SimpleSpanProcessor({ exporter }),
    ],
  });
  trace.setGlobalTracerProvider(provider);
  const tracer = new Tracer({ name: "orders" });
  const order = await tracer.span("load order", async (span) => {
    span.setAttribute("order.id", 7);
    return "order";
  });
  expect(order).toBe("order");
  expect(exporter.getFinishedSpans().at(-1)?.attributes).toMatchObject({
    "order.id": 7,
  });
  await provider.shutdown();
  expect(collector.bodies.join()).toContain("order.id");
  trace.disable();
});

test(
  "What was said can be kept elsewhere",
  mockModel({ responses: ["Short."] }, async () => {
    const bucket = new Map<string, string>();
    const storing = middy<{ text: string }>()
      .use(bedrock())
      .use(
        tracing({
          captureContent: async ({ instructions, input, output, span }) => {
            const { traceId, spanId } = span.spanContext();
            const body = JSON.stringify({ instructions, input, output });
            bucket.set(`${traceId}/${spanId}.json`, body);
            return undefined;
          },
        }),
      )
      .handler(async ({ text }, context) => context.invoke(text));
    await storing({ text: "Long." }, new MockLambdaContext());
    expect([...bucket.values()].join()).toContain("Short.");
  }),
);
