/**
 * What logging, metrics and tracing cost a call.
 *
 *   npx tsc -b && npm run bench:observability -- [--quick] [--write]
 *
 * `--quick` takes few samples, to see that everything runs; `--write` puts the result into docs/benchmarks.md.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundleChild, bundleHandler } from "../shared/bundle.ts";
import {
  handlerEnvironment,
  startLocalBedrock,
} from "../shared/child-process.ts";
import { forEachContender } from "../shared/contenders.ts";
import { measureWarm } from "../shared/measure.ts";
import {
  bundleRatios,
  measuredRatios,
  type Ratios,
  table,
} from "../shared/report.ts";
import { environmentLine, writeSection } from "../shared/section.ts";
import {
  CONTENDERS,
  type Contender,
  handlerFile,
  type Variant,
} from "./contenders.ts";
import { METHOD } from "./method.ts";

const { values: options } = parseArgs({
  options: { quick: { type: "boolean" }, write: { type: "boolean" } },
});

const plan = options.quick
  ? { rounds: 10, calls: 200 }
  : { rounds: 40, calls: 300 };

const directory = await mkdtemp(join(tmpdir(), "observability-"));
const bedrock = await startLocalBedrock(
  new URL("../overhead/respond.ts", import.meta.url),
);
const bundle = (variant: Variant) =>
  forEachContender(CONTENDERS, (contender) =>
    bundleHandler(
      handlerFile(contender, variant),
      directory,
      `${contender}-${variant}`,
      { external: ["ajv", "ajv/*", "yaml"] },
    ),
  );
try {
  const env = handlerEnvironment(bedrock.url);
  const program = await bundleChild("worker", directory);
  const call = await bundle("call");
  const stream = await bundle("stream");
  const shared = { contenders: CONTENDERS, env };
  const warmPlan = { ...plan, inFlight: 1, warmUpCalls: plan.calls * 4 };
  const calls = await measureWarm(
    { ...shared, program, bundles: call },
    warmPlan,
  );
  const streams = await measureWarm(
    { ...shared, program, bundles: stream },
    warmPlan,
  );
  const rows: readonly (readonly [name: string, ratios: Ratios<Contender>])[] =
    [
      ["call: CPU", measuredRatios(calls, "cpuMs")],
      ["call: latency, median", measuredRatios(calls, "p50Ms")],
      ["stream of 20 deltas: CPU", measuredRatios(streams, "cpuMs")],
      [
        "stream of 20 deltas: latency, median",
        measuredRatios(streams, "p50Ms"),
      ],
      ["bundle", bundleRatios(CONTENDERS, call)],
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
    `Disturbed rounds, thrown away: call ${calls.disturbed} of ${plan.rounds}; stream ${streams.disturbed} of ${plan.rounds}.`,
  ].join("\n\n");
  console.log(section);
  if (options.write)
    await writeSection("observability", `${METHOD}\n\n${section}`);
} finally {
  bedrock.stop();
  await rm(directory, { recursive: true });
}
