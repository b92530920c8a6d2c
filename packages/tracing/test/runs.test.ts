import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Agent, tool } from "@lambdallm/agent";
import { Chain, Step } from "@lambdallm/chain";
import checkpoint, { type WithCheckpoint } from "@lambdallm/checkpoint";
import { ConfigurationError, Model, Suspended } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import tracing, { RunIdGenerator, Tracer } from "@lambdallm/tracing";
import {
  INVALID_SPAN_CONTEXT,
  context as present,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  attributesOf,
  calling,
  type HandlerContext,
  type Middy,
  rejection,
  run,
  type Sdk,
  setUp,
  tearDown,
  treeOf,
} from "./support.ts";

const CHAT = `chat ${Model.CLAUDE_HAIKU_4_5}`;

type RunContext = HandlerContext & WithCheckpoint;

const hash = (runId: string) =>
  createHash("sha256").update(runId).digest("hex");
const traceIdOf = (runId: string) => hash(runId).slice(0, 32);

const idsOf = (spans: readonly ReadableSpan[]) =>
  spans.map((span) => span.spanContext().spanId);

/** A function whose runs are in a store; each call is an invocation, and tells the run's id. */
function functionOf(
  middy: Middy,
  work: (context: RunContext) => Promise<unknown>,
  {
    model = new MockProvider(),
    isInside = false,
  }: { readonly model?: MockProvider; readonly isInside?: boolean } = {},
) {
  const store = memoryStores();
  let runId = "";
  const chain = middy<unknown, unknown, Error, RunContext>();
  chain.use({ ...model.middleware() });
  if (!isInside) chain.use({ ...tracing() });
  chain.use({ ...checkpoint({ store }) });
  if (isInside) chain.use({ ...tracing() });
  chain.handler(async (_event, context) => {
    runId = context.journal.runId;
    return work(context);
  });
  return async (event: unknown = {}): Promise<string> => {
    const context = new MockLambdaContext({ timeoutMs: 600_000 });
    await chain(event, context as unknown as RunContext);
    return runId;
  };
}

/** A step that has no time the first time that it runs. */
function cutOff() {
  let isCut = false;
  return async () => {
    if (isCut) return "done";
    isCut = true;
    // What runs beside it ends first.
    await new Promise((resolve) => setImmediate(resolve));
    throw new Suspended("run", { resumeAt: Date.now() });
  };
}

const chainOf = (second: () => Promise<unknown>) =>
  new Chain({
    name: "review",
    timeoutStrategy: "checkpoint",
    steps: [
      new Step({ name: "summary", prompt: "Summarize." }),
      new Step({
        name: "check",
        func: async ({ llm }) => {
          await second();
          return llm.invoke("Check.");
        },
      }),
    ],
  });

afterEach(tearDown);

