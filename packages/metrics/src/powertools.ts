import { isObject, type OptionCheck } from "@lambdallm/core/feature";
import type { ChunkWriter } from "./emf/outbox.ts";
import { type Dimensions, MAX_VALUES, type MetricUnit } from "./emf/rules.ts";

/** The part of Powertools' `Metrics` that is used; an instance of theirs fits. */
export interface PowertoolsMetrics {
  addDimensions(dimensions: Dimensions): unknown;
  addMetric(name: string, unit: MetricUnit, value: number): unknown;
  addMetadata(key: string, value: string): unknown;
  publishStoredMetrics(): unknown;
  serializeMetrics(): {
    readonly _aws: {
      readonly CloudWatchMetrics: readonly { readonly Namespace: string }[];
    };
  };
  singleMetric(): PowertoolsMetrics;
}

const METHODS = [
  "addDimensions",
  "addMetadata",
  "addMetric",
  "publishStoredMetrics",
  "serializeMetrics",
  "singleMetric",
] as const satisfies readonly (keyof PowertoolsMetrics)[];

export const powertoolsCheck: OptionCheck = (value) =>
  isObject(value) &&
  METHODS.every((name) => typeof Reflect.get(value, name) === "function")
    ? undefined
    : "a Metrics instance of @aws-lambda-powertools/metrics";

/** What is read of the event, such as its request, and is no metric. */
type Metadata = Readonly<Record<string, string>>;

/** Writes with Powertools: in its namespace, with its default dimensions, and where it writes. */
export function powertoolsWriter(
  metrics: PowertoolsMetrics,
  metadata: Metadata,
): ChunkWriter {
  return {
    // With the last value that it has room for, it would publish, and forget the dimensions.
    maxValues: MAX_VALUES - 1,
    write: ({ dimensions, sets, metrics: values }) => {
      const own = sibling(metrics);
      for (const set of sets)
        own.addDimensions(
          Object.fromEntries(
            Object.entries(dimensions).filter(([name]) => set.includes(name)),
          ),
        );
      for (const [key, value] of Object.entries(metadata))
        own.addMetadata(key, value);
      for (const { name, unit, values: each } of values.values())
        for (const value of each) own.addMetric(name, unit, value);
      own.publishStoredMetrics();
    },
  };
}

/**
 * An instance like theirs that nothing is in. Theirs may hold metrics of the handler's, which are none of ours, and
 * `singleMetric()` writes a document for each value.
 */
function sibling(metrics: PowertoolsMetrics): PowertoolsMetrics {
  const single = metrics.singleMetric();
  const { _aws, ...defaultDimensions } = single.serializeMetrics();
  const namespace = _aws.CloudWatchMetrics[0]?.Namespace;
  // The class that they are of, which this package does not import.
  const Metrics = single.constructor as new (options: {
    readonly namespace: string | undefined;
    readonly defaultDimensions: object;
  }) => PowertoolsMetrics;
  return new Metrics({ namespace, defaultDimensions });
}
