import bedrock from "@lambdallm/bedrock";
import timeoutGuard, {
  type TimeoutGuardOptions,
} from "@lambdallm/timeout-guard";
import middy6 from "middy6";
import middy7 from "middy7";
import { describe, expect, test } from "tstyche";

interface Order {
  readonly id: string;
}

describe("the guard's options", () => {
  test("are all optional, and may be undefined", () => {
    expect(timeoutGuard).type.toBeCallableWith();
    expect(timeoutGuard).type.toBeCallableWith({});
    expect<TimeoutGuardOptions>().type.toBeAssignableFrom<{
      strategy: "truncate" | undefined;
      bufferMs: number | undefined;
    }>();
  });

  test("have names and values that are checked", () => {
    expect(timeoutGuard).type.not.toBeCallableWith({ strategy: "ignore" });
    expect(timeoutGuard).type.not.toBeCallableWith({ buffer: 5 });
    expect(timeoutGuard).type.not.toBeCallableWith({ bufferMs: "5s" });
  });
});

describe("a chain with the guard", () => {
  test("keeps the event's type and the model functions on Middy 7", () => {
    middy7<Order>()
      .use(bedrock())
      .use(timeoutGuard({ strategy: "truncate" }))
      .handler(async (event, context) => {
        expect(event).type.toBe<Order>();
        expect(context.shouldCheckpoint).type.toBe<boolean>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
    middy7<Order>()
      .use([bedrock(), timeoutGuard()])
      .handler(async (event, context) => {
        expect(event.id).type.toBe<string>();
        expect(context.remainingTimeMs).type.toBe<number>();
      });
    middy7()
      .use(bedrock({ durable: true }))
      .use(timeoutGuard())
      .handler(async (_event, context) => {
        expect(context.llm.shouldCheckpoint).type.toBe<boolean>();
      });
  });

  test("and on Middy 6", () => {
    middy6<Order>()
      .use(bedrock())
      .use(timeoutGuard({ adaptMaxTokens: true }))
      .handler(async (event, context) => {
        expect(event).type.toBe<Order>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });
});
