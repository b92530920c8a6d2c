import { ConfigurationError } from "@lambdallm/core";
import {
  check,
  isObject,
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
  /**
   * In how many periods in a row errors, throttles and latency are too many or too long: within a day, or a week where a period
   * is an hour or more.
   * @default 2
   */
  readonly evaluationPeriods?: number | undefined;
  /** At most 5 ARNs, or what a template has in their place, such as `{ Ref: "Topic" }`. @default none */
  readonly alarmActions?: readonly (string | object)[] | undefined;
  /** The same, for the end of an alarm. @default none */
  readonly okActions?: readonly (string | object)[] | undefined;
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

type Watched = AlarmOnMetric | { readonly Metrics: readonly MetricQuery[] };

/** A resource of a template of CloudFormation. */
export interface AlarmResource {
  readonly Type: "AWS::CloudWatch::Alarm";
  readonly Properties: Watched & {
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

const MAX_ACTIONS = 5;

const actionsCheck: OptionCheck = (value) =>
  Array.isArray(value) &&
  value.length <= MAX_ACTIONS &&
  value.every((one) => isObject(one) || check.text(one) === undefined)
    ? undefined
    : `an array of at most ${MAX_ACTIONS} ARNs, or of what a template has in their place`;

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
  alarmActions: actionsCheck,
  okActions: actionsCheck,
  prefix: check.matching(/^[A-Za-z0-9]{1,200}$/, "letters and digits"),
};

const OWNER = "alarms";
const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 86_400;
const WEEK_SECONDS = 604_800;
const DEFAULT_PERIOD_SECONDS = 300;
const DEFAULT_EVALUATION_PERIODS = 2;

/**
 * Alarms on what `metrics()` writes with the same `namespace` and `fixedDimensions`, as resources of a template, by their
 * names.
 *
 * @throws {ConfigurationError} naming the option that is unknown or wrong, or that CloudWatch would not take.
 * @example
 * const alarmed = alarms({ dailyCostUsd: 50, alarmActions: [topic.topicArn] });
 * for (const [name, { Type, Properties }] of Object.entries(alarmed))
 *   new CfnResource(this, name, { type: Type, properties: Properties });
 */
export function alarms(
  options: AlarmOptions = {},
): Readonly<Record<string, AlarmResource>> {
  validateOptions(OWNER, checks, options);
  checkTime(options);
  const { prefix = "LambdaLLM" } = options;
  const { errorRate = 0.05, budgetShare = 0.8, throttles = 10 } = options;
  const { latencyP99Ms = false, dailyCostUsd = false } = options;
  const on = new Alarms(options);
  const all = {
    ErrorRate: errorRate !== false && on.errorRate(errorRate),
    Throttles: throttles !== false && on.throttles(throttles),
    Budget: budgetShare !== false && on.budget(budgetShare),
    Latency: latencyP99Ms !== false && on.latency(latencyP99Ms),
    DailyCost: dailyCostUsd !== false && on.dailyCost(dailyCostUsd),
  };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, one]) =>
      one === false ? [] : [[`${prefix}${name}`, one]],
    ),
  );
}

/** @throws {ConfigurationError} No alarm looks back that far. */
function checkTime({
  periodSeconds = DEFAULT_PERIOD_SECONDS,
  evaluationPeriods = DEFAULT_EVALUATION_PERIODS,
}: AlarmOptions): void {
  const most = periodSeconds < HOUR_SECONDS ? DAY_SECONDS : WEEK_SECONDS;
  const seconds = periodSeconds * evaluationPeriods;
  if (seconds > most)
    throw new ConfigurationError(
      `${OWNER}: "periodSeconds" times "evaluationPeriods" is ${seconds}: CloudWatch takes at most ${DAY_SECONDS} where the period is below an hour, and ${WEEK_SECONDS} otherwise.`,
    );
}

/** Alarms on the figures over everything. */
class Alarms {
  readonly #options: AlarmOptions;
  readonly #metric: Omit<Metric, "MetricName">;
  readonly #periodSeconds: number;

  constructor(options: AlarmOptions) {
    const { namespace = DEFAULT_NAMESPACE, fixedDimensions } = options;
    const { fixed } = figureSets(OWNER, { fixedDimensions }, undefined);
    this.#options = options;
    this.#periodSeconds = options.periodSeconds ?? DEFAULT_PERIOD_SECONDS;
    this.#metric = {
      Namespace: namespace,
      Dimensions: Object.entries(fixed).map(([Name, Value]) => ({
        ...{ Name, Value },
      })),
    };
  }

  errorRate(share: number): AlarmResource {
    const Metrics = [
      this.#sum("errors", "Errors"),
      this.#sum("calls", "Calls"),
      { Id: "rate", Expression: "FILL(errors, 0) / calls", ReturnData: true },
    ];
    const description = `More than ${percent(share)} % of the model calls fail.`;
    return this.#alarm(description, { Metrics }, share);
  }

  throttles(count: number): AlarmResource {
    return this.#alarm(
      `More than ${count} attempts in ${this.#periodSeconds} seconds were throttled.`,
      { ...this.#of("Throttles"), Statistic: "Sum" },
      count,
    );
  }

  budget(share: number): AlarmResource {
    return this.#alarm(
      `${percent(share)} % of the budget is used.`,
      { ...this.#of("BudgetUsed"), Statistic: "Maximum" },
      percent(share),
      {
        ComparisonOperator: "GreaterThanOrEqualToThreshold",
        EvaluationPeriods: 1,
      },
    );
  }

  latency(p99Ms: number): AlarmResource {
    return this.#alarm(
      `One call in a hundred takes more than ${p99Ms} ms.`,
      { ...this.#of("Latency"), ExtendedStatistic: "p99" },
      p99Ms,
    );
  }

  dailyCost(usd: number): AlarmResource {
    return this.#alarm(
      `The model calls of a day have cost more than ${usd} USD.`,
      { ...this.#of("CostUsd"), Period: DAY_SECONDS, Statistic: "Sum" },
      usd,
      { EvaluationPeriods: 1 },
    );
  }

  #of(MetricName: Figure): AlarmOnMetric {
    return { ...this.#metric, MetricName, Period: this.#periodSeconds };
  }

  #sum(Id: string, MetricName: Figure): MetricQuery {
    const { Period, ...Metric } = this.#of(MetricName);
    const MetricStat = { Metric, Period, Stat: "Sum" };
    return { Id, ReturnData: false, MetricStat };
  }

  #alarm(
    description: string,
    watched: Watched,
    threshold: number,
    changes: Partial<AlarmResource["Properties"]> = {},
  ): AlarmResource {
    const { evaluationPeriods = DEFAULT_EVALUATION_PERIODS } = this.#options;
    const { alarmActions = [], okActions = [] } = this.#options;
    return {
      Type: "AWS::CloudWatch::Alarm",
      Properties: {
        AlarmDescription: description,
        ...watched,
        ComparisonOperator: "GreaterThanThreshold",
        Threshold: threshold,
        EvaluationPeriods: evaluationPeriods,
        TreatMissingData: "notBreaching",
        AlarmActions: alarmActions,
        OKActions: okActions,
        ...changes,
      },
    };
  }
}

function percent(share: number): number {
  return Math.round(share * 10_000) / 100;
}
