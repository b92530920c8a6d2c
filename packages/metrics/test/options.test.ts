import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { metrics as meterApi } from "@opentelemetry/api";
import metrics, {
  type AlarmOptions,
  alarms,
  cloudWatchDashboard,
  type DashboardOptions,
  type MetricsOptions,
  metricsValidateOptions,
} from "../src/index.ts";

const meter = meterApi.getMeter("test");
const many = Object.fromEntries(
  Array.from({ length: 30 }, (_, index) => [`d${index}`, "x"]),
);

describe("Options of metrics() are checked", () => {
  test.each<[object, string]>([
    [{ namespaces: "a" }, 'no option "namespaces"'],
    [{ namespace: "AWS/Bedrock" }, '"namespace" must be 1 to 255'],
    [{ powertools: {} }, '"powertools" must be a Metrics instance'],
    [{ powertools: "metrics" }, '"powertools" must be a Metrics instance'],
    [{ meter: {} }, '"meter" must be a Meter'],
    [{ meter: 7 }, '"meter" must be a Meter'],
    [{ meter: { getMeter: () => meter } }, "as `getMeter()` gives one"],
    [{ dimensions: "model" }, '"dimensions" must be an array'],
    [{ dimensions: [7] }, '"dimensions" must be an array'],
    [{ dimensions: ["models"] }, 'no dimension "models". Dimensions: model,'],
    [{ dimensions: ["tier"] }, "step. For one of your own give `dimensionsOf`"],
    [{ dimensions: ["requestId"] }, 'no dimension "requestId"'],
    [{ fixedDimensions: { stage: "" } }, '"fixedDimensions" must be'],
    [{ fixedDimensions: { model: "x" } }, '"model" needs another name'],
    [{ fixedDimensions: { Calls: "x" } }, '"Calls" needs another name'],
    [{ fixedDimensions: { requestId: "x" } }, '"requestId" needs another'],
    [{ fixedDimensions: { errorType: "x" } }, '"errorType" needs another'],
    [{ fixedDimensions: many }, "at most 30 dimensions"],
    [
      { dimensionsOf: { plan: () => "x", tier: "gold" } },
      '"dimensionsOf" must be an object of functions by the names of dimensions: see "tier".',
    ],
    [{ dimensionsOf: [] }, '"dimensionsOf" must be an object of functions'],
    [
      { dimensionsOf: { größe: () => "x" } },
      '"dimensionsOf" must be an object whose names are 1 to 255 printable',
    ],
    [{ dimensionsOf: { agent: () => "x" } }, '"agent" needs another name'],
    [
      {
        fixedDimensions: { tier: "x" },
        dimensionsOf: { tier: () => "x" },
      },
      '"tier" needs another name',
    ],
    [{ maxDimensionValues: 0 }, '"maxDimensionValues" must be a positive'],
    [{ write: "stdout" }, '"write" must be a function'],
    [{ now: 0 }, '"now" must be a function'],
    [{ legacy: true }, '"legacy" needs `meter`'],
    [{ timePerOutputChunk: true }, '"timePerOutputChunk" needs `meter`'],
    [{ flush: async () => {} }, '"flush" needs `meter`'],
    [{ flushTimeoutMs: 1 }, '"flushTimeoutMs" needs `meter`'],
    [{ meter, dimensions: [] }, '"dimensions" is for CloudWatch'],
    [{ meter, write: () => {} }, '"write" is for documents'],
    [
      { powertools: powertools(), now: Date.now },
      '"now" is for documents that this package writes: leave it out with `powertools`, and with `meter` alone.',
    ],
    [{ powertools: powertools(), namespace: "a" }, '"namespace" cannot be'],
  ])("%#: %j", (options, message) => {
    const make = () => metrics(options as MetricsOptions);
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(message);
    expect(() => metricsValidateOptions(options)).toThrow(message);
  });

  test.each<[MetricsOptions]>([
    [{}],
    [{ namespace: "a", meter, dimensions: [["model", "prompt"], "step"] }],
    [{ powertools: powertools(), meter, legacy: true, flushTimeoutMs: 5 }],
    [{ dimensionsOf: { tier: () => "x" }, dimensions: ["tier", "model"] }],
  ])("%#: those that fit are taken", (options) => {
    expect(metricsValidateOptions(options)).toBeUndefined();
  });
});

function powertools(): NonNullable<MetricsOptions["powertools"]> {
  const nothing = () => {};
  return {
    ...{ addDimensions: nothing, addMetadata: nothing, addMetric: nothing },
    publishStoredMetrics: nothing,
    serializeMetrics: () => ({ _aws: { CloudWatchMetrics: [] } }),
    singleMetric: powertools,
  };
}

test.each<[object, string]>([
  [{}, '"region" is missing'],
  [{ region: "" }, '"region"'],
  [{ region: "eu-north-1", periodSeconds: 90 }, '"periodSeconds"'],
  [{ region: "eu-north-1", namespace: ":" }, '"namespace"'],
  [{ region: "eu-north-1", fixedDimensions: { stage: "it's" } }, "quotes"],
  [{ region: "eu-north-1", model: "x" }, 'no option "model"'],
])("Options of cloudWatchDashboard() are checked: %j", (options, message) => {
  const make = () => cloudWatchDashboard(options as DashboardOptions);
  expect(make).toThrow(ConfigurationError);
  expect(make).toThrow(message);
});

test.each<[object, string]>([
  [{ errorRate: 5 }, '"errorRate" must be a number from 0 to 1, or false'],
  [{ budgetShare: -1 }, '"budgetShare"'],
  [{ throttles: true }, '"throttles"'],
  [{ latencyP99Ms: -1 }, '"latencyP99Ms"'],
  [{ dailyCostUsd: "5" }, '"dailyCostUsd"'],
  [{ prefix: "my-alarms" }, '"prefix" must be letters and digits'],
  [{ periodSeconds: 0 }, '"periodSeconds"'],
  [{ alarmActions: "arn" }, '"alarmActions" must be an array of at most 5'],
  [{ alarmActions: [undefined] }, '"alarmActions" must be an array of at'],
  [{ okActions: [""] }, '"okActions" must be an array of at most 5 ARNs'],
  [{ alarmActions: Array(6).fill("arn") }, '"alarmActions" must be an array'],
  [
    { evaluationPeriods: 289 },
    'alarms: "periodSeconds" times "evaluationPeriods" is 86700: CloudWatch takes at most 86400 where the period is below an hour, and 604800 otherwise.',
  ],
  [{ periodSeconds: 3_600, evaluationPeriods: 169 }, "is 608400: CloudWatch"],
  [{ fixedDimensions: { model: "x" } }, '"model" needs another name'],
])("Options of alarms() are checked: %j", (options, message) => {
  const make = () => alarms(options as AlarmOptions);
  expect(make).toThrow(ConfigurationError);
  expect(make).toThrow(message);
});

test.each<[AlarmOptions]>([
  [{ evaluationPeriods: 288 }],
  [{ periodSeconds: 3_600, evaluationPeriods: 168 }],
  [{ periodSeconds: 604_800, evaluationPeriods: 1 }],
  [{ alarmActions: ["a", "b", "c", "d", { Ref: "Topic" }], okActions: [] }],
])("Alarms are made of what CloudWatch takes: %j", (options) => {
  expect(Object.keys(alarms(options))).toHaveLength(3);
});
