import { Metrics } from "@aws-lambda-powertools/metrics";
import bedrock from "@lambdallm/bedrock";
import metrics, {
  alarms,
  cloudWatchDashboard,
  type DashboardBody,
  MetricsEmitter,
  type MetricsOptions,
} from "@lambdallm/metrics";
import { metrics as openTelemetry } from "@opentelemetry/api";
import type { Context as LambdaContext } from "aws-lambda";
import middy6 from "middy6";
import middy7 from "middy7";
import { describe, expect, test } from "tstyche";

interface ChatEvent {
  readonly text: string;
}

describe("metrics()", () => {
  test("leaves the event and the context as they are, on Middy 7", () => {
    middy7<ChatEvent>()
      .use(bedrock())
      .use(metrics())
      .handler(async (event, context) => {
        expect(event).type.toBe<ChatEvent>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });

  test("and in an array", () => {
    middy7<ChatEvent>()
      .use([bedrock(), metrics({ namespace: "Chat" })])
      .handler(async (event, context) => {
        expect(event.text).type.toBe<string>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });

  test("and on Middy 6", () => {
    middy6<ChatEvent>()
      .use(bedrock())
      .use(metrics())
      .handler(async (event, context) => {
        expect(event).type.toBe<ChatEvent>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });

  test("takes Powertools' own class and a meter of the API", () => {
    expect(metrics).type.toBeCallableWith({
      powertools: new Metrics(),
      meter: openTelemetry.getMeter("chat"),
    });
  });

  test("knows the event in dimensions where it is named", () => {
    metrics<ChatEvent>({
      dimensionsOf: {
        length: ({ event, context, request }) => {
          expect(event).type.toBe<ChatEvent>();
          expect(context).type.toBe<LambdaContext>();
          return request?.model;
        },
      },
    });
  });

  test("has no option of another name, and its dimensions are named", () => {
    expect<MetricsOptions>().type.not.toBeAssignableFrom({ nameSpace: "a" });
    expect<MetricsOptions["dimensions"]>().type.toBeAssignableFrom([
      "model",
      ["prompt", "tier"],
    ]);
  });
});

describe("MetricsEmitter", () => {
  test("needs a namespace, and takes the units of CloudWatch", () => {
    expect(MetricsEmitter).type.not.toBeConstructableWith({});
    const emitter = new MetricsEmitter({ namespace: "Shop" });
    expect(emitter.record).type.toBeCallableWith("Orders", 1, {
      unit: "Count",
      dimensions: { country: "NO" },
    });
    expect(emitter.record).type.not.toBeCallableWith("Orders", 1, {
      unit: "Pieces",
    });
    expect(emitter.record).type.not.toBeCallableWith("Orders", "1");
  });
});

test("A dashboard needs its Region, and an alarm is a resource", () => {
  expect(cloudWatchDashboard).type.not.toBeCallableWith({});
  expect(
    cloudWatchDashboard({ region: "eu-north-1" }),
  ).type.toBe<DashboardBody>();
  const resource = alarms()["LambdaLLMBudget"];
  expect(resource?.Type).type.toBe<"AWS::CloudWatch::Alarm" | undefined>();
});
