import type {
  DurableInstrumentationPlugin,
  DurableInstrumentationPluginProvider,
} from "@aws/durable-execution-sdk-js";
import bedrock from "@lambdallm/bedrock";
import tracing, { RunIdGenerator, Tracer } from "@lambdallm/tracing";
import {
  durableExecutionPluginProvider,
  durableTracing,
} from "@lambdallm/tracing/durable";
import type { Span } from "@opentelemetry/api";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import middy6 from "middy6";
import middy7 from "middy7";
import { describe, expect, test } from "tstyche";

interface Event {
  readonly text: string;
}

describe("A chain keeps its types", () => {
  test("on Middy 7, one by one and in an array", () => {
    middy7<Event>()
      .use(bedrock())
      .use(tracing())
      .handler(async (event, context) => {
        expect(event).type.toBe<Event>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
        expect(context.awsRequestId).type.toBe<string>();
      });
    middy7<Event>()
      .use([bedrock(), tracing()])
      .handler(async (event, context) => {
        expect(event.text).type.toBe<string>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });

  test("on Middy 6", () => {
    middy6<Event>()
      .use(bedrock())
      .use(tracing())
      .handler(async (event, context) => {
        expect(event).type.toBe<Event>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });
});

test("options are typed", () => {
  const provider = new TracerProvider({ idGenerator: new RunIdGenerator() });
  expect(tracing).type.toBeCallableWith({
    provider,
    captureContent: true,
    suppressSdkSpans: false,
    flushTimeoutMs: 0,
  });
  expect(tracing).type.toBeCallableWith({
    captureContent: async ({ input, span }: { input: unknown; span: Span }) => {
      span.setAttribute("length", JSON.stringify(input).length);
      return undefined;
    },
  });
  expect(tracing).type.not.toBeCallableWith({ capture: true });
});

test("a span gives what its function does", () => {
  const tracer = new Tracer();
  expect(tracer.span("a", () => 1)).type.toBe<number>();
  expect(tracer.span("a", async () => 1)).type.toBe<Promise<number>>();
  tracer.span("a", (span) => expect(span).type.toBe<Span>());
});

test("the plugin is one of the durable SDK", () => {
  expect(durableTracing()).type.toBe<DurableInstrumentationPlugin>();
  expect(
    durableExecutionPluginProvider,
  ).type.toBe<DurableInstrumentationPluginProvider>();
});
