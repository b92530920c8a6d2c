import type { InvocationEvents, ModelRequest } from "@lambdallm/core/feature";
import router, {
  type RouteExplanation,
  type RouterOptions,
  type RouterRule,
} from "@lambdallm/router";
import { MockProvider } from "@lambdallm/testing";
import middy6 from "middy6";
import middy7 from "middy7";
import { describe, expect, test } from "tstyche";

declare const request: ModelRequest;

const routing = router({ models: ["amazon.nova-lite-v1:0"] });

describe("the middleware", () => {
  test("goes into a chain of Middy 7, alone and in an array, and leaves the context's type", () => {
    middy7<{ text: string }>()
      .use(new MockProvider().middleware())
      .use(routing)
      .handler(async (event, context) => {
        expect(event.text).type.toBe<string>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
    middy7()
      .use([new MockProvider().middleware(), routing])
      .handler(async (_event, context) => {
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });

  test("and of Middy 6", () => {
    middy6<{ text: string }>()
      .use(new MockProvider().middleware())
      .use(routing)
      .handler(async (event, context) => {
        expect(event.text).type.toBe<string>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });

  test("explains a prompt, and a request as the context or an event has it", () => {
    expect(routing.explain).type.toBeCallableWith("Hi");
    expect(routing.explain).type.toBeCallableWith(request);
    expect(routing.explain).type.toBeCallableWith(
      { messages: [], system: "Be brief" },
      { budgetShareLeft: 0.5 },
    );
    expect(routing.explain).type.not.toBeCallableWith({ prompt: "Hi" });
    expect(routing.explain("Hi").model).type.toBe<string | undefined>();
  });
});

describe("the options", () => {
  test("need models, and know their strategies and tiers", () => {
    expect(router).type.not.toBeCallableWith();
    expect(router).type.not.toBeCallableWith({});
    expect(router).type.not.toBeCallableWith({
      models: ["m"],
      strategy: "fastest",
    });
    expect<RouterOptions>().type.toBeAssignableFrom({
      models: ["m"] as const,
      strategy: "balanced" as const,
      qualityThreshold: 3 as const,
      quality: { m: 4 as const },
    });
    expect(router).type.not.toBeCallableWith({
      models: ["m"],
      qualityThreshold: 0.85,
    });
  });

  test("take rules that are strings or functions of the facts", () => {
    expect<RouterRule["when"]>().type.toBeAssignableFrom("has_tools");
    router({
      models: ["m"],
      rules: [
        {
          when: ({ inputTokens, tags }) =>
            inputTokens < 100 && tags["plan"] === "free",
          model: "m",
        },
      ],
    });
    expect(router).type.not.toBeCallableWith({
      models: ["m"],
      rules: [{ when: async () => true, model: "m" }],
    });
  });
});

test("the event is one of the invocation's", () => {
  expect<InvocationEvents["route"]>().type.toBeAssignableTo<
    RouteExplanation & { callId: number; model: string }
  >();
});
