import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { ConfigurationError, Model } from "@lambdallm/core";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import tracing, { Tracer } from "@lambdallm/tracing";
import { context as present, SpanKind, trace } from "@opentelemetry/api";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  type HandlerContext,
  rejection,
  run,
  type Sdk,
  setUp,
  tearDown,
} from "./support.ts";

const CHAT = `chat ${Model.CLAUDE_HAIKU_4_5}`;
const HEADER =
  "Root=1-5759E988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a87bd80c:1|68fd508a:5";
const PARENT = {
  traceId: "5759e988bd862e3fe1be46a994272793",
  spanId: "53995c3f42cd8ad8",
  traceFlags: 1,
  isRemote: true,
};

let sdk: Sdk;
beforeEach(() => {
  sdk = setUp();
});
afterEach(() => {
  delete process.env["_X_AMZN_TRACE_ID"];
  tearDown();
});

const withHeader = (xRayTraceId: unknown) =>
  Object.assign(new MockLambdaContext(), { xRayTraceId } as {
    xRayTraceId: string;
  });

describe.each(middyMajors)("A call on %s", (_name, middy) => {
  test("is in the trace of the invocation's own X-Ray header, else in that of the process", async () => {
    const other = HEADER.replace("5759E988", "00000001");
    process.env["_X_AMZN_TRACE_ID"] = other;
    await run(middy, ({ invoke }) => invoke("Hello"), {
      context: withHeader(HEADER),
    });
    expect(sdk.span(CHAT).parentSpanContext).toEqual(PARENT);
    sdk = setUp();
    await run(middy, ({ invoke }) => invoke("Hello"));
    expect(sdk.span(CHAT).parentSpanContext).toEqual({
      ...PARENT,
      traceId: `00000001${PARENT.traceId.slice(8)}`,
    });
  });

  test.each([
    "garbage",
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
    "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
    "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8;Sampled=1",
    "Root;Parent;Sampled=1",
  ])("begins a trace of its own for the header %s", async (header) => {
    await run(middy, ({ invoke }) => invoke("Hello"), {
      context: withHeader(header),
    });
    expect(sdk.span(CHAT).parentSpanContext).toBeUndefined();
  });

  test("is below the span that is active, whatever the header says", async () => {
    await run(
      middy,
      ({ invoke }) =>
        trace.getTracer("test").startActiveSpan("active", async (span) => {
          await invoke("Hello");
          span.end();
        }),
      { context: withHeader(HEADER) },
    );
    expect(sdk.tree()).toEqual(["active", `  >${CHAT}`, "    attempt"]);
  });

  test("has its attempt below it also where no context is kept", async () => {
    present.disable();
    await run(middy, ({ invoke }) => invoke("Hello"));
    expect(sdk.tree()).toEqual([`>${CHAT}`, "  attempt"]);
  });

  test.each([
    [true, []],
    [false, ["    request"]],
  ])(
    "suppresses what other instrumentation makes of its request: %s",
    async (suppressSdkSpans, others) => {
      const model = new MockProvider({
        responses: [
          () => {
            trace.getTracer("sdk").startSpan("request").end();
            return "Hello!";
          },
        ],
      });
      await run(middy, ({ invoke }) => invoke("Hello"), {
        model,
        options: { suppressSdkSpans },
      });
      expect(sdk.tree()).toEqual([`>${CHAT}`, "  attempt", ...others]);
    },
  );

  test("of a nested provider has one span, though both chains are traced", async () => {
    const inner = middy<object, string, Error, HandlerContext>();
    inner.use({ ...new MockProvider({ responses: ["inner"] }).middleware() });
    inner.use({ ...tracing() });
    inner.handler(async (_event, context) => context.invoke("Hello"));
    const answer = await run(middy, async (context) => {
      await context.invoke("Hello");
      return inner({}, context);
    });
    expect(answer).toBe("inner");
    expect(sdk.tree()).toEqual([
      `>${CHAT}`,
      "  attempt",
      `>${CHAT}`,
      "  attempt",
    ]);
  });

  test("of one of several invocations at once is below its own span", async () => {
    const tracer = new Tracer({ name: "test" });
    await Promise.all(
      ["a", "b", "c"].map((name) =>
        run(middy, ({ invoke }) =>
          tracer.span(name, async () => {
            await Promise.all([invoke("One"), invoke("Two")]);
          }),
        ),
      ),
    );
    expect(sdk.tree()).toEqual(
      ["a", "b", "c"].flatMap((name) => [
        name,
        ...[`  >${CHAT}`, "    attempt", `  >${CHAT}`, "    attempt"],
      ]),
    );
    expect(
      new Set(sdk.spans.map((span) => span.spanContext().traceId)).size,
    ).toBe(3);
  });

  test("cannot be traced twice, nor without a provider", async () => {
    expect(
      await rejection(
        run(middy, async () => "never", { middlewares: [tracing()] }),
      ),
    ).toMatchObject({ code: "CONFIGURATION", message: /use tracing\(\) once/ });
    const alone = middy<object, string, Error, HandlerContext>();
    alone.use({ ...tracing() });
    alone.handler(async () => "never");
    expect(await rejection(alone({}, new MockLambdaContext()))).toMatchObject({
      code: "CONFIGURATION",
    });
  });
});

