/**
 * What a structured call through LambdaLLM costs, next to a forced tool by hand.
 *
 *   npx tsc -b && node --conditions=@lambdallm/source benchmarks/structured/run.ts [--quick] [--write] [--before <path>]
 *
 * `--quick` takes few samples, to see that everything runs; `--write` puts the result into docs/benchmarks.md;
 * `--before` names a built checkout from before structured output, to compare bundles with.
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
import { measureColdStart, measureWarm } from "../shared/measure.ts";
import {
  bundleRatios,
  measuredRatios,
  partsTable,
  type Ratios,
  table,
} from "../shared/report.ts";
import { environmentLine, writeSection } from "../shared/section.ts";
import { CONTENDERS, type Contender, handlerFile } from "./contenders.ts";
import { METHOD } from "./method.ts";
import { invokeSizes } from "./sizes.ts";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean" },
    write: { type: "boolean" },
    before: { type: "string" },
  },
});

const plan = options.quick
  ? { samples: 8, rounds: 8, calls: 100 }
  : { samples: 40, rounds: 40, calls: 200 };

const INVOKE_HANDLER = new URL(
  "../overhead/handlers/lambdallm.ts",
  import.meta.url,
);

const directory = await mkdtemp(join(tmpdir(), "structured-"));
const bedrock = await startLocalBedrock(new URL("respond.ts", import.meta.url));
try {
  const bundles = await forEachContender(CONTENDERS, (contender) =>
    bundleHandler(handlerFile(contender), directory, contender),
  );
  const env = handlerEnvironment(bedrock.url);
  const shared = { contenders: CONTENDERS, bundles, env };
  const warm = await measureWarm(
    { ...shared, program: await bundleChild("worker", directory) },
    { ...plan, inFlight: 1, warmUpCalls: plan.calls * 4 },
  );
  const cold = await measureColdStart(
    { ...shared, program: await bundleChild("cold-start", directory) },
    plan.samples,
  );
  const rows: readonly (readonly [name: string, Ratios<Contender>])[] = [
    ["bundle", bundleRatios(CONTENDERS, bundles)],
    ["call: CPU", measuredRatios(warm, "cpuMs")],
    ["call: latency, median", measuredRatios(warm, "p50Ms")],
    ["first call: CPU", measuredRatios(cold, "firstCallCpuMs")],
    ["first call: time", measuredRatios(cold, "firstCallMs")],
    ["cold start: CPU", measuredRatios(cold, "cpuMs")],
    ["cold start: time", measuredRatios(cold, "wallMs")],
  ];
  const section = [
    environmentLine(options.quick, ["ajv"]),
    table(
      ["", ...CONTENDERS],
      rows.map(([name, { cells }]) => [
        name,
        ...CONTENDERS.map((contender) => cells[contender]),
      ]),
    ),
    `Disturbed rounds, thrown away: call ${warm.disturbed} of ${plan.rounds}; cold start ${cold.disturbed} of ${plan.samples}.`,
    await invokeSizes(INVOKE_HANDLER, directory, options.before),
    partsTable(CONTENDERS, bundles),
  ].join("\n\n");
  console.log(section);
  if (options.write)
    await writeSection("structured", `${METHOD}\n\n${section}`);
} finally {
  bedrock.stop();
  await rm(directory, { recursive: true });
}
