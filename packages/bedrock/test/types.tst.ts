import bedrock from "@lambdallm/bedrock";
import type { LLMContext } from "@lambdallm/core";
import { Middleware } from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import middy6 from "middy6";
import middy7 from "middy7";
import { describe, expect, test } from "tstyche";

interface ChatEvent extends APIGatewayProxyEventV2 {
  readonly sessionId: string;
}

class Audit extends Middleware<ChatEvent> {
  override beforeInvoke(event: ChatEvent): ChatEvent {
    return event;
  }
}

describe("Middy 7", () => {
  test("the context flows through use(), after the event's type was given", () => {
    middy7<ChatEvent>()
      .use(bedrock())
      .handler(async (event, context) => {
        expect(event).type.toBe<ChatEvent>();
        expect(context.invoke("Hi {name}", { name: "Ada" })).type.toBe<
          Promise<string>
        >();
        expect(context.invoke).type.not.toBeCallableWith("Hi {name}");
        expect(context.llm).type.toBeAssignableTo<LLMContext>();
        expect(context.awsRequestId).type.toBe<string>();
        return "ok";
      });
  });

  test("and through arrays and several middlewares", () => {
    middy7<ChatEvent>()
      .use([bedrock(), new Audit()])
      .handler(async (event, context) => {
        expect(event.sessionId).type.toBe<string>();
        expect(context.totalCostUsd).type.toBe<number | undefined>();
      });
    middy7<ChatEvent>()
      .use(new MockProvider().middleware())
      .use(new Audit())
      .handler(async (event, context) => {
        expect(event.sessionId).type.toBe<string>();
        expect(context.usage.inputTokens).type.toBe<number>();
      });
  });

  test("a durable handler gets context.llm only", () => {
    middy7()
      .use(bedrock({ durable: true }))
      .handler(async (_event, context) => {
        expect(context.llm).type.toBe<LLMContext>();
        expect(context).type.not.toHaveProperty("invoke");
      });
  });
});

describe("Middy 6", () => {
  test("the context flows through use(), after the event's type was given", () => {
    middy6<ChatEvent>()
      .use(bedrock())
      .handler(async (event, context) => {
        expect(event).type.toBe<ChatEvent>();
        expect(context.invoke("Hi {name}", { name: "Ada" })).type.toBe<
          Promise<string>
        >();
        expect(context.invoke).type.not.toBeCallableWith("Hi {name}");
        expect(context.awsRequestId).type.toBe<string>();
        return "ok";
      });
  });

  test("and through arrays and several middlewares", () => {
    middy6<ChatEvent>()
      .use([bedrock(), new Audit()])
      .handler(async (event, context) => {
        expect(event.sessionId).type.toBe<string>();
        expect(context.totalCostUsd).type.toBe<number | undefined>();
      });
  });

  test("a durable handler gets context.llm only", () => {
    middy6()
      .use(bedrock({ durable: true }))
      .handler(async (_event, context) => {
        expect(context.llm).type.toBe<LLMContext>();
        expect(context).type.not.toHaveProperty("invoke");
      });
  });
});

test("options are typed", () => {
  expect(bedrock).type.toBeCallableWith({
    model: "x",
    inferenceProfile: "global",
  });
  expect(bedrock).type.not.toBeCallableWith({ modle: "x" });
  expect(bedrock).type.not.toBeCallableWith({ inferenceProfile: "eu" });
  expect(bedrock).type.not.toBeCallableWith({
    clientConfig: { maxAttempts: 3 },
  });
});
