/**
 * What logging, metrics and tracing cost a call.
 *
 *   npx tsc -b && npm run bench:observability -- [--quick] [--write]
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
  ? { samples: 6, rounds: 10, calls: 200 }
  : { samples: 30, rounds: 40, calls: 300 };

const { bundles, calls, streams, starts } = await measureVariants(
  CONTENDERS,
  handlerFile,
  plan,
);
const rows: readonly (readonly [name: string, ratios: Ratios<Contender>])[] = [
  ["call: CPU", measuredRatios(calls, "cpuMs")],
  ["call: latency, median", measuredRatios(calls, "p50Ms")],
  ["stream of 20 deltas: CPU", measuredRatios(streams, "cpuMs")],
  ["stream of 20 deltas: latency, median", measuredRatios(streams, "p50Ms")],
  ["cold start: CPU", measuredRatios(starts, "cpuMs")],
  ["cold start: time", measuredRatios(starts, "wallMs")],
  ["bundle", bundleRatios(CONTENDERS, bundles)],
];
const [, { ratios }] = rows[0] as (typeof rows)[number];
const aims = [
  ["all", ratios.all, 1.1],
  ["unsampled", ratios.unsampled, 1.02],
  ["without-sdk", ratios["without-sdk"], 1.02],
] as const;
const section = [
  environmentLine(options.quick, ["@opentelemetry/sdk-trace"]),
  table(
    ["", ...CONTENDERS],
    rows.map(([name, { cells }]) => [
      name,
      ...CONTENDERS.map((contender) => cells[contender]),
    ]),
  ),
  `CPU of a call: ${aims
    .map(
      ([name, ratio, limit]) =>
        `\`${name}\` at most ${limit.toFixed(2)}: ${ratio <= limit ? "met" : `**missed**, ${ratio.toFixed(2)}`}`,
    )
    .join("; ")}.`,
  `Disturbed rounds, thrown away: call ${calls.disturbed} of ${plan.rounds}; stream ${streams.disturbed} of ${plan.rounds}; cold start ${starts.disturbed} of ${plan.samples}.`,
].join("\n\n");
console.log(section);
if (options.write)
  await writeSection("observability", `${METHOD}\n\n${section}`);
