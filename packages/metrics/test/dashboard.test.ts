import { describe, expect, test } from "@jest/globals";
import { Agent, tool } from "@lambdallm/agent";
import checkpoint from "@lambdallm/checkpoint";
import { Model, ModelInvocationError, Prompt } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import costTracking from "@lambdallm/cost-tracking";
import retryFallback from "@lambdallm/retry-fallback";
import {
  type AlarmOptions,
  alarms,
  cloudWatchDashboard,
  type DashboardOptions,
} from "../src/index.ts";
import type { EmfDocument } from "./emf-rules.ts";
import { functionOf, rejection } from "./support.ts";

/** The metrics that there are: namespace, name, and dimensions with their values. */
function metricsOf(documents: readonly EmfDocument[]) {
  const metrics = new Map<string, ReadonlyMap<string, unknown>>();
  for (const root of documents)
    for (const directive of root._aws.CloudWatchMetrics)
      for (const set of directive.Dimensions)
        for (const { Name } of directive.Metrics) {
          const dimensions = new Map(
            [...set].sort().map((name) => [name, root[name]]),
          );
          const entries = [...dimensions];
          metrics.set(
            JSON.stringify([directive.Namespace, Name, entries]),
            dimensions,
          );
        }
  return metrics;
}

const key = (
  namespace: string,
  name: string,
  dimensions: readonly (readonly [string, string])[],
) =>
  JSON.stringify([
    namespace,
    name,
    [...dimensions].sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);

/** Everything that the middleware can count has happened once. */
async function everything(options: DashboardOptions) {
  const { region: _, periodSeconds: __, ...same } = options;
  const failure = (reason: string) =>
    new ModelInvocationError("no", {
      ...{ reason, model: Model.CLAUDE_HAIKU_4_5 },
      retryable: reason === "throttled",
    });
  const look = tool({
    name: "look",
    description: "Looks.",
    input: { page: "integer?" },
    run: () => {
      throw new Error("no");
    },
  });
  const usage = { cacheReadInputTokens: 1, cacheWriteInputTokens: 1 };
  let time = Date.UTC(2026, 10, 28, 12);
  const now = () => time;
  const { invoke, written } = functionOf(
    async (context, event) => {
      if (event === "ask") {
        await rejection(context.invoke("Hello"));
        await context.invoke(new Prompt({ name: "p", template: "Hello" }));
        await rejection(context.invoke("Hello", {}, { maxTokens: 64_000 }));
        return undefined;
      }
      const agent = new Agent({
        name: "reader",
        tools: [look],
        model: "a.b-v1:0",
      });
      await context.journal.sleep("nap", 3_600_000);
      return (await agent.run("Read.", context)).answer;
    },
    {
      responses: [
        failure("invalid-request"),
        failure("throttled"),
        failure("throttled"),
        { text: "cut", stopReason: "max_tokens", usage },
        { content: [{ toolUse: { toolUseId: "1", name: "look", input: {} } }] },
        "It is broken.",
      ],
      options: same,
      inner: [
        // Streams have it; the mock does not measure it.
        {
          before: async ({ context }) => {
            const invocation = invocationOf(context);
            // Somebody knows that a price is not known.
            invocation.events.on("budget-problem", () => {});
            invocation.intercept("attempt", "t", async (asked, next) => ({
              ...(await next(asked)),
              timeToFirstTokenMs: 1,
            }));
          },
        },
        costTracking({
          store: memoryStores(),
          dailyBudgetUsd: 0.2,
          unknownPrice: "allow",
        }),
        retryFallback({
          ...{ fallbackModel: Model.NOVA_LITE, maxRetries: 1 },
          ...{ baseDelayMs: 1, maxDelayMs: 1 },
        }),
        checkpoint({ store: memoryStores({ now }), now }),
      ],
    },
  );
  await invoke("ask");
  const suspended: unknown = await invoke("run");
  time += 3_600_000;
  await invoke(JSON.parse((suspended as { body: string }).body));
  expect(written.metrics).toBeDefined();
  return metricsOf(written.documents);
}

const scenes: readonly DashboardOptions[] = [
  { region: "eu-north-1" },
  {
    region: "eu-north-1",
    namespace: "Team/Chat Bot",
    fixedDimensions: { service: "chat", stage: "prod" },
    dimensions: ["model", "prompt", ["model", "prompt"]],
    periodSeconds: 60,
  },
];

describe.each(scenes)("With the options %j", (options) => {
  const { namespace = "LambdaLLM", fixedDimensions = {} } = options;

  test("the dashboard has only metrics that the middleware writes, and all of those over everything", async () => {
    const metrics = await everything(options);
    const { widgets } = cloudWatchDashboard(options);
    const shown = new Set<string>();
    for (const { properties } of widgets)
      for (const line of properties.metrics) {
        const strings = line.filter((part) => typeof part === "string");
        const how = line.find((part) => typeof part === "object");
        if (strings.length > 0) {
          const [space = "", name = "", ...rest] = strings;
          const pairs = rest.flatMap((dimension, index) =>
            index % 2 === 0
              ? [[dimension, rest[index + 1] ?? ""] as const]
              : [],
          );
          const wanted = key(space, name, pairs);
          expect([...metrics.keys()]).toContain(wanted);
          shown.add(wanted);
          continue;
        }
        const { expression } = how as { expression: string };
        if (!expression.startsWith("SEARCH")) continue;
        expect(found(expression, metrics)).not.toEqual([]);
      }
    const overall = [...metrics.keys()].filter((one) => {
      const [, , entries] = JSON.parse(one);
      return entries.length === Object.keys(fixedDimensions).length;
    });
    expect([...shown].sort()).toEqual(overall.sort());
  });

  test("the alarms are on metrics that the middleware writes", async () => {
    const metrics = await everything(options);
    const resources = alarms({
      ...{ namespace, fixedDimensions },
      ...{ latencyP99Ms: 5_000, dailyCostUsd: 10 },
    });
    const seen: string[] = [];
    for (const { Properties } of Object.values(resources))
      for (const { MetricName, Namespace, Dimensions } of "Metrics" in
      Properties
        ? Properties.Metrics.flatMap(
            ({ MetricStat }) => MetricStat?.Metric ?? [],
          )
        : [Properties]) {
        const pairs = Dimensions.map(
          ({ Name, Value }) => [Name, Value] as const,
        );
        expect([...metrics.keys()]).toContain(
          key(Namespace, MetricName, pairs),
        );
        seen.push(MetricName);
      }
    expect(seen).toEqual([
      ...["Errors", "Calls", "Throttles", "BudgetUsed", "Latency", "CostUsd"],
    ]);
  });
});

/** What a search of CloudWatch finds: by namespace, exactly these dimensions, the name and values. */
function found(
  expression: string,
  metrics: ReturnType<typeof metricsOf>,
): readonly string[] {
  const [, schema = "", terms = ""] =
    /^SEARCH\('\{(.*?)\} (.*)', '(?:Sum|p99)', \d+\)$/.exec(expression) ?? [];
  const [space, ...names] = JSON.parse(`[${schema}]`);
  const wanted = [...terms.matchAll(/(?:"([^"]+)"|(MetricName))="([^"]+)"/g)];
  const name = wanted.find(([, , isName]) => isName)?.[3];
  return [...metrics].flatMap(([one, dimensions]) => {
    const [ofSpace, ofName] = JSON.parse(one);
    const fits =
      ofSpace === space &&
      ofName === name &&
      String([...dimensions.keys()]) === String([...names].sort()) &&
      wanted.every(
        ([, dimension, , value]) =>
          dimension === undefined || dimensions.get(dimension) === value,
      );
    return fits ? [one] : [];
  });
}

describe("A dashboard", () => {
  test("has its widgets beside each other, each with its region and period", () => {
    const region = ["$", "{AWS::Region}"].join("");
    const { widgets } = cloudWatchDashboard({ region });
    expect(widgets).toHaveLength(15);
    const places = widgets.map(({ x, y }) => `${x},${y}`);
    expect(new Set(places).size).toBe(15);
    for (const { type, x, width, properties } of widgets) {
      expect(type).toBe("metric");
      expect(x + width).toBeLessThanOrEqual(24);
      expect(properties).toMatchObject({
        ...{ region, period: 300, view: "timeSeries" },
      });
    }
  });

  test("shows no metric by model where there is none", () => {
    const { widgets } = cloudWatchDashboard({
      ...{ region: "eu-north-1", dimensions: [] },
    });
    expect(widgets).toHaveLength(12);
  });

  test("shows dimensions of one's own", () => {
    const { widgets } = cloudWatchDashboard({
      ...{ region: "eu-north-1", dimensions: ["tier"] },
    });
    expect(JSON.stringify(widgets)).toContain(
      `SEARCH('{\\"LambdaLLM\\",\\"tier\\"} MetricName=\\"CostUsd\\"', 'Sum', 300)`,
    );
  });
});

describe("Alarms", () => {
  test("are resources of a template", () => {
    const actions = [{ Ref: "Topic" }];
    expect(
      alarms({
        fixedDimensions: { stage: "prod" },
        ...{ alarmActions: actions, prefix: "Chat", dailyCostUsd: 50 },
      }),
    ).toMatchObject({
      ChatErrorRate: {
        Type: "AWS::CloudWatch::Alarm",
        Properties: {
          AlarmDescription: "More than 5 % of the model calls fail.",
          ...{ Threshold: 0.05, EvaluationPeriods: 2, AlarmActions: actions },
          ComparisonOperator: "GreaterThanThreshold",
          TreatMissingData: "notBreaching",
          Metrics: [
            { Id: "errors", ReturnData: false },
            { Id: "calls", ReturnData: false },
            {
              Id: "rate",
              ...{ Expression: "FILL(errors, 0) / calls", ReturnData: true },
            },
          ],
        },
      },
      ChatThrottles: { Properties: { Statistic: "Sum", Threshold: 10 } },
      ChatBudget: {
        Properties: {
          ...{ Statistic: "Maximum", Threshold: 80, EvaluationPeriods: 1 },
          ComparisonOperator: "GreaterThanOrEqualToThreshold",
        },
      },
      ChatDailyCost: {
        Properties: {
          ...{ Namespace: "LambdaLLM", MetricName: "CostUsd" },
          Dimensions: [{ Name: "stage", Value: "prod" }],
          ...{ Period: 86_400, Statistic: "Sum", Threshold: 50 },
        },
      },
    });
  });

  test("have a period of their own where it is given", () => {
    const { LambdaLLMThrottles, LambdaLLMErrorRate } = alarms({
      ...{ periodSeconds: 60, evaluationPeriods: 5 },
    });
    expect(LambdaLLMThrottles?.Properties).toMatchObject({
      AlarmDescription: "More than 10 attempts in 60 seconds were throttled.",
      ...{ Period: 60, EvaluationPeriods: 5 },
    });
    expect(LambdaLLMErrorRate?.Properties).toMatchObject({
      Metrics: [{ MetricStat: { Period: 60, Stat: "Sum" } }, {}, {}],
    });
  });

  test.each<[AlarmOptions, string[]]>([
    [{}, ["ErrorRate", "Throttles", "Budget"]],
    [{ errorRate: false, throttles: false, budgetShare: false }, []],
    [
      { latencyP99Ms: 1, dailyCostUsd: 1, throttles: 0 },
      ["ErrorRate", "Throttles", "Budget", "Latency", "DailyCost"],
    ],
  ])("are those that are asked for: %j", (options, names) => {
    expect(alarms()).toEqual(alarms({}));
    expect(Object.keys(alarms(options))).toEqual(
      names.map((name) => `LambdaLLM${name}`),
    );
  });
});
