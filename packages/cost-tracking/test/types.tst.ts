import bedrock from "@lambdallm/bedrock";
import { Model } from "@lambdallm/core";
import type { InvocationEvents } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import costTracking, {
  type BudgetAlert,
  type CostReport,
  CostTracker,
} from "@lambdallm/cost-tracking";
import type { APIGatewayProxyEventV2, Context } from "aws-lambda";
import middy6 from "middy6";
import middy7 from "middy7";
import { describe, expect, test } from "tstyche";

interface ChatEvent extends APIGatewayProxyEventV2 {
  readonly tenant: string;
}

const store = memoryStores();

describe("the context", () => {
  test("has the tracker and keeps what others have added, on Middy 7", () => {
    middy7<ChatEvent>()
      .use(bedrock())
      .use(
        costTracking({
          store,
          dailyBudgetUsd: 5,
          key: (event) => event.tenant,
        }),
      )
      .handler(async (event, context) => {
        expect(event).type.toBe<ChatEvent>();
        expect(context.costTracker).type.toBe<CostTracker>();
        expect(context.totalCostUsd).type.toBe<number | undefined>();
      });
  });

  test("and on Middy 6, also in arrays", () => {
    middy6<ChatEvent>()
      .use([bedrock(), costTracking({ store })])
      .handler(async (event, context) => {
        expect(event.tenant).type.toBe<string>();
        expect(context.costTracker).type.toBe<CostTracker>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });
});

describe("the options", () => {
  test("type a key function's event when it says so", () => {
    expect(costTracking).type.toBeCallableWith({
      store,
      key: (event: ChatEvent) => event.tenant,
    });
    expect(costTracking<ChatEvent>).type.not.toBeCallableWith({
      store,
      key: (event: { readonly user: string }) => event.user,
    });
    // As of `session`, so that one function serves both; it is checked when it runs.
    expect(costTracking).type.toBeCallableWith({
      store,
      key: (event: { readonly claims: Record<string, unknown> }) =>
        event.claims["tenant"],
    });
    expect(costTracking).type.not.toBeCallableWith({ store, key: "acme" });
  });

  test("take limits as numbers and as functions of the event", () => {
    expect(costTracking<ChatEvent>).type.toBeCallableWith({
      store,
      dailyBudgetUsd: 5,
      monthlyBudgetUsd: (event: ChatEvent, { awsRequestId }: Context) =>
        event.tenant === awsRequestId ? 50 : undefined,
    });
    expect(costTracking).type.not.toBeCallableWith({
      store,
      dailyBudgetUsd: () => "5",
    });
    expect(costTracking).type.not.toBeCallableWith({
      store,
      dailyBudgetUsd: async () => 5,
    });
  });

  test("take any store that keeps budgets, undefined for what is left out, and known values", () => {
    expect(costTracking).type.toBeCallableWith({
      store: { budgets: store.budgets },
      monthlyBudgetUsd: undefined,
      onExceeded: "downgrade",
      downgradeTo: [Model.NOVA_LITE, "my.model"],
      unknownPrice: { input: 1, output: 5 },
    });
    expect(costTracking).type.not.toBeCallableWith({ store: {} });
    expect(costTracking).type.not.toBeCallableWith({
      store,
      onExceeded: "wait",
    });
    expect(costTracking).type.not.toBeCallableWith({ store, dailyBudget: 5 });
    expect(costTracking).type.not.toBeCallableWith();
  });
});

describe("a tracker", () => {
  test("reports and forecasts", () => {
    const tracker = new CostTracker({ store, key: "acme" });
    expect(tracker.checkBudget()).type.toBe<Promise<void>>();
    expect(tracker.report("daily")).type.toBe<Promise<CostReport>>();
    expect(tracker.report).type.toBeCallableWith("monthly", new Date());
    expect(tracker.report).type.not.toBeCallableWith("weekly");
    expect<
      Awaited<ReturnType<typeof tracker.forecast>>["projectedUsd"]
    >().type.toBe<number | undefined>();
    expect(CostTracker).type.not.toBeConstructableWith({});
  });
});

test("its events are events of the invocation", () => {
  expect<InvocationEvents["budget-alert"]>().type.toBe<BudgetAlert>();
});
