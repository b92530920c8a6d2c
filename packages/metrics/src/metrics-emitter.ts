import { ConfigurationError } from "@lambdallm/core";
import {
  check,
  type OptionCheck,
  plainJson,
  validateOptions,
} from "@lambdallm/core/feature";
import {
  DEFAULT_MAX_DIMENSION_VALUES,
  DistinctValues,
} from "./emf/distinct-values.ts";
import { documentOf, documentWriter, type Metadata } from "./emf/document.ts";
import { type Frame, MetricGroups } from "./emf/metric-groups.ts";
import { Outbox } from "./emf/outbox.ts";
import {
  type Dimensions,
  dimensionsCheck,
  MAX_DIMENSIONS,
  MAX_FRAME_BYTES,
  type MetricResolution,
  type MetricUnit,
  nameCheck,
  namespaceCheck,
  UNITS,
  valueCheck,
} from "./emf/rules.ts";

export interface MetricsEmitterOptions {
  /** CloudWatch's namespace of the metrics. */
  readonly namespace: string;
  /** Those that every metric has. @default none */
  readonly dimensions?: Dimensions | undefined;
  /** What else every document says, for Logs Insights. @default nothing */
  readonly metadata?: Metadata | undefined;
  /**
   * How many values of each dimension are kept apart, in this emitter; later ones are counted as `other`. Every value is a
   * metric that costs money.
   * @default 20
   */
  readonly maxDimensionValues?: number | undefined;
  /** Gets each document as a line of JSON. @default a console of its own on stdout, past the one that Lambda's runtime wraps */
  readonly write?: ((line: string) => void) | undefined;
  /** The clock of the documents, in epoch milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
}

export interface RecordOptions {
  /** @default "None" */
  readonly unit?: MetricUnit | undefined;
  /** Beside those of the emitter, which they replace where they have the same name. @default none */
  readonly dimensions?: Dimensions | undefined;
  /**
   * Which dimensions make a metric together: each set is a metric of its own, and `[]` is the one over all of them. Those of
   * the emitter are in every set.
   * @default one set, of all dimensions
   */
  readonly sets?: readonly (readonly string[])[] | undefined;
  /** In seconds. @default 60 */
  readonly resolution?: MetricResolution | undefined;
}

const MAX_SETS = 30;

const setsCheck: OptionCheck = (value) =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= MAX_SETS &&
  value.every((set) => check.texts(set) === undefined)
    ? undefined
    : `1 to ${MAX_SETS} arrays of names of dimensions`;

const metadataCheck: OptionCheck = (value) => {
  const names = Object.keys(Object(value));
  return check.object(value) === undefined &&
    names.every((name) => nameCheck(name) === undefined)
    ? undefined
    : `an object whose names are ${nameCheck(undefined)}`;
};

const emitterChecks = {
  namespace: namespaceCheck,
  dimensions: dimensionsCheck,
  metadata: metadataCheck,
  maxDimensionValues: check.positiveInteger,
  write: check.function,
  now: check.function,
};

const recordChecks = {
  unit: check.oneOf(...UNITS),
  dimensions: dimensionsCheck,
  sets: setsCheck,
  resolution: check.oneOf(1, 60),
};

const OWNER = "MetricsEmitter";

/**
 * Metrics of your own for CloudWatch, in its embedded metric format: lines of JSON on stdout, which CloudWatch Logs makes
 * metrics of. Nothing is written before `flush`.
 *
 * @throws {ConfigurationError} naming the option that is missing, unknown or wrong.
 * @example
 * const emitter = new MetricsEmitter({ namespace: "Shop" });
 * emitter.record("Orders", 1, { unit: "Count", dimensions: { country: "NO" } });
 * emitter.flush();
 */
export class MetricsEmitter {
  readonly #dimensions: Dimensions;
  readonly #metadata: Metadata;
  readonly #namespace: string;
  readonly #distinct: DistinctValues;
  readonly #groups = new MetricGroups();
  readonly #outbox: Outbox;