describe.each([
  ["with ids of the run", true],
  ["with ids of the SDK", false],
])("A run that is resumed, %s,", (_ids, isGenerated) => {
  let sdk: Sdk;
  beforeEach(() => {
    sdk = setUp(isGenerated ? { idGenerator: new RunIdGenerator() } : {});
  });

  describe.each(middyMajors)("on %s", (_name, middy) => {
    const outermost = (spans: readonly ReadableSpan[], runId: string) => {
      for (const span of spans)
        expect(span.spanContext().traceId).toBe(traceIdOf(runId));
      const ids = new Set(idsOf(spans));
      const roots = spans.filter(
        ({ parentSpanContext: parent }) => !ids.has(String(parent?.spanId)),
      );
      for (const { parentSpanContext: parent } of roots)
        expect(parent?.spanId).toBe(
          isGenerated ? undefined : hash(runId).slice(32, 48),
        );
      return roots;
    };

    test.each([
      ["outside", false],
      ["inside", true],
    ])(
      "is one trace, with a span of the chain for each invocation that works on it; tracing is used %s of the checkpoint",
      async (_place, isInside) => {
        const chain = chainOf(cutOff());
        const invoke = functionOf(
          middy,
          (context) =>
            new Tracer().span("handle", () => chain.run(context, {})),
          { isInside },
        );
        const isHandle = ({ name }: ReadableSpan) => name === "handle";
        const ofRunSince = (before: number) =>
          sdk.spans.slice(before).filter((span) => !isHandle(span));
        const worked = ["invoke_workflow review", `  >${CHAT}`, "    attempt"];
        const runId = await invoke();
        expect(treeOf(ofRunSince(0))).toEqual(worked);
        const first = sdk.spans.length;
        await invoke({ runId });
        expect(treeOf(ofRunSince(first))).toEqual(worked);
        const second = sdk.spans.length;
        await invoke({ runId });
        expect(sdk.spans.slice(second)).toEqual([]);

        const ofRun = ofRunSince(0);
        const handles = sdk.spans.filter(isHandle);
        expect(handles.map(({ status }) => status.code)).toEqual([
          SpanStatusCode.UNSET,
          SpanStatusCode.UNSET,
        ]);
        const segments = outermost(ofRun, runId);
        expect(segments.map(({ name }) => name)).toEqual([
          "invoke_workflow review",
          "invoke_workflow review",
        ]);
        expect(new Set(idsOf(ofRun)).size).toBe(ofRun.length);
        expect(
          segments.map(({ links }) => links.map(({ context }) => context)),
        ).toEqual(handles.map((span) => [span.spanContext()]));
        expect(segments.map(attributesOf)).toStrictEqual([
          {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.agent.name": "review",
            "lambdallm.run.id": runId,
            "lambdallm.run.suspended": true,
          },
          {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.agent.name": "review",
            "lambdallm.run.id": runId,
            "lambdallm.run.resumed": true,
            "lambdallm.status": "completed",
          },
        ]);
      },
    );

    test("that is a program of its own has the calls of its steps, and what else is done there, in its trace", async () => {
      const second = cutOff();
      const invoke = functionOf(middy, async ({ journal, llm }) => {
        await new Tracer().span("between", () => undefined);
        await journal.step("first", () => llm.invoke("One."));
        await journal.step("second", async () => {
          await second();
          await new Tracer().span("read", async () => llm.invoke("Two."));
        });
      });
      const runId = await invoke();
      await invoke({ runId });
      const ofRun = sdk.spans.filter(({ name }) => name !== "between");
      expect(treeOf(ofRun)).toEqual([
        `>${CHAT}`,
        "  attempt",
        "read",
        `  >${CHAT}`,
        "    attempt",
      ]);
      outermost(ofRun, runId);
      const [chat] = ofRun.filter(({ name }) => name === CHAT);
      expect(chat && attributesOf(chat)).toMatchObject({
        "lambdallm.run.id": runId,
        "lambdallm.step.name": "first",
      });
      for (const span of sdk.spans)
        if (span.name === "between") {
          expect(span.spanContext().traceId).not.toBe(traceIdOf(runId));
          expect(span.parentSpanContext).toBeUndefined();
        }
    });

    test("has no span of a chain in an invocation that only reads again what it has done", async () => {
      const chain = chainOf(async () => undefined);
      const invoke = functionOf(middy, async (context) => {
        await chain.run(context, {});
        await context.journal.ask("approval", async () => undefined);
      });
      const runId = await invoke();
      expect(treeOf(sdk.spans)).toEqual([
        "invoke_workflow review",
        `  >${CHAT}`,
        "    attempt",
        `  >${CHAT}`,
        "    attempt",
      ]);
      const before = sdk.spans.length;
      await invoke({ runId });
      expect(sdk.spans.slice(before)).toEqual([]);
    });

    test("is sampled also below a span that nobody has made", async () => {
      const nothing = trace.setSpanContext(ROOT_CONTEXT, INVALID_SPAN_CONTEXT);
      const invoke = functionOf(middy, ({ journal, llm }) =>
        present.with(nothing, () =>
          journal.step("ask", () => llm.invoke("Hello")),
        ),
      );
      const runId = await invoke();
      expect(sdk.span(CHAT).links).toEqual([]);
      outermost(sdk.spans, runId);
    });

    test("that is an agent makes no span of what is only read again, its sub-agents' neither", async () => {
      const wait = cutOff();
      const look = tool({
        name: "look",
        description: "Looks.",
        input: { page: "integer?" },
        run: async () => "A page.",
      });
      const write = tool({
        name: "write",
        description: "Writes.",
        input: { page: "integer?" },
        run: async () => {
          await wait();
          return "Written.";
        },
      });
      const reader = new Agent({ name: "reader", tools: [look] });
      const boss = new Agent({
        name: "boss",
        tools: [reader.asTool({ description: "Reads a page." }), write],
      });
      const model = new MockProvider({
        responses: [
          calling(["reader", { query: "Read." }]),
          calling(["look", {}]),
          "It says hello.",
          calling(["write", {}]),
          "Done.",
        ],
      });
      const invoke = functionOf(middy, (context) => boss.run("Go.", context), {
        model,
      });
      const runId = await invoke();
      const first = [...sdk.spans];
      expect(treeOf(first)).toEqual([
        "invoke_agent boss",
        `  >${CHAT}`,
        "    attempt",
        "  execute_tool reader",
        "    invoke_agent reader",
        `      >${CHAT}`,
        "        attempt",
        "      execute_tool look",
        `      >${CHAT}`,
        "        attempt",
        `  >${CHAT}`,
        "    attempt",
        "  execute_tool write",
      ]);
      expect(
        first.map((span) => span.attributes["lambdallm.run.suspended"]),
      ).toContain(true);
      await invoke({ runId });
      expect(treeOf(sdk.spans.slice(first.length))).toEqual([
        "invoke_agent boss",
        "  execute_tool write",
        `  >${CHAT}`,
        "    attempt",
      ]);
      expect(outermost(sdk.spans, runId)).toHaveLength(2);
      expect(new Set(idsOf(sdk.spans)).size).toBe(sdk.spans.length);
    });
  });
});

