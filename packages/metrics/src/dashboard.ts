import { ConfigurationError } from "@lambdallm/core";
import { check, validateOptions } from "@lambdallm/core/feature";
import {
  type DimensionOptions,
  dimensionChecks,
  type FigureSets,
  figureSets,
} from "./dimension-sets.ts";
import { namespaceCheck, periodCheck } from "./emf/rules.ts";
import {
  DEFAULT_NAMESPACE,
  ERROR_TYPE,
  type Figure,
  STOP_REASON,
} from "./figures.ts";

export interface DashboardOptions extends DimensionOptions {
  /** That of `metrics()`, or of the Powertools instance. @default "LambdaLLM" */
  readonly namespace?: string | undefined;
  /** Where the metrics are, such as `eu-north-1`; in a template that `Fn::Sub` reads, `${AWS::Region}`. */
  readonly region: string;
  /** @default 300 */
  readonly periodSeconds?: number | undefined;
}

/** A line of a graph: a metric with its dimensions, or an expression; the last entry says how it is drawn. */
export type DashboardMetric = readonly (
  | string
  | Readonly<Record<string, string | number | boolean>>
)[];

export interface DashboardWidget {
  readonly type: "metric";
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly properties: {
    readonly title: string;
    readonly region: string;
    readonly view: "timeSeries";
    readonly stat: string;
    readonly period: number;
    readonly metrics: readonly DashboardMetric[];
  };
}

/** What `DashboardBody` of `AWS::CloudWatch::Dashboard` is, as JSON. */
export interface DashboardBody {
  readonly widgets: readonly DashboardWidget[];
}

const checks = {
  ...dimensionChecks,
  namespace: namespaceCheck,
  region: check.text,
  periodSeconds: periodCheck,
};

const OWNER = "cloudWatchDashboard";
const WIDGET = { width: 8, height: 6 };
const WIDGETS_IN_A_ROW = 3;

type Graph = readonly [
  title: string,
  stat: string,
  metrics: readonly DashboardMetric[],
];

/**
 * A dashboard of what `metrics()` writes with the same `namespace`, `dimensions` and `fixedDimensions`, as data.
 *
 * @throws {ConfigurationError} naming the option that is missing, unknown or wrong.
 * @example
 * new CfnDashboard(this, "Models", {
 *   dashboardBody: JSON.stringify(cloudWatchDashboard({ namespace: "Chat", region: this.region })),
 * });
 */
export function cloudWatchDashboard(options: DashboardOptions): DashboardBody {
  validateOptions(OWNER, checks, options, ["region"]);
  const { namespace = DEFAULT_NAMESPACE, region } = options;
  const { periodSeconds = 300 } = options;
  const lines = new Lines(
    namespace,
    periodSeconds,
    figureSets(OWNER, options, undefined),
  );
  return {
    widgets: graphsOf(lines).map(([title, stat, metrics], index) => ({
      type: "metric",
      x: (index % WIDGETS_IN_A_ROW) * WIDGET.width,
      y: Math.floor(index / WIDGETS_IN_A_ROW) * WIDGET.height,
      ...WIDGET,
      properties: {
        ...{ title, region, view: "timeSeries", stat },
        ...{ period: periodSeconds, metrics },
      },
    })),
  };
}

function graphsOf(lines: Lines): readonly Graph[] {
  return [
    ["Calls", "Sum", lines.all("Calls", "Errors", "IncompleteAnswers")],
    ["Error rate (%)", "Sum", lines.errorRate()],
    ["Errors by code", "Sum", [lines.by([ERROR_TYPE], "Errors", "Sum")]],
    ["Latency (ms)", "p99", lines.percentiles("Latency")],
    ["Time to first token (ms)", "p99", lines.percentiles("TimeToFirstToken")],
    [
      "Incomplete answers by reason",
      "Sum",
      [lines.by([STOP_REASON], "IncompleteAnswers", "Sum")],
    ],
    [
      "Tokens",
      "Sum",
      lines.all(
        "InputTokens",
        "OutputTokens",
        "CacheReadTokens",
        "CacheWriteTokens",
      ),
    ],
    ["Cost (USD)", "Sum", lines.all("CostUsd", "UnpricedCalls")],
    [
      "Budget used (%)",
      "Maximum",
      [lines.of("BudgetUsed"), lines.of("BudgetRefusals", { stat: "Sum" })],
    ],
    [
      "Attempts",
      "Sum",
      lines.all("Attempts", "Throttles", "Retries", "Fallbacks"),
    ],
    ["Tools", "Sum", lines.all("ToolCalls", "ToolErrors")],
    [
      "Programs",
      "Sum",
      lines.all("Iterations", "Steps", "RunsResumed", "RunsSuspended"),
    ],
    ...lines.chosen.flatMap((set): readonly Graph[] => {
      const by = `by ${set.join(" and ")}`;
      return [
        [`Calls ${by}`, "Sum", [lines.by(set, "Calls", "Sum")]],
        [`Cost (USD) ${by}`, "Sum", [lines.by(set, "CostUsd", "Sum")]],
        [`Latency (ms) ${by}`, "p99", [lines.by(set, "Latency", "p99")]],
      ];
    }),
  ];
}

/** The lines of graphs, on the metrics that there are. */
class Lines {
  readonly #namespace: string;
  readonly #periodSeconds: number;
  readonly #sets: FigureSets;

  constructor(namespace: string, periodSeconds: number, sets: FigureSets) {
    this.#namespace = namespace;
    this.#periodSeconds = periodSeconds;
    this.#sets = sets;
  }

  /** By what the figures are told apart. */
  get chosen(): FigureSets["chosen"] {
    return this.#sets.chosen;
  }

  /** The figure over everything. */
  of(figure: Figure, how: DashboardMetric[number] = {}): DashboardMetric {
    const dimensions = Object.entries(this.#sets.fixed).flat();
    return [this.#namespace, figure, ...dimensions, how];
  }

  all(...figures: readonly Figure[]): readonly DashboardMetric[] {
    return figures.map((figure) => this.of(figure));
  }

  percentiles(figure: Figure): readonly DashboardMetric[] {
    return ["p50", "p99"].map((stat) => this.of(figure, { stat, label: stat }));
  }

  errorRate(): readonly DashboardMetric[] {
    return [
      this.of("Errors", { id: "errors", visible: false }),
      this.of("Calls", { id: "calls", visible: false }),
      [{ expression: "100 * FILL(errors, 0) / calls", label: "errors" }],
    ];
  }

  /** The figure by the values of dimensions, whatever they will be. */
  by(set: readonly string[], figure: Figure, stat: string): DashboardMetric {
    const { fixed } = this.#sets;
    const schema = [this.#namespace, ...Object.keys(fixed), ...set];
    const terms = [
      `{${schema.map(quoted).join(",")}}`,
      `MetricName="${figure}"`,
      ...Object.entries(fixed).map(
        ([name, value]) => `${quoted(name)}=${quoted(value)}`,
      ),
    ];
    return [
      {
        expression: `SEARCH('${terms.join(" ")}', '${stat}', ${this.#periodSeconds})`,
      },
    ];
  }
}

/** @throws {ConfigurationError} A search has no way to say it. */
function quoted(text: string): string {
  if (/['"\\]/.test(text))
    throw new ConfigurationError(
      `${OWNER}: a search cannot have quotes or backslashes: see ${text}`,
    );
  return `"${text}"`;
}
