import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { printed } from "../../../test-support/quiet.ts";
import {
  MetricsEmitter,
  type MetricsEmitterOptions,
  type RecordOptions,
} from "../src/index.ts";
import { type EmfDocument, emfFaults, metricsIn } from "./emf-rules.ts";

/** An emitter and what it has written. */
function emitting(options: Partial<MetricsEmitterOptions> = {}) {
  const lines: string[] = [];
  const emitter = new MetricsEmitter({
    namespace: "Shop",
    write: (line) => lines.push(line),
    ...options,
  });
  return {
    emitter,
    lines,
    documents: () => lines.map((line): EmfDocument => JSON.parse(line)),
  };
}

describe("A MetricsEmitter", () => {
  test("writes what was recorded when it is flushed, in one document", () => {
    const { emitter, lines, documents } = emitting({ now: () => 1_000.7 });
    emitter.record("Orders", 1, { unit: "Count" });
    emitter.record("Orders", 2, { unit: "Count" });
    emitter.record("Total", 9.5);
    expect(lines).toEqual([]);
    emitter.flush();
    expect(documents()).toEqual([
      {
        _aws: {
          Timestamp: 1000,
          CloudWatchMetrics: [
            {
              Namespace: "Shop",
              Dimensions: [[]],
              Metrics: [
                { Name: "Orders", Unit: "Count" },
                { Name: "Total", Unit: "None" },
              ],
            },
          ],
        },
        Orders: [1, 2],
        Total: 9.5,
      },
    ]);
    emitter.flush();
    expect(lines).toHaveLength(1);
  });

  test("makes a document for each group of values of the dimensions", () => {
    const { emitter, lines } = emitting({ dimensions: { stage: "prod" } });
    emitter.record("Orders", 1, { dimensions: { country: "NO", shop: "a" } });
    emitter.record("Orders", 2, { dimensions: { shop: "a", country: "NO" } });
    emitter.record("Orders", 3, { dimensions: { country: "SE", shop: "a" } });
    emitter.record("Orders", 4, { dimensions: { stage: "test" } });
    emitter.flush();
    expect(lines).toHaveLength(3);
    expect(metricsIn(lines)).toEqual({
      "Orders{country=NO,shop=a,stage=prod}": [1, 2],
      "Orders{country=SE,shop=a,stage=prod}": [3],
      "Orders{stage=test}": [4],
    });
  });

  test("makes a metric of each set of dimensions", () => {
    const { emitter, lines } = emitting({ dimensions: { stage: "prod" } });
    emitter.record("Orders", 1, {
      dimensions: { country: "NO", shop: "a" },
      sets: [[], ["country"], ["country", "country"], ["shop", "country"]],
    });
    emitter.flush();
    expect(lines).toHaveLength(1);
    expect(metricsIn(lines)).toEqual({
      "Orders{stage=prod}": [1],
      "Orders{country=NO,stage=prod}": [1],
      "Orders{country=NO,shop=a,stage=prod}": [1],
    });
  });

  test("splits more than 100 metrics and more than 100 values into documents", () => {
    const { emitter, lines, documents } = emitting();
    for (let value = 0; value < 350; value += 1) emitter.record("Many", value);
    for (let index = 0; index < 250; index += 1)
      emitter.record(`Metric${index}`, index);
    emitter.flush();
    expect(lines.flatMap((line) => emfFaults(line))).toEqual([]);
    expect(lines).toHaveLength(4);
    const all = metricsIn(lines);
    expect(all["Many{}"]).toEqual(Array.from({ length: 350 }, (_, i) => i));
    expect(Object.keys(all)).toHaveLength(251);
    expect(documents()[0]?._aws.CloudWatchMetrics[0]?.Metrics).toHaveLength(
      100,
    );
  });

  test("keeps documents below the size of an event", () => {
    const { emitter, lines } = emitting({
      metadata: { note: "ü".repeat(10_000) },
    });
    for (let index = 0; index < 90; index += 1)
      for (let value = 0; value < 100; value += 1)
        emitter.record(`${'"'.repeat(240)}${index}`, Math.PI * 1e-9 * value, {
          unit: "Milliseconds",
        });
    emitter.flush();
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.flatMap((line) => emfFaults(line))).toEqual([]);
    expect(Object.values(metricsIn(lines)).flat()).toHaveLength(9_000);
  });

  test("keeps a metric with several units or resolutions apart", () => {
    const { emitter, lines, documents } = emitting();
    emitter.record("Time", 1, { unit: "Seconds" });
    emitter.record("Time", 2, { unit: "Milliseconds" });
    emitter.record("Time", 3, { unit: "Seconds", resolution: 1 });
    emitter.flush();
    expect(lines.flatMap((line) => emfFaults(line))).toEqual([]);
    expect(
      documents().map(({ _aws }) => _aws.CloudWatchMetrics[0]?.Metrics),
    ).toEqual([
      [{ Name: "Time", Unit: "Seconds" }],
      [{ Name: "Time", Unit: "Milliseconds" }],
      [{ Name: "Time", Unit: "Seconds", StorageResolution: 1 }],
    ]);
  });

  test("counts the values of a dimension that are too many as other", () => {
    const { emitter, lines } = emitting({ maxDimensionValues: 2 });
    for (const country of ["NO", "SE", "DK", "FI", "NO"])
      emitter.record("Orders", 1, { dimensions: { country } });
    emitter.flush();
    emitter.record("Orders", 1, { dimensions: { country: "IS", shop: "a" } });
    emitter.flush();
    expect(metricsIn(lines)).toEqual({
      "Orders{country=NO}": [1, 1],
      "Orders{country=SE}": [1],
      "Orders{country=other}": [1, 1],
      "Orders{country=other,shop=a}": [1],
    });
  });

  test("keeps 20 values of a dimension apart by default", () => {
    const { emitter, lines } = emitting();
    for (let index = 0; index < 25; index += 1)
      emitter.record("Orders", 1, { dimensions: { shop: `${index}` } });
    emitter.flush();
    expect(lines).toHaveLength(21);
    expect(metricsIn(lines)["Orders{shop=other}"]).toHaveLength(5);
  });

  test("says in every document what the metadata says, as it was at the beginning", () => {
    const metadata: Record<string, string> = { version: "7" };
    const { emitter, documents } = emitting({ metadata });
    metadata["Orders"] = "a collision";
    emitter.record("Orders", 1);
    emitter.flush();
    expect(documents()[0]).toMatchObject({ version: "7", Orders: 1 });
  });

  test("writes lines of JSON alone on stdout, past the global console", () => {
    const emitter = new MetricsEmitter({ namespace: "Shop" });
    emitter.record("%s %d %%", 1);
    emitter.flush();
    const lines = printed();
    expect(lines).toHaveLength(1);
    expect(emfFaults((lines[0] ?? "").replace(/\n$/, ""))).toEqual([]);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ "%s %d %%": 1 });
  });

  test("loses nothing when writing fails, and writes nothing twice", () => {
    const lines: string[] = [];
    let writes = 0;
    const { emitter } = emitting({
      write: (line) => {
        writes += 1;
        if (writes === 2) throw new Error("EAGAIN");
        lines.push(line);
      },
    });
    for (const country of ["NO", "SE", "DK"])
      emitter.record("Orders", 1, { dimensions: { country } });
    expect(() => emitter.flush()).toThrow("EAGAIN");
    emitter.record("Orders", 2, { dimensions: { country: "NO" } });
    emitter.flush();
    expect(lines).toHaveLength(4);
    expect(metricsIn(lines)).toEqual({
      "Orders{country=NO}": [1, 2],
      "Orders{country=SE}": [1],
      "Orders{country=DK}": [1],
    });
  });

  test("takes names that objects have", () => {
    const { emitter, lines } = emitting();
    emitter.record("__proto__", 1, { dimensions: { constructor: "a" } });
    emitter.record("toString", 2, { dimensions: { ["__proto__"]: "b" } });
    emitter.flush();
    expect(lines.flatMap((line) => emfFaults(line))).toEqual([]);
    expect(Object.keys(metricsIn(lines))).toEqual([
      "__proto__{constructor=a}",
      "toString{__proto__=b}",
    ]);
  });
});

