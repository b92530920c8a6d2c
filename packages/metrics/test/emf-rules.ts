/*
 * The published rules of CloudWatch's embedded metric format, of `MetricDatum` and of `Dimension`, written down once more: nothing
 * of the package is used here.
 */

interface Directive {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly {
    readonly Name: string;
    readonly Unit?: string;
    readonly StorageResolution?: number;
  }[];
}

export interface EmfDocument {
  readonly _aws: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly Directive[];
  };
  readonly [name: string]: unknown;
}

const UNITS =
  /^(Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|Megabits|Gigabits|Terabits|Percent|Count|Bytes\/Second|Kilobytes\/Second|Megabytes\/Second|Gigabytes\/Second|Terabytes\/Second|Bits\/Second|Kilobits\/Second|Megabits\/Second|Gigabits\/Second|Terabits\/Second|Count\/Second|None)$/;

/** What is wrong with a line as an event of CloudWatch Logs that metrics are made of. */
export function emfFaults(line: string, now = Date.now()): string[] {
  const faults: string[] = [];
  const must = (holds: boolean, fault: string) => {
    if (!holds) faults.push(fault);
  };
  must(!/[\r\n]/.test(line), "more than one line");
  must(line.startsWith("{") && line.endsWith("}"), "not JSON alone");
  // The smaller of the two sizes that the documentation has had.
  must(Buffer.byteLength(line) + 26 <= 256 * 1024, "larger than an event");
  const root: EmfDocument = JSON.parse(line);
  const { Timestamp, CloudWatchMetrics } = root._aws;
  must(Number.isInteger(Timestamp), "Timestamp is no integer");
  must(Timestamp > now - 14 * 86_400_000, "older than 14 days");
  must(Timestamp < now + 2 * 3_600_000, "more than 2 hours ahead");
  must(CloudWatchMetrics.length > 0, "no directive");
  for (const { Namespace, Dimensions, Metrics } of CloudWatchMetrics) {
    must(/^[^:][0-9A-Za-z.\-_/# :]{0,254}$/.test(Namespace), "Namespace");
    must(!Namespace.startsWith("AWS/"), "Namespace of AWS");
    must(Dimensions.length > 0, "no dimension set");
    for (const set of Dimensions) {
      must(set.length <= 30, "more than 30 dimensions");
      must(new Set(set).size === set.length, "a dimension twice in a set");
      for (const name of set) {
        must(isAscii(name, 255) && !name.startsWith(":"), `dimension ${name}`);
        must(Object.hasOwn(root, name), `dimension ${name} has no value`);
        must(isAscii(root[name], 1024), `value of dimension ${name}`);
      }
    }
    must(Metrics.length > 0 && Metrics.length <= 100, "number of metrics");
    const names = Metrics.map(({ Name }) => Name);
    must(new Set(names).size === names.length, "a metric twice");
    for (const { Name, Unit = "None", StorageResolution = 60 } of Metrics) {
      must(isAscii(Name, 255), `metric ${Name}`);
      must(UNITS.test(Unit), `unit of ${Name}`);
      must([1, 60].includes(StorageResolution), `resolution of ${Name}`);
      must(!Dimensions.flat().includes(Name), `${Name} is a dimension, too`);
      must(Object.hasOwn(root, Name), `metric ${Name} has no value`);
      const values = [root[Name]].flat();
      must(values.length > 0 && values.length <= 100, `values of ${Name}`);
      for (const value of values)
        must(
          typeof value === "number" && Math.abs(value) <= 2 ** 360,
          `value of ${Name}`,
        );
    }
  }
  return faults;
}

function isAscii(value: unknown, maxLength: number): boolean {
  return (
    typeof value === "string" &&
    value.length >= 1 &&
    value.length <= maxLength &&
    [...value].every((one) => one >= " " && one <= "~") &&
    value.trim() !== ""
  );
}

/** The metrics of documents as CloudWatch would have them: values by namespace, name and dimensions. */
export function metricsIn(lines: readonly string[]): Record<string, number[]> {
  const metrics: Record<string, number[]> = {};
  for (const line of lines) {
    const root: EmfDocument = JSON.parse(line);
    for (const { Dimensions, Metrics } of root._aws.CloudWatchMetrics)
      for (const set of Dimensions)
        for (const { Name } of Metrics) {
          const where = [...set]
            .sort()
            .map((name) => `${name}=${root[name]}`)
            .join(",");
          const key = `${Name}{${where}}`;
          const values = [root[Name]].flat() as number[];
          metrics[key] = [...(metrics[key] ?? []), ...values];
        }
  }
  return metrics;
}
