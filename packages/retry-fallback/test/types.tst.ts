import bedrock from "@lambdallm/bedrock";
import { Model, type ModelInvocationError } from "@lambdallm/core";
import { type InvocationEvents, invocationOf } from "@lambdallm/core/feature";
import retryFallback, {
  type CircuitEvent,
  type CircuitInfo,
  circuitStates,
  type FallbackEvent,
  type RetryEvent,
  type RetryFallbackOptions,
} from "@lambdallm/retry-fallback";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import middy6 from "middy6";
import middy7 from "middy7";
import { describe, expect, test } from "tstyche";

interface ChatEvent extends APIGatewayProxyEventV2 {
  readonly text: string;
}

describe("In a chain", () => {
  test("of Middy 7 it keeps the types of the event and the context", () => {
    middy7<ChatEvent>()
      .use(bedrock())
      .use(retryFallback({ fallbackModel: Model.NOVA_LITE }))
      .handler(async (event, context) => {
        expect(event).type.toBe<ChatEvent>();
        expect(context.invoke("Hi {name}", { name: "Ada" })).type.toBe<
          Promise<string>
        >();
      });
    middy7<ChatEvent>()
      .use([bedrock(), retryFallback()])
      .handler(async (event, context) => {
        expect(event.text).type.toBe<string>();
        expect(context.totalCostUsd).type.toBe<number | undefined>();
      });
  });

  test("of Middy 6 too", () => {
    middy6<ChatEvent>()
      .use(bedrock())
      .use(retryFallback())
      .handler(async (event, context) => {
        expect(event.text).type.toBe<string>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });
});

describe("The options", () => {
  test("take known models, any other id, and what may be undefined", () => {
    expect(retryFallback).type.toBeCallableWith();
    expect(retryFallback).type.toBeCallableWith({
      fallbackModels: [Model.NOVA_LITE, "my.model"],
    });
    const fallbackModel = undefined as string | undefined;
    expect(retryFallback).type.toBeCallableWith({ fallbackModel });
    expect(retryFallback).type.toBeCallableWith({
      retryBudget: false,
      circuit: false,
    });
    expect(retryFallback).type.toBeCallableWith({
      circuit: { failureThreshold: 2 },
    });
  });

  test("take nothing else", () => {
    expect(retryFallback).type.not.toBeCallableWith({ retries: 3 });
    expect(retryFallback).type.not.toBeCallableWith({ maxRetries: "3" });
    expect(retryFallback).type.not.toBeCallableWith({ circuit: true });
    expect(retryFallback).type.not.toBeCallableWith({ retryBudget: true });
    expect<RetryFallbackOptions>().type.not.toHaveProperty("signal");
  });
});

test("its events are events of the invocation", () => {
  expect<InvocationEvents["retry"]>().type.toBe<RetryEvent>();
  expect<InvocationEvents["fallback"]>().type.toBe<FallbackEvent>();
  expect<InvocationEvents["circuit"]>().type.toBe<CircuitEvent>();
  const { events } = invocationOf({});
  events.on("retry", ({ error, waitMs }) => {
    expect(error).type.toBe<ModelInvocationError>();
    expect(waitMs).type.toBe<number>();
  });
  expect(events.on).type.not.toBeCallableWith("retries", () => {});
});

test("the circuits are plain data that nobody can write to", () => {
  expect(circuitStates()).type.toBe<readonly CircuitInfo[]>();
  expect<CircuitInfo["state"]>().type.toBe<"closed" | "open" | "half-open">();
  expect<CircuitInfo["retryAt"]>().type.toBe<number | undefined>();
});