describe.each(middyMajors)("A call that was cut off on %s", (_name, middy) => {
  test("so that its run goes on later has not failed", async () => {
    const sdk = setUp();
    const seen: unknown[] = [];
    const suspended = new Suspended("run", {});
    const thrown = await run(
      middy,
      async (context) => {
        invocationOf(context).intercept("call", "time", async () => {
          throw suspended;
        });
        return rejection(context.invoke("Hello"));
      },
      {
        options: {
          captureContent: ({ output }) => {
            seen.push(output);
            return undefined;
          },
        },
      },
    );
    expect(thrown).toBe(suspended);
    const { attributes, status } = sdk.span(CHAT);
    expect(status).toEqual({ code: SpanStatusCode.UNSET });
    expect(attributes["lambdallm.run.suspended"]).toBe(true);
    // It was never asked.
    expect(attributes).not.toHaveProperty(["gen_ai.usage.input_tokens"]);
    expect(seen).toEqual([[]]);
  });
});

test("Ids of a run follow from it, and those of a step that starts again are others", async () => {
  const [[, middy]] = middyMajors as [(typeof middyMajors)[number]];
  const sdk = setUp({ idGenerator: new RunIdGenerator() });
  const invoke = functionOf(middy, ({ journal, llm }) =>
    journal.step("ask", async () => {
      await Promise.all([llm.invoke("One."), llm.invoke("Two.")]);
      await cut();
    }),
  );
  const cut = cutOff();
  const runId = await invoke();
  await invoke({ runId });
  const key = (start: number, kind: string, ordinal: number) =>
    hash([runId, "000001", start, 1, kind, ordinal].join("\n")).slice(0, 16);
  expect(idsOf(sdk.spans).sort()).toEqual(
    [1, 2]
      .flatMap((start) =>
        ["call", "attempt"].flatMap((kind) => [
          key(start, kind, 1),
          key(start, kind, 2),
        ]),
      )
      .sort(),
  );
});

test.each(["random", null, { generateTraceId: () => "1".repeat(32) }])(
  "A generator is not given %j to have ids made",
  (others) => {
    const make = () => Reflect.construct(RunIdGenerator, [others]);
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(
      "RunIdGenerator: the argument must be an object with the methods generateTraceId and generateSpanId.",
    );
  },
);

test("A generator makes ids for all other spans, or has them made", () => {
  const sdk = setUp({ idGenerator: new RunIdGenerator() });
  const own = {
    generateTraceId: () => "1".repeat(32),
    generateSpanId: () => "2".repeat(16),
  };
  trace.getTracer("other").startSpan("alone").end();
  expect(sdk.span("alone").spanContext()).toMatchObject({
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
  });
  const other = setUp({ idGenerator: new RunIdGenerator(own) });
  trace.getTracer("other").startSpan("alone").end();
  expect(other.span("alone").spanContext()).toMatchObject({
    traceId: "1".repeat(32),
    spanId: "2".repeat(16),
  });
});