  constructor(options: MetricsEmitterOptions) {
    validateOptions(OWNER, emitterChecks, options, ["namespace"]);
    const { namespace, dimensions = {}, metadata = {}, write, now } = options;
    const { maxDimensionValues = DEFAULT_MAX_DIMENSION_VALUES } = options;
    this.#namespace = namespace;
    this.#dimensions = { ...dimensions };
    // As it is now: what is changed later could not be checked any more.
    const json = JSON.stringify(plainJson(metadata, `${OWNER}: metadata`));
    this.#metadata = JSON.parse(json);
    this.#distinct = new DistinctValues(maxDimensionValues);
    this.#outbox = new Outbox(
      this.#groups,
      documentWriter({ namespace, metadata: this.#metadata, write, now }),
    );
    this.#checkFrame({ dimensions, sets: [Object.keys(dimensions)] });
  }

  /**
   * Records a value of a metric.
   *
   * @throws {ConfigurationError} for what CloudWatch would not take: it says nothing and drops it. Nothing that was recorded
   * before is lost.
   */
  record(name: string, value: number, options: RecordOptions = {}): void {
    const wrongName = nameCheck(name);
    if (wrongName !== undefined) throw wrong(`the name of a metric`, wrongName);
    const wrongValue = valueCheck(value);
    if (wrongValue !== undefined)
      throw wrong(`the value of "${name}"`, wrongValue);
    validateOptions(`${OWNER}.record`, recordChecks, options);
    const { unit = "None", resolution = 60 } = options;
    const given = Object.entries({
      ...this.#dimensions,
      ...options.dimensions,
    }).sort(([a], [b]) => (a < b ? -1 : 1));
    const names = given.map(([dimension]) => dimension);
    const sets = setsOf(names, Object.keys(this.#dimensions), options.sets);
    if (names.includes(name) || Object.hasOwn(this.#metadata, name))
      throw new ConfigurationError(
        `${OWNER}: "${name}" is the name of a metric, and of a dimension or of metadata: they stand beside each other in the document.`,
      );
    const limited = given.map(([dimension, one]) => [
      dimension,
      this.#distinct.of(dimension, one),
    ]);
    const frame = { dimensions: Object.fromEntries(limited), sets };
    this.#groups
      .of(frame, () => this.#checkFrame(frame))
      .add(name, value, unit, resolution);
  }

  /**
   * Writes what was recorded: one document for all metrics with the same values of dimensions, or several where one has no
   * room for them.
   *
   * @throws what `write` throws; what was not written then is written the next time.
   */
  flush(): void {
    this.#outbox.flush();
  }

  #checkFrame(frame: Frame): void {
    const names = Object.keys(frame.dimensions);
    const both = names.find((name) => Object.hasOwn(this.#metadata, name));
    if (both !== undefined)
      throw new ConfigurationError(
        `${OWNER}: "${both}" is the name of a dimension and of metadata: they stand beside each other in the document.`,
      );
    if (names.length > MAX_DIMENSIONS)
      throw wrong("the dimensions of a metric", `at most ${MAX_DIMENSIONS}`);
    const document = documentOf(
      { ...frame, metrics: new Map() },
      { namespace: this.#namespace, metadata: this.#metadata, now: Date.now },
    );
    if (Buffer.byteLength(JSON.stringify(document)) > MAX_FRAME_BYTES)
      throw wrong(
        "the dimensions and the metadata of a document",
        `at most ${MAX_FRAME_BYTES} bytes together`,
      );
  }
}

function setsOf(
  names: readonly string[],
  fixed: readonly string[],
  sets: Frame["sets"] = [names],
): Frame["sets"] {
  const unknown = sets.flat().find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new ConfigurationError(
      `${OWNER}: "${unknown}" in \`sets\` is none of the dimensions.`,
    );
  const distinct = sets.map((set) =>
    JSON.stringify([...new Set([...fixed, ...set])].sort()),
  );
  return [...new Set(distinct)].map((set) => JSON.parse(set));
}

function wrong(what: string, expected: string): ConfigurationError {
  return new ConfigurationError(`${OWNER}: ${what} must be ${expected}.`);
}
