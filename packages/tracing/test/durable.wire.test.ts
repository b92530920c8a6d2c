import { createHash } from "node:crypto";
import {
  type DurableContext,
  type DurableExecutionHandler,
  withDurableExecution,
} from "@aws/durable-execution-sdk-js";
import { LambdaClient } from "@aws-sdk/client-lambda";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import { Agent, tool } from "@lambdallm/agent";
import { Chain, Step } from "@lambdallm/chain";
import checkpoint, { type WithCheckpoint } from "@lambdallm/checkpoint";
import { durable } from "@lambdallm/checkpoint/durable";
import { Model, type WithLLM } from "@lambdallm/core";
import { providerMiddleware } from "@lambdallm/core/feature";
import { type LocalDurable, startDurable } from "@lambdallm/local";
import { MockProvider } from "@lambdallm/testing";
import tracing, { RunIdGenerator, Tracer } from "@lambdallm/tracing";
import {
  type DurableTracingOptions,
  durableTracing,
} from "@lambdallm/tracing/durable";
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  type ReadableSpan,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import middy7 from "middy7";
import { executionModeDurableContext } from "middy7/DurableContext";
import { printed } from "../../../test-support/quiet.ts";
import { calling, type Sdk, setUp, tearDown, treeOf } from "./support.ts";

const CHAT = `chat ${Model.CLAUDE_HAIKU_4_5}`;

let service: LocalDurable;
let client: LambdaClient;
/** The function that is deployed. */
let deployed: (event: never, context: never) => Promise<unknown>;
/** Of Lambda's context. */
const invoked = {
  xRayTraceId:
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
  // An invocation that waits never ends for Middy: it has no time that could be over later.
  getRemainingTimeInMillis: () => 2 ** 40,
};
const environment = { ...process.env };

beforeAll(async () => {
  service = await startDurable({
    invoke: (event, { context }) =>
      deployed(event as never, { ...context, ...invoked } as never),
    skipTime: true,
  });
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  client = new LambdaClient({
    ...{ region: "us-east-1", endpoint: service.url, credentials },
  });
  // Middy's durable mode takes neither a client nor plugins: they are found by the environment, as on Lambda.
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_LAMBDA: service.url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    DURABLE_EXECUTION_PLUGINS: "@lambdallm/tracing/durable",
  });
});
afterAll(async () => {
  process.env = environment;
  client.destroy();
  await service.close();
});

const tracer = new Tracer({ name: "test" });
const traceIdOf = (runId: string) =>
  createHash("sha256").update(runId).digest("hex").slice(0, 32);

type Context = DurableContext & WithLLM<true> & WithCheckpoint;

/** A deployed function with Middy's durable mode. */
function deploy(
  handler: (context: Context) => Promise<unknown>,
  provider = new MockProvider(),
): void {
  const chain = middy7<unknown, unknown, Error, Context>({
    executionMode: executionModeDurableContext,
    timeoutEarlyInMillis: 0,
  });
  chain
    .use(
      providerMiddleware({
        provider,
        defaults: { model: Model.CLAUDE_HAIKU_4_5 },
        durable: true,
      }),
    )
    .use(tracing())
    .use(checkpoint({ host: durable() }))
    .handler(async (_event, context) => handler(context));
  // As Lambda calls it.
  deployed = chain as never;
}