const many = (count: number, length = 1) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `d${index}`,
      "x".repeat(length),
    ]),
  );

describe("What CloudWatch would not take is refused", () => {
  test.each<[string, unknown, unknown, unknown, string]>([
    ["an empty name", "", 1, {}, "the name of a metric"],
    ["a name of spaces", "  ", 1, {}, "the name of a metric"],
    ["a long name", "x".repeat(256), 1, {}, "the name of a metric"],
    ["a name with an umlaut", "Größe", 1, {}, "the name of a metric"],
    ["a name with a line break", "a\nb", 1, {}, "the name of a metric"],
    ["a name that is no text", 7, 1, {}, "the name of a metric"],
    ["the name _aws", "_aws", 1, {}, "the name of a metric"],
    ["NaN", "Orders", Number.NaN, {}, 'the value of "Orders" must be a number'],
    [
      "infinity",
      "Orders",
      -Infinity,
      {},
      'the value of "Orders" must be a number',
    ],
    [
      "a huge value",
      "Orders",
      2 ** 361,
      {},
      'the value of "Orders" must be a number',
    ],
    [
      "text as a value",
      "Orders",
      "1",
      {},
      'the value of "Orders" must be a number',
    ],
    ["a wrong unit", "Orders", 1, { unit: "Second" }, '"unit"'],
    ["a wrong resolution", "Orders", 1, { resolution: 30 }, '"resolution"'],
    ["an unknown option", "Orders", 1, { units: "Count" }, '"units"'],
    ["31 dimensions", "Orders", 1, { dimensions: many(31) }, '"dimensions"'],
    ["30 beside another", "Orders", 1, { dimensions: many(30) }, "at most 30"],
    [
      "dimensions that are a list",
      "Orders",
      1,
      { dimensions: ["a"] },
      '"dimensions"',
    ],
    [
      "a dimension without a value",
      "Orders",
      1,
      { dimensions: { a: "" } },
      'see "a"',
    ],
    [
      "a dimension with a long value",
      "Orders",
      1,
      { dimensions: { a: "x".repeat(1025) } },
      'see "a"',
    ],
    [
      "a dimension with an emoji",
      "Orders",
      1,
      { dimensions: { a: "🙂" } },
      'see "a"',
    ],
    [
      "a dimension that begins with a colon",
      "Orders",
      1,
      { dimensions: { ":a": "x" } },
      "begin with a colon",
    ],
    [
      "a metric that is a dimension, too",
      "stage",
      1,
      {},
      '"stage" is the name of a metric, and of a dimension',
    ],
    [
      "a metric that is metadata, too",
      "version",
      1,
      {},
      '"version" is the name of a metric, and of a dimension or of metadata',
    ],
    [
      "a dimension that is metadata, too",
      "Orders",
      1,
      { dimensions: { version: "8" } },
      '"version" is the name of a dimension and of metadata',
    ],
    [
      "a set of unknown dimensions",
      "Orders",
      1,
      { sets: [["shop"]] },
      '"shop" in `sets` is none of the dimensions',
    ],
    ["no set", "Orders", 1, { sets: [] }, '"sets"'],
    ["sets that are none", "Orders", 1, { sets: "shop" }, '"sets"'],
    ["a set that is none", "Orders", 1, { sets: ["shop"] }, '"sets"'],
    ["31 sets", "Orders", 1, { sets: Array(31).fill([]) }, '"sets"'],
  ])("%s", (_, name, value, options, message) => {
    const { emitter, lines } = emitting({
      dimensions: { stage: "prod" },
      metadata: { version: "7" },
    });
    emitter.record("Before", 1);
    const record = () =>
      emitter.record(name as string, value as number, options as RecordOptions);
    expect(record).toThrow(ConfigurationError);
    expect(record).toThrow(message);
    emitter.flush();
    // Nothing that was recorded before is lost, and nothing of the other is there.
    expect(metricsIn(lines)).toEqual({ "Before{stage=prod}": [1] });
  });

  test.each<[string, object, string]>([
    ["no namespace", {}, '"namespace" is missing'],
    ["an empty namespace", { namespace: "" }, '"namespace"'],
    ["a namespace of spaces", { namespace: "  " }, '"namespace"'],
    ["a namespace of AWS", { namespace: "AWS/Lambda" }, '"namespace"'],
    ["a namespace with a colon", { namespace: ":a" }, '"namespace"'],
    ["a namespace with an umlaut", { namespace: "Börse" }, '"namespace"'],
    ["a long namespace", { namespace: "x".repeat(256) }, '"namespace"'],
    ["an unknown option", { namespace: "a", dimension: {} }, '"dimension"'],
    ["no values", { namespace: "a", maxDimensionValues: 0 }, '"maxDimen'],
    ["metadata _aws", { namespace: "a", metadata: { _aws: 1 } }, '"metadata"'],
    ["metadata in a list", { namespace: "a", metadata: [] }, '"metadata"'],
    ["metadata without JSON", { namespace: "a", metadata: { a: 1n } }, "JSON"],
    [
      "metadata and a dimension of one name",
      { namespace: "a", metadata: { a: 1 }, dimensions: { a: "1" } },
      '"a" is the name of a dimension and of metadata',
    ],
    [
      "metadata that fills the document",
      { namespace: "a", metadata: { a: "x".repeat(100_000) } },
      "at most 100000 bytes",
    ],
  ])("%s", (_, options, message) => {
    const make = () => new MetricsEmitter(options as MetricsEmitterOptions);
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(message);
  });

  test("takes as much as CloudWatch does", () => {
    const { emitter, lines } = emitting({ namespace: "a.b-c_d/e#f:g h" });
    emitter.record("x".repeat(255), 2 ** 360, { dimensions: many(30, 1024) });
    emitter.record("~ !", -(2 ** 360));
    emitter.flush();
    expect(lines.flatMap((line) => emfFaults(line))).toEqual([]);
    expect(lines).toHaveLength(2);
  });
});
