import {
  check,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import { dimensionChecks, figureSets } from "./dimension-sets.ts";
import { type Dimensions, namespaceCheck, periodCheck } from "./emf/rules.ts";
import { DEFAULT_NAMESPACE, type Figure } from "./figures.ts";

export interface AlarmOptions {
  /** That of `metrics()`, or of the Powertools instance. @default "LambdaLLM" */
  readonly namespace?: string | undefined;
  /** Those of `metrics()`; with Powertools also its default ones. @default none */
  readonly fixedDimensions?: Dimensions | undefined;
  /** The share of calls that may fail; `false` for no alarm. @default 0.05 */
  readonly errorRate?: number | false | undefined;
  /** The share of the budget that may be used; `false` for no alarm. @default 0.8 */
  readonly budgetShare?: number | false | undefined;
  /** How many attempts may be throttled in a period; `false` for no alarm. @default 10 */
  readonly throttles?: number | false | undefined;
  /** How long the slowest call in a hundred may take. @default no alarm */
  readonly latencyP99Ms?: number | undefined;
  /** What the calls of 24 hours may cost. @default no alarm */
  readonly dailyCostUsd?: number | undefined;
  /** @default 300 */
  readonly periodSeconds?: number | undefined;
  /** In how many periods in a row errors, throttles and latency are too many or too long. @default 2 */
  readonly evaluationPeriods?: number | undefined;
  /** ARNs, or what a template has in their place, such as `{ Ref: "Topic" }`. @default none */
  readonly alarmActions?: readonly unknown[] | undefined;
  /** The same, for the end of an alarm. @default none */
  readonly okActions?: readonly unknown[] | undefined;
  /** What the names of the resources begin with. @default "LambdaLLM" */
  readonly prefix?: string | undefined;
}

interface Metric {
  readonly Namespace: string;
  readonly MetricName: Figure;
  readonly Dimensions: readonly {
    readonly Name: string;
    readonly Value: string;
  }[];
}

interface MetricQuery {
  readonly Id: string;
  readonly ReturnData: boolean;
  readonly MetricStat?: {
    readonly Metric: Metric;
    readonly Period: number;
    readonly Stat: string;
  };
  readonly Expression?: string;
}

interface AlarmOnMetric extends Metric {
  readonly Period: number;
  readonly Statistic?: "Sum" | "Maximum";
  readonly ExtendedStatistic?: string;
}

/** A resource of a template of CloudFormation. */
export interface AlarmResource {
  readonly Type: "AWS::CloudWatch::Alarm";
  readonly Properties: (
    | AlarmOnMetric
    | { readonly Metrics: readonly MetricQuery[] }
  ) & {
    readonly AlarmDescription: string;
    readonly ComparisonOperator:
      | "GreaterThanThreshold"
      | "GreaterThanOrEqualToThreshold";
    readonly Threshold: number;
    readonly EvaluationPeriods: number;
    readonly TreatMissingData: "notBreaching";
    readonly AlarmActions: readonly unknown[];
    readonly OKActions: readonly unknown[];
  };
}

const orFalse =
  (accepts: OptionCheck): OptionCheck =>
  (value) => {
    const wrong = value === false ? undefined : accepts(value);
    return wrong && `${wrong}, or false`;
  };

const checks = {
  namespace: namespaceCheck,
  fixedDimensions: dimensionChecks.fixedDimensions,
  errorRate: orFalse(check.zeroToOne),
  budgetShare: orFalse(check.zeroToOne),
  throttles: orFalse(check.wholeNumber),
  latencyP99Ms: check.atLeastZero,
  dailyCostUsd: check.atLeastZero,
  periodSeconds: periodCheck,
  evaluationPeriods: check.positiveInteger,
  alarmActions: check.array,
  okActions: check.array,
  prefix: check.matching(/^[A-Za-z0-9]{1,200}$/, "letters and digits"),
};

const OWNER = "alarms";
const DAY_SECONDS = 86_400;

/**
 * Alarms on what `metrics()` writes with the same `namespace` and `fixedDimensions`, as resources of a template, by their
 * names.
 *
 * @throws {ConfigurationError} naming the option that is unknown or wrong.
 * @example
 * const alarmed = alarms({ dailyCostUsd: 50, alarmActions: [topic.topicArn] });
 * for (const [name, { Type, Properties }] of Object.entries(alarmed))
 *   new CfnResource(this, name, { type: Type, properties: Properties });
 */
export function alarms(
  options: AlarmOptions = {},
): Readonly<Record<string, AlarmResource>> {
  validateOptions(OWNER, checks, options);
  const { fixedDimensions, latencyP99Ms, dailyCostUsd } = options;
  const { namespace = DEFAULT_NAMESPACE, prefix = "LambdaLLM" } = options;
  const { errorRate = 0.05, budgetShare = 0.8, throttles = 10 } = options;
  const { periodSeconds: Period = 300, evaluationPeriods = 2 } = options;
  const { alarmActions = [], okActions = [] } = options;
  const { fixed } = figureSets(OWNER, { fixedDimensions }, undefined);
  const Dimensions = Object.entries(fixed).map(([Name, Value]) => ({
    ...{ Name, Value },
  }));
  const metric = (MetricName: Figure): Metric => ({
    ...{ Namespace: namespace, MetricName, Dimensions },
  });
  const sum = (Id: string, figure: Figure): MetricQuery => ({
    ...{ Id, ReturnData: false },
    MetricStat: { Metric: metric(figure), Period, Stat: "Sum" },
  });
  const resource = (
    AlarmDescription: string,
    what: AlarmOnMetric | { readonly Metrics: readonly MetricQuery[] },
    Threshold: number,
    changes: Partial<AlarmResource["Properties"]> = {},
  ): AlarmResource => ({
    Type: "AWS::CloudWatch::Alarm",
    Properties: {
      AlarmDescription,
      ...what,
      ComparisonOperator: "GreaterThanThreshold",
      Threshold,
      EvaluationPeriods: evaluationPeriods,
      TreatMissingData: "notBreaching",
      AlarmActions: alarmActions,
      OKActions: okActions,
      ...changes,
    },
  });

  const all = {
    ErrorRate:
      errorRate !== false &&
      resource(
        `More than ${percent(errorRate)} % of the model calls fail.`,
        {
          Metrics: [
            sum("errors", "Errors"),
            sum("calls", "Calls"),
            {
              Id: "rate",
              Expression: "FILL(errors, 0) / calls",
              ReturnData: true,
            },
          ],
        },
        errorRate,
      ),
    Throttles:
      throttles !== false &&
      resource(
        `More than ${throttles} attempts in ${Period} seconds were throttled.`,
        { ...metric("Throttles"), Period, Statistic: "Sum" },
        throttles,
      ),
    Budget:
      budgetShare !== false &&
      resource(
        `${percent(budgetShare)} % of the budget is used.`,
        { ...metric("BudgetUsed"), Period, Statistic: "Maximum" },
        percent(budgetShare),
        {
          ComparisonOperator: "GreaterThanOrEqualToThreshold",
          EvaluationPeriods: 1,
        },
      ),
    Latency:
      latencyP99Ms !== undefined &&
      resource(
        `One call in a hundred takes more than ${latencyP99Ms} ms.`,
        { ...metric("Latency"), Period, ExtendedStatistic: "p99" },
        latencyP99Ms,
      ),
    DailyCost:
      dailyCostUsd !== undefined &&
      resource(
        `The model calls of a day have cost more than ${dailyCostUsd} USD.`,
        { ...metric("CostUsd"), Period: DAY_SECONDS, Statistic: "Sum" },
        dailyCostUsd,
        { EvaluationPeriods: 1 },
      ),
  };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, one]) =>
      one === false ? [] : [[`${prefix}${name}`, one]],
    ),
  );
}

function percent(share: number): number {
  return Math.round(share * 10_000) / 100;
}