describe.each([
  ["with ids of the SDK", false],
  ["with ids of the run", true],
])("A durable execution, %s,", (_ids, isGenerated) => {
  let sdk: Sdk;
  beforeEach(() => {
    sdk = setUp(isGenerated ? { idGenerator: new RunIdGenerator() } : {});
  });
  afterEach(tearDown);

  const traced = (spans: readonly ReadableSpan[], arn: string) => {
    for (const span of spans)
      expect([span.name, span.spanContext().traceId]).toEqual([
        span.name,
        traceIdOf(arn),
      ]);
  };

  test("is one trace, with its own steps and those of the journal, and none of them twice", async () => {
    const chain = new Chain({
      name: "review",
      steps: [
        new Step({ name: "summary", prompt: "Summarize." }),
        new Step({
          name: "night",
          needs: ["summary"],
          func: async ({ llm }) => llm.invoke("More."),
        }),
      ],
    });
    deploy(async (context) => {
      await context.step("own", () =>
        tracer.span("own work", () => context.llm.invoke("Hello")),
      );
      await chain.run(context, {});
      await context.journal.sleep("night", 8 * 3_600_000);
      await context.runInChildContext("group", async (inner) => {
        await tracer.span("grouped", async () => {});
        await inner.step("plain", () => context.llm.invoke("Hello"));
      });
      return chain.run(context, {});
    });
    const execution = service.start({});
    expect((await execution.result).status).toBe("SUCCEEDED");
    expect(execution.invocations).toHaveLength(2);
    traced(sdk.spans, execution.arn);
    expect(sdk.tree()).toEqual([
      "own work",
      `  >${CHAT}`,
      "    attempt",
      "invoke_workflow review",
      `  >${CHAT}`,
      "    attempt",
      `  >${CHAT}`,
      "    attempt",
      "grouped",
      `>${CHAT}`,
      "  attempt",
      "invoke_workflow review",
      `  >${CHAT}`,
      "    attempt",
      `  >${CHAT}`,
      "    attempt",
    ]);
    const segments = sdk.spans.filter(({ name }) => name.includes("review"));
    expect(
      segments.map(({ attributes }) => attributes["lambdallm.run.resumed"]),
    ).toEqual([undefined, true]);
    const [chat] = sdk.spans.filter(({ name }) => name === CHAT);
    expect(chat?.attributes["lambdallm.run.id"]).toBe(execution.arn);
    // Linked to what Lambda says of the invocation.
    for (const { links } of segments)
      expect(links).toMatchObject([
        { context: { traceId: "5759e988bd862e3fe1be46a994272793" } },
      ]);
  });

  test("that waits has the span of its agent nevertheless, and another one when it goes on", async () => {
    const look = tool({
      name: "look",
      description: "Looks.",
      input: { page: "integer" },
      needsApproval: true,
      run: () => "A page.",
    });
    const agent = new Agent({ name: "reader", tools: [look] });
    const model = new MockProvider({
      responses: [calling(["look", { page: 1 }]), "Done."],
    });
    deploy((context) => agent.run("Read.", context), model);
    const execution = service.start({});
    await execution.rest();
    const first = [...sdk.spans];
    expect(treeOf(first)).toEqual([
      "invoke_agent reader",
      `  >${CHAT}`,
      "    attempt",
    ]);
    const [{ callbackId } = { callbackId: "" }] = execution.callbacks;
    service.answer(callbackId, { decision: "approve" });
    expect((await execution.result).status).toBe("SUCCEEDED");
    expect(treeOf(sdk.spans.slice(first.length))).toEqual([
      "invoke_agent reader",
      "  execute_tool look",
      `  >${CHAT}`,
      "    attempt",
    ]);
    traced(sdk.spans, execution.arn);
    expect(
      sdk.spans
        .filter(({ name }) => name.startsWith("invoke_agent"))
        .map(({ attributes }) => [
          attributes["lambdallm.run.suspended"],
          attributes["lambdallm.run.resumed"],
        ]),
    ).toEqual([
      [true, undefined],
      [undefined, true],
    ]);
  });

  test("has its trace and its run in its log", async () => {
    deploy(async (context) => {
      context.logger.info("between");
      await context.step("own", async ({ logger }) => logger.info("inside"));
    });
    const execution = service.start({});
    await execution.result;
    const lines = printed().map((line) => JSON.parse(line));
    expect(lines).toMatchObject(
      ["between", "inside"].map((message) => ({
        message,
        trace_id: traceIdOf(execution.arn),
        "lambdallm.run.id": execution.arn,
      })),
    );
  });
});

describe("The plugin", () => {
  afterEach(tearDown);

  const handlerOf = (
    handler: DurableExecutionHandler<unknown, unknown>,
    options?: DurableTracingOptions,
  ) => {
    deployed = withDurableExecution(handler, {
      client,
      plugins: [durableTracing(options)],
    }) as never;
  };

  test("has all spans exported at the end of each invocation", async () => {
    const { DURABLE_EXECUTION_PLUGINS: named } = process.env;
    delete process.env["DURABLE_EXECUTION_PLUGINS"];
    const exporter = new InMemorySpanExporter();
    const provider = new TracerProvider({
      spanProcessors: [new BatchSpanProcessor({ exporter })],
    });
    const other = setUp();
    const counts: number[] = [];
    handlerOf(
      async (_event, context) => {
        counts.push(exporter.getFinishedSpans().length);
        await context.step("own", async () => {
          provider.getTracer("test").startSpan("own work").end();
        });
        await context.wait({ seconds: 60 });
      },
      { provider },
    );
    const execution = service.start({});
    await execution.result;
    expect(counts).toEqual([0, 1]);
    expect(exporter.getFinishedSpans()).toHaveLength(1);
    expect(other.spans).toEqual([]);
    process.env["DURABLE_EXECUTION_PLUGINS"] = named;
  });

  test("does nothing outside of an execution", async () => {
    const sdk = setUp();
    const plugin = durableTracing();
    expect(plugin.enrichLogContext?.()).toBeUndefined();
    expect(
      plugin.wrapOperationAttemptFn?.({} as never, () =>
        tracer.span("alone", () => "value"),
      ),
    ).toBe("value");
    await plugin.onInvocationEnd?.({} as never);
    expect(sdk.tree()).toEqual(["alone"]);
  });

  test("checks its options", () => {
    expect(() => durableTracing({ flush: 1 } as object)).toThrow(
      'durableTracing: there is no option "flush"',
    );
  });
});
