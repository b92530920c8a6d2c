import {
  type Dimensions,
  MAX_DOCUMENT_BYTES,
  MAX_FRAME_BYTES,
  MAX_METRICS,
  type MetricResolution,
  type MetricUnit,
} from "./rules.ts";

/** The values of a metric, in one group. */
export interface Metric {
  readonly name: string;
  readonly unit: MetricUnit;
  readonly resolution: MetricResolution;
  readonly values: readonly number[];
}

/** What all metrics of a document share. */
export interface Frame {
  readonly dimensions: Dimensions;
  /** Which of the dimensions make a metric together. */
  readonly sets: readonly (readonly string[])[];
}

/** What one document has room for: metrics of different names. */
export interface Chunk extends Frame {
  readonly metrics: ReadonlyMap<string, Metric>;
}

/** What was recorded for the same values of dimensions. */
export class MetricGroup {
  readonly #frame: Frame;
  readonly #metrics = new Map<string, Metric & { values: number[] }>();

  constructor(frame: Frame) {
    this.#frame = frame;
  }

  add(
    name: string,
    value: number,
    unit: MetricUnit,
    resolution: MetricResolution = 60,
  ): void {
    const key = `${unit} ${resolution} ${name}`;
    const metric = this.#metrics.get(key);
    if (metric === undefined)
      this.#metrics.set(key, { name, unit, resolution, values: [value] });
    else metric.values.push(value);
  }

  /** One document, or several where the limits ask for it. */
  chunks(maxValues: number): readonly Chunk[] {
    const chunks: { metrics: Map<string, Metric>; bytes: number }[] = [];
    for (const { values, ...metric } of this.#metrics.values())
      for (let from = 0; from < values.length; from += maxValues) {
        const part = {
          ...metric,
          values: values.slice(from, from + maxValues),
        };
        const { name } = part;
        const bytes = mostBytes(part);
        const chunk = chunks.find(
          ({ metrics, bytes: used }) =>
            !metrics.has(name) &&
            metrics.size < MAX_METRICS &&
            used + bytes <= MAX_DOCUMENT_BYTES - MAX_FRAME_BYTES,
        );
        if (chunk === undefined)
          chunks.push({ metrics: new Map([[name, part]]), bytes });
        else {
          chunk.metrics.set(name, part);
          chunk.bytes += bytes;
        }
      }
    return chunks.map(({ metrics }) => ({ ...this.#frame, metrics }));
  }
}

/** A number of JavaScript as text, with what comes after it. */
const MOST_NUMBER_BYTES = 26;
const AROUND_BYTES = 100;

/** In a document: its name stands there twice, and is of ASCII. */
function mostBytes({ name, values }: Metric): number {
  return AROUND_BYTES + 2 * name.length + MOST_NUMBER_BYTES * values.length;
}

/** What was recorded and not yet written, by the values of its dimensions. */
export class MetricGroups {
  #groups = new Map<string, MetricGroup>();

  /** @param onNew What it throws keeps the group from being made. */
  of({ dimensions, sets }: Frame, onNew?: () => void): MetricGroup {
    const key = JSON.stringify([dimensions, sets]);
    const present = this.#groups.get(key);
    if (present !== undefined) return present;
    onNew?.();
    const group = new MetricGroup({ dimensions, sets });
    this.#groups.set(key, group);
    return group;
  }

  /** Whoever gets them writes them. */
  take(): readonly MetricGroup[] {
    const groups = [...this.#groups.values()];
    this.#groups = new Map();
    return groups;
  }
}
