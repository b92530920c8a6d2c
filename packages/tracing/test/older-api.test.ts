import { afterEach, expect, test } from "@jest/globals";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import tracing, { type TracingOptions } from "@lambdallm/tracing";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { middyMajors } from "../../../test-support/middy.ts";
import { printed } from "../../../test-support/quiet.ts";
import type { HandlerContext } from "./support.ts";

const SHARED = Symbol.for("opentelemetry.js.api.1");

afterEach(() => {
  Reflect.deleteProperty(globalThis, SHARED);
});

/** As a layer does that brings a copy of the API of its own. */
function setUpWithOlderApi(): void {
  Reflect.set(globalThis, SHARED, {
    version: "1.0.4",
    trace: new TracerProvider({ spanProcessors: [] }),
  });
}

test.each(middyMajors)(
  "An SDK that was set up with an older API is a warning, once, on %s",
  async (_, middy) => {
    setUpWithOlderApi();
    const invoke = (options: TracingOptions) => {
      const handler = middy<object, string, Error, HandlerContext>()
        .use({ ...new MockProvider().middleware() })
        .use({ ...tracing(options) })
        .handler(async (_event, context) => context.invoke("Hello"));
      return () =>
        handler({}, new MockLambdaContext() as unknown as HandlerContext);
    };
    await invoke({ provider: new TracerProvider({ spanProcessors: [] }) })();
    expect(printed()).toEqual([]);
    const handler = invoke({});
    expect([await handler(), await handler()]).toEqual([
      "Mock response",
      "Mock response",
    ]);
    expect(printed()).toEqual([
      "LambdaLLMWarning: tracing: nothing is recorded: OpenTelemetry was set up with version 1.0.4 of @opentelemetry/api, which a newer copy does not find; install one that is not newer",
    ]);
  },
);