describe("A span around code", () => {
  const tracer = new Tracer({ name: "orders" });

  test("ends with it, and is active in it", async () => {
    const value = tracer.span("sync", (span) => {
      span.setAttribute("order.id", 1);
      return trace.getActiveSpan() === span;
    });
    expect(value).toBe(true);
    const { attributes, kind, instrumentationScope } = sdk.span("sync");
    expect({ ...attributes }).toEqual({ "order.id": 1 });
    expect(kind).toBe(SpanKind.INTERNAL);
    expect(instrumentationScope.name).toBe("orders");
    const promise = tracer.span("async", async () => {
      await tracer.span("inner", async () => {});
      return "value";
    });
    expect(sdk.spans.map(({ name }) => name)).not.toContain("async");
    expect(await promise).toBe("value");
    expect(sdk.tree().slice(-2)).toEqual(["async", "  inner"]);
  });

  test("is in the trace of a context's X-Ray header", () => {
    const context = withHeader(HEADER);
    new Tracer({ context }).span("own", () => {});
    expect(sdk.span("own").parentSpanContext).toEqual(PARENT);
    expect(sdk.span("own").instrumentationScope.name).toBe(
      "@lambdallm/tracing",
    );
  });

  const hostile = new Proxy(
    {},
    {
      get() {
        throw new Error("no");
      },
    },
  );
  test.each<[what: string, error: unknown, type: string | undefined]>([
    ["its name", new RangeError("SECRET"), "RangeError"],
    [
      "nothing, where its name may be anything",
      Object.assign(new Error("SECRET"), { name: "SECRET is out" }),
      undefined,
    ],
    ["nothing, where it is no error", "SECRET", undefined],
    ["nothing, where it does not let itself be looked at", hostile, undefined],
  ])("tells of an error %s", (_what, error, type) => {
    let thrown: unknown;
    try {
      tracer.span("failing", () => {
        throw error;
      });
    } catch (caught) {
      thrown = caught;
    }
    expect(thrown === error).toBe(true);
    const { events, status, attributes } = sdk.span("failing");
    expect(
      events.map(({ name, attributes: of }) => ({ name, of: { ...of } })),
    ).toEqual(
      type === undefined
        ? []
        : [{ name: "exception", of: { "exception.type": type } }],
    );
    expect(status).toEqual({ code: 2 });
    expect({ ...attributes }).toEqual({ "error.type": "_OTHER" });
    expect(sdk.text()).not.toContain("SECRET");
  });

  test.each<[string, unknown[], string]>([
    [
      "no function",
      ["load"],
      'Tracer.span "load": the second argument must be',
    ],
    [
      "no name",
      [() => 1],
      "Tracer.span: the first argument must be a non-empty",
    ],
    ["a blank name", [" ", () => 1], "Tracer.span: the first argument must be"],
  ])("refuses %s, and makes no span of it", (_, given, message) => {
    const make = () => Reflect.apply(tracer.span, tracer, given);
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(message);
    expect(sdk.spans).toEqual([]);
  });

  test("tells what an error of the suite says, which quotes nothing", () => {
    expect(() =>
      tracer.span("failing", () => new Tracer({ nam: "x" } as object)),
    ).toThrow('no option "nam"');
    const { events, status } = sdk.span("failing");
    expect(status.message).toContain('no option "nam"');
    expect({ ...events[0]?.attributes }).toEqual({
      "exception.type": "ConfigurationError",
      "exception.message": status.message,
    });
  });
});
