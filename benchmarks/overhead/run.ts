/**
 * What a call through LambdaLLM costs, next to the handler that one writes by hand.
 *
 *   npx tsc -b && node --conditions=@lambdallm/source benchmarks/overhead/run.ts [--quick] [--write]
 *
 * `--quick` takes few samples, to see that everything runs; `--write` puts the result into docs/benchmarks.md.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generate } from "selfsigned";
import { bundleChild, bundleHandler } from "../shared/bundle.ts";
import {
  handlerEnvironment,
  startLocalBedrock,
} from "../shared/child-process.ts";
import { forEachContender } from "../shared/contenders.ts";
import {
  measureColdStart,
  measureMemory,
  measureWarm,
} from "../shared/measure.ts";
import { partsTable } from "../shared/report.ts";
import { environmentLine, writeSection } from "../shared/section.ts";
import { CONTENDERS, handlerFile, type Variant } from "./contenders.ts";
import { METHOD } from "./method.ts";
import {
  AIMS,
  bundleRow,
  measuredRow,
  memoryTable,
  type Row,
  ratioTable,
} from "./report.ts";

const { values: options } = parseArgs({
  options: { quick: { type: "boolean" }, write: { type: "boolean" } },
});

const plan = options.quick
  ? { samples: 8, rounds: 6, calls: 100, memory: [200, 600] as const }
  : { samples: 60, rounds: 40, calls: 300, memory: [1_000, 5_000] as const };
const warmUpCalls = plan.calls * 4;

const note = (text: string) => process.stderr.write(`${text}\n`);

const directory = await mkdtemp(join(tmpdir(), "overhead-"));
const { private: key, cert } = await generate(
  [{ name: "commonName", value: "localhost" }],
  {
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
    ],
  },
);
const caFile = join(directory, "ca.pem");
await writeFile(caFile, cert);

const bundleVariant = (variant: Variant) =>
  forEachContender(CONTENDERS, (contender) =>
    bundleHandler(
      handlerFile(contender, variant),
      directory,
      `${contender}-${variant}`,
      // Optional peers, which a handler without structured output does not install.
      { external: ["ajv", "ajv/*", "yaml"] },
    ),
  );

const responder = new URL("respond.ts", import.meta.url);
const plain = await startLocalBedrock(responder);
const secure = await startLocalBedrock(responder, { key, cert });
try {
  const contenders = CONTENDERS;
  const bundles = {
    call: await bundleVariant("call"),
    stream: await bundleVariant("stream"),
  };
  const worker = await bundleChild("worker", directory);
  const starter = await bundleChild("cold-start", directory);
  const rows: Row[] = [
    bundleRow("bundle", bundles.call),
    bundleRow("bundle, streaming", bundles.stream),
  ];
  const disturbed: string[] = [];
  const dropped = (name: string, count: number, of: number) => {
    note(`${name}: ${count} of ${of} rounds disturbed`);
    disturbed.push(`${name} ${count} of ${of}`);
  };
  const transports = [
    ["", handlerEnvironment(plain.url)],
    [", TLS", handlerEnvironment(secure.url, caFile)],
  ] as const;

  for (const [suffix, env] of transports) {
    const name = `cold start${suffix}`;
    const setting = {
      contenders,
      program: starter,
      bundles: bundles.call,
      env,
    };
    const starts = await measureColdStart(setting, plan.samples);
    dropped(name, starts.disturbed, plan.samples);
    const aim = AIMS.coldStart;
    rows.push(
      measuredRow(`${name}: time`, starts, "wallMs", { aim }),
      measuredRow(`${name}: CPU`, starts, "cpuMs", { aim }),
    );
  }

  const aim = AIMS.warm;
  for (const [suffix, env] of transports) {
    const name = `call${suffix}`;
    const setting = { contenders, program: worker, bundles: bundles.call, env };
    const { rounds, calls } = plan;
    const one = { rounds, calls, inFlight: 1, warmUpCalls };
    const warm = await measureWarm(setting, one);
    dropped(name, warm.disturbed, rounds);
    const many = await measureWarm(setting, { ...one, inFlight: 64 });
    dropped(`${name}, 64 in flight`, many.disturbed, rounds);
    rows.push(
      measuredRow(`${name}: CPU`, warm, "cpuMs", { aim }),
      measuredRow(`${name}: latency, median`, warm, "p50Ms", { aim }),
      measuredRow(`${name}: latency, 95th percentile`, warm, "p95Ms", { aim }),
      measuredRow(
        `${name}, 64 in flight: calls per CPU-second`,
        many,
        "callsPerCpuSecond",
        { unit: "/s" },
      ),
    );
  }

  for (const [suffix, env] of transports) {
    const name = `stream of 20 deltas${suffix}`;
    const setting = {
      contenders,
      program: worker,
      bundles: bundles.stream,
      env,
    };
    const { rounds, calls } = plan;
    const one = { rounds, calls, inFlight: 1, warmUpCalls };
    const warm = await measureWarm(setting, one);
    dropped(name, warm.disturbed, rounds);
    rows.push(
      measuredRow(`${name}: CPU`, warm, "cpuMs", { aim }),
      measuredRow(`${name}: latency, median`, warm, "p50Ms", { aim }),
    );
  }

  note("memory");
  const [[, env]] = transports;
  const memory = [
    [
      "call",
      await measureMemory(
        { contenders, program: worker, bundles: bundles.call, env },
        plan.memory,
      ),
    ],
    [
      "stream",
      await measureMemory(
        { contenders, program: worker, bundles: bundles.stream, env },
        plan.memory,
      ),
    ],
  ] as const;

  const section = [
    environmentLine(options.quick),
    ratioTable(rows),
    `Disturbed rounds, thrown away: ${disturbed.join("; ")}.`,
    partsTable(CONTENDERS, bundles.call),
    memoryTable(plan.memory, memory),
  ].join("\n\n");
  console.log(section);
  if (options.write) await writeSection("overhead", `${METHOD}\n\n${section}`);
} finally {
  plain.stop();
  secure.stop();
  await rm(directory, { recursive: true });
}
