import type { ContentBlock, JsonValue, WithLLM } from "@lambdallm/core";
import type { MiddyMiddleware } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import tracing, { type TracingOptions } from "@lambdallm/tracing";
import {
  type AttributeValue,
  context,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
  type TracerProviderOptions,
} from "@opentelemetry/sdk-trace";
import type { Context as LambdaContext } from "aws-lambda";
import type { middyMajors } from "../../../test-support/middy.ts";

export type Middy = (typeof middyMajors)[number][1];
export type HandlerContext = LambdaContext & WithLLM;

export interface Sdk {
  readonly provider: TracerProvider;
  /** What was exported, in the order of its end. */
  readonly spans: readonly ReadableSpan[];
  /** Each span below its parent, in the order of the starts. */
  tree(): string[];
  /** The only one of this name. */
  span(name: string): ReadableSpan;
  /** All that was exported, as text. */
  text(): string;
}

/** OpenTelemetry as an application sets it up, with spans that are kept in memory. */
export function setUp(options: TracerProviderOptions = {}): Sdk {
  tearDown();
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    ...options,
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(
    new AsyncLocalStorageContextManager().enable(),
  );
  const all = () => exporter.getFinishedSpans();
  return {
    provider,
    get spans() {
      return all();
    },
    tree: () => treeOf(all()),
    span(name) {
      const found = all().filter((one) => one.name === name);
      if (found.length !== 1 || found[0] === undefined)
        throw new Error(
          `${found.length} spans are named "${name}": ${treeOf(all()).join(", ")}`,
        );
      return found[0];
    },
    text: () =>
      JSON.stringify(
        all().map(({ name, attributes, events, links, status }) => ({
          ...{ name, attributes, events, links, status },
        })),
      ),
  };
}

export function tearDown(): void {
  trace.disable();
  context.disable();
}

const started = ({ startTime: [seconds, nanos] }: ReadableSpan) =>
  seconds * 1e9 + nanos;

/** The name, indented; `!` where it has failed, and `>` for what is called elsewhere. */
export function treeOf(spans: readonly ReadableSpan[]): string[] {
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  const idOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;
  const below = (parent: string | undefined, indent: string): string[] =>
    spans
      .map((span, index) => ({ span, index }))
      .filter(({ span }) => {
        const id = idOf(span);
        return parent === undefined
          ? id === undefined || !ids.has(id)
          : id === parent;
      })
      // Those that have started in the same moment have ended in their order.
      .sort((a, b) => started(a.span) - started(b.span) || a.index - b.index)
      .flatMap(({ span }) => [
        `${indent}${span.kind === SpanKind.CLIENT ? ">" : ""}${span.name}${
          span.status.code === SpanStatusCode.ERROR ? "!" : ""
        }`,
        ...below(span.spanContext().spanId, `${indent}  `),
      ]);
  return below(undefined, "");
}

export function attributesOf(
  span: ReadableSpan,
): Record<string, AttributeValue | undefined> {
  return { ...span.attributes };
}

/** One invocation of a handler with tracing. */
export async function run<Result>(
  middy: Middy,
  handler: (context: HandlerContext) => Promise<Result>,
  {
    model = new MockProvider(),
    options,
    middlewares = [],
    context: given = new MockLambdaContext(),
  }: {
    readonly model?: Pick<MockProvider, "middleware">;
    readonly options?: TracingOptions;
    readonly middlewares?: readonly MiddyMiddleware<HandlerContext>[];
    readonly context?: LambdaContext;
  } = {},
): Promise<Result> {
  const chain = middy<object, Result, Error, HandlerContext>();
  chain.use({ ...model.middleware() });
  chain.use({ ...tracing(options) });
  for (const middleware of middlewares) chain.use({ ...middleware });
  chain.handler(async (_event, handlerContext) => handler(handlerContext));
  // The provider's middleware adds the model functions to this very context.
  return (await chain({}, given as HandlerContext)) as Result;
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

/** An answer that calls tools: their names and inputs. */
export function calling(
  ...calls: readonly (readonly [name: string, input: JsonValue])[]
): { readonly content: readonly ContentBlock[] } {
  return {
    content: calls.map(([name, input], index) => ({
      toolUse: { toolUseId: `${name}-${index}`, name, input },
    })),
  };
}
