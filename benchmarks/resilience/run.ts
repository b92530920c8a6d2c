/**
 * What retries, the timeout guard and the router cost a call that needs none of them.
 *
 *   npx tsc -b && npm run bench:resilience -- [--quick] [--write]
 *
 * `--quick` takes few samples, to see that everything runs; `--write` puts the result into docs/benchmarks.md.
 */
import { parseArgs } from "node:util";
import {
  bundleRatios,
  measuredRatios,
  type Ratios,
  table,
} from "../shared/report.ts";
import { environmentLine, writeSection } from "../shared/section.ts";
import { measureVariants } from "../shared/variants.ts";
import { CONTENDERS, type Contender, handlerFile } from "./contenders.ts";
import { METHOD } from "./method.ts";

const { values: options } = parseArgs({
  options: { quick: { type: "boolean" }, write: { type: "boolean" } },
});

const plan = options.quick
  ? { samples: 8, rounds: 10, calls: 200 }
  : { samples: 40, rounds: 60, calls: 300 };

const { bundles, calls, streams, starts } = await measureVariants(
  CONTENDERS,
  handlerFile,
  plan,
);
const rows: readonly (readonly [
  name: string,
  ratios: Ratios<Contender>,
  limit?: number,
])[] = [
  ["call: CPU", measuredRatios(calls, "cpuMs"), 1.1],
  ["call: latency, median", measuredRatios(calls, "p50Ms")],
  ["stream of 20 deltas: CPU", measuredRatios(streams, "cpuMs"), 1.1],
  ["stream of 20 deltas: latency, median", measuredRatios(streams, "p50Ms")],
  ["cold start: CPU", measuredRatios(starts, "cpuMs")],
  ["cold start: time", measuredRatios(starts, "wallMs")],
  ["bundle", bundleRatios(CONTENDERS, bundles)],
];
const section = [
  environmentLine(options.quick),
  table(
    ["", ...CONTENDERS, "aim"],
    rows.map(([name, { cells, ratios }, limit]) => [
      name,
      ...CONTENDERS.map((contender) => cells[contender]),
      limit === undefined
        ? ""
        : `at most ${limit.toFixed(2)}: ${ratios.resilient <= limit ? "met" : "**missed**"}`,
    ]),
  ),
  `Disturbed rounds, thrown away: call ${calls.disturbed} of ${plan.rounds}; stream ${streams.disturbed} of ${plan.rounds}; cold start ${starts.disturbed} of ${plan.samples}.`,
].join("\n\n");
console.log(section);
if (options.write) await writeSection("resilience", `${METHOD}\n\n${section}`);
