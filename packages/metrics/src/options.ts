import { ConfigurationError } from "@lambdallm/core";
import {
  check,
  isObject,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import type { Meter } from "@opentelemetry/api";
import type { DimensionSource } from "./cloudwatch-sink.ts";
import {
  type DimensionOptions,
  dimensionChecks,
  figureSets,
} from "./dimension-sets.ts";
import { dimensionNameCheck, namespaceCheck } from "./emf/rules.ts";
import { type PowertoolsMetrics, powertoolsCheck } from "./powertools.ts";

// biome-ignore lint/suspicious/noExplicitAny: Middy's `use` does not tell a middleware the type of the chain's event, and without a default every function would have to name it
export interface MetricsOptions<TEvent = any> extends DimensionOptions {
  /**
   * Writes metrics of CloudWatch in this namespace, in its embedded metric format on stdout.
   * @default "LambdaLLM", where neither `powertools` nor `meter` is given
   */
  readonly namespace?: string | undefined;
  /** Writes them with Powertools in its place: in its namespace, with its default dimensions. */
  readonly powertools?: PowertoolsMetrics | undefined;
  /** Records metrics of OpenTelemetry, in the place of those of CloudWatch or, with `namespace` or `powertools`, beside them. */
  readonly meter?: Meter | undefined;
  /**
   * Dimensions of your own for CloudWatch, by their names; a function that returns undefined leaves its dimension out. They
   * are used where `dimensions` names them, and in a set each when `dimensions` is not given.
   * @default none
   */
  readonly dimensionsOf?:
    | Readonly<
        Record<string, (source: DimensionSource<TEvent>) => string | undefined>
      >
    | undefined;
  /**
   * How many values of each dimension are kept apart, in this process; later ones are counted as `other`. Every value is a
   * metric that costs money.
   * @default 20
   */
  readonly maxDimensionValues?: number | undefined;
  /** Gets each document as a line of JSON. @default a console of its own on stdout, past the one that Lambda's runtime wraps */
  readonly write?: ((line: string) => void) | undefined;
  /** The clock of the documents, in epoch milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** With `meter`: also the metrics that the conventions had before version 0.1.0. @default false */
  readonly legacy?: boolean | undefined;
  /** With `meter`: the time between the pieces of a stream. It costs on long streams. @default false */
  readonly timePerOutputChunk?: boolean | undefined;
  /** With `meter`: exports what was recorded, such as `() => provider.forceFlush()`. Awaited at the end of every invocation. */
  readonly flush?: (() => unknown) | undefined;
  /** How long `flush` is waited for, in milliseconds. @default 2_000 */
  readonly flushTimeoutMs?: number | undefined;
}

const meterCheck: OptionCheck = (value) =>
  isObject(value) &&
  ["createCounter", "createHistogram"].every(
    (name) => typeof Reflect.get(value, name) === "function",
  )
    ? undefined
    : "a Meter of @opentelemetry/api, as `getMeter()` gives one";

const functionsCheck: OptionCheck = (value) => {
  const expected = "an object of functions by the names of dimensions";
  if (!isObject(value)) return expected;
  for (const [name, one] of Object.entries(value)) {
    const wrongName = dimensionNameCheck(name);
    if (wrongName !== undefined)
      return `an object whose names are ${wrongName}`;
    if (typeof one !== "function") return `${expected}: see "${name}"`;
  }
  return undefined;
};

const checks = {
  namespace: namespaceCheck,
  powertools: powertoolsCheck,
  meter: meterCheck,
  ...dimensionChecks,
  dimensionsOf: functionsCheck,
  maxDimensionValues: check.positiveInteger,
  write: check.function,
  now: check.function,
  legacy: check.boolean,
  timePerOutputChunk: check.boolean,
  flush: check.function,
  flushTimeoutMs: check.positiveInteger,
};

type Name = keyof typeof checks;

/** Options that do nothing without another one, and which that is. */
const ONLY_WITH: readonly (readonly [
  names: readonly Name[],
  isThere: (options: MetricsOptions) => boolean,
  what: string,
])[] = [
  [
    ["legacy", "timePerOutputChunk", "flush", "flushTimeoutMs"],
    ({ meter }) => meter !== undefined,
    "needs `meter`",
  ],
  [
    ["dimensions", "fixedDimensions", "dimensionsOf", "maxDimensionValues"],
    hasCloudWatch,
    "is for CloudWatch: give `namespace` or `powertools` beside `meter`",
  ],
  [
    ["write", "now"],
    (options) => hasCloudWatch(options) && options.powertools === undefined,
    "is for documents that this package writes: leave it out with `powertools`, and with `meter` alone",
  ],
  [
    ["namespace"],
    ({ powertools }) => powertools === undefined,
    "cannot be given beside `powertools`, which has its own",
  ],
];

/** Whether there are metrics of CloudWatch. */
export function hasCloudWatch({
  namespace,
  powertools,
  meter,
}: MetricsOptions): boolean {
  return (
    namespace !== undefined || powertools !== undefined || meter === undefined
  );
}

/** What `dimensions` stands for when it is not given. */
export function setsOf(options: MetricsOptions) {
  const { fixedDimensions, dimensionsOf = {} } = options;
  const own = Object.keys(dimensionsOf);
  const { dimensions = ["model", ...own] } = options;
  return figureSets("metrics", { dimensions, fixedDimensions }, own);
}

/** @throws {ConfigurationError} naming the option that is unknown or wrong, or does nothing beside the others. */
export function metricsValidateOptions(options: unknown): void {
  validateOptions("metrics", checks, options);
  // Checked in the line before.
  const given = options as MetricsOptions;
  for (const [names, isThere, what] of ONLY_WITH)
    for (const name of names)
      if (given[name] !== undefined && !isThere(given))
        throw new ConfigurationError(`metrics: the option "${name}" ${what}.`);
  setsOf(given);
}
