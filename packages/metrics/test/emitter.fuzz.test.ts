import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";
import { MetricsEmitter, type MetricUnit } from "../src/index.ts";
import { emfFaults, metricsIn } from "./emf-rules.ts";

const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "c", "__proto__", "1") },
  fc.string({ maxLength: 300 }),
  fc.string({ unit: "binary", maxLength: 5 }),
);
const dimensions = fc.dictionary(
  fc.oneof(fc.constantFrom("d", "e", "a", "version"), name),
  fc.oneof(fc.constantFrom("x", "y", "z", ""), name),
  { maxKeys: 4 },
);
const record = fc.record({
  name,
  value: fc.oneof(fc.integer(), fc.double(), fc.constant(2 ** 361)),
  times: fc.constantFrom(1, 1, 1, 150),
  options: fc.record(
    {
      unit: fc.constantFrom<MetricUnit>("Count", "Percent", "None"),
      resolution: fc.constantFrom<1 | 60>(1, 60),
      dimensions,
      sets: fc.array(fc.array(fc.constantFrom("d", "e", "stage")), {
        maxLength: 3,
      }),
    },
    { requiredKeys: [] },
  ),
});

test("Whatever is recorded, the documents keep the rules, and have every value once", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(record, fc.constant("flush" as const))),
      (actions) => {
        const lines: string[] = [];
        const emitter = new MetricsEmitter({
          namespace: "Fuzz",
          dimensions: { stage: "prod" },
          metadata: { version: 1 },
          maxDimensionValues: 2,
          write: (line) => lines.push(line),
        });
        let expected = 0;
        for (const action of actions) {
          if (action === "flush") emitter.flush();
          else
            for (let time = 0; time < action.times; time += 1)
              try {
                emitter.record(action.name, action.value, action.options);
                const { sets } = action.options;
                const distinct = new Set(
                  sets?.map((set) =>
                    [...new Set([...set, "stage"])].sort().join(),
                  ),
                );
                expected += sets === undefined ? 1 : distinct.size;
              } catch (error) {
                expect(error).toMatchObject({ name: "ConfigurationError" });
              }
        }
        emitter.flush();
        expect(lines.flatMap((line) => emfFaults(line))).toEqual([]);
        const metrics = metricsIn(lines);
        expect(Object.values(metrics).flat()).toHaveLength(expected);
        // 2 values and `other`.
        const values = Object.keys(metrics).flatMap(
          (key) => /\bd=([^,}]*)/.exec(key)?.[1] ?? [],
        );
        expect(new Set(values).size).toBeLessThanOrEqual(3);
      },
    ),
    { numRuns: rounds(60, 5_000) },
  );
});
