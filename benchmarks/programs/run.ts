/**
 * What programs on a journal cost: a step, a replay, a chain's parallel steps, an agent's bytes.
 *
 *   node --conditions=@lambdallm/source benchmarks/programs/run.ts [--quick] [--write]
 *
 * `--quick` takes few samples, to see that everything runs; `--write` puts the result into docs/benchmarks.md. The bundles are
 * made of what is built: run `npm run build` before.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { recordRequests, seeded } from "../../test-support/dynamodb-client.ts";
import { bundleHandler } from "../shared/bundle.ts";
import { startTable } from "../shared/local-table.ts";
import { table } from "../shared/report.ts";
import { environmentLine, writeSection } from "../shared/section.ts";
import { median } from "../shared/statistics.ts";
import { runChain } from "./chain.ts";
import { claims, lambdallm, puts, type Value } from "./contenders.ts";
import { METHOD } from "./method.ts";

const { values: options } = parseArgs({
  options: { quick: { type: "boolean" }, write: { type: "boolean" } },
});

const ROUNDS = options.quick ? 5 : 60;
const REPLAYS = options.quick ? 3 : 30;
const CHAINS = options.quick ? 3 : 20;
const WARM_UP_ROUNDS = 5;
const STEPS = 10;
const REPLAYED_STEPS = 300;
const LONGEST_PATH_MS = 500;

const WORDS =
  "the run was resumed after the process had been killed and no finished step asked its model again because what it returned is kept with its lease and fence".split(
    " ",
  );

/** Text that compresses as text does. */
function workOf(bytes: number): () => Value {
  const random = seeded(bytes);
  return () => {
    let text = "";
    while (text.length < bytes)
      text += `${WORDS[Math.floor(random() * WORDS.length)]}${Math.floor(100 * random())} `;
    return { text: text.slice(0, bytes) };
  };
}

interface Cost {
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly cpuMs: number;
}

const { client, stop } = await startTable("programs");
const directory = await mkdtemp(join(tmpdir(), "programs-"));
try {
  const requests = recordRequests(client);

  async function costOf(run: () => Promise<unknown>): Promise<Cost> {
    requests.length = 0;
    const cpu = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(cpu);
    const unitsOf = (reads: boolean) =>
      requests
        .filter(({ action }) => /^(?:Get|Query)/.test(action) === reads)
        .reduce((sum, { capacityUnits }) => sum + capacityUnits, 0);
    return {
      writeUnits: unitsOf(false),
      readUnits: unitsOf(true),
      cpuMs: (user + system) / 1_000,
    };
  }

  const contenders = [lambdallm, claims, puts].map((make) =>
    make(client, "programs"),
  );
  const samples = contenders.map((contender) => ({
    contender,
    begun: [] as Cost[],
    replayed: [] as Cost[],
    runId: "",
  }));
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1)
    for (const { contender, begun } of samples) {
      const cost = await costOf(() => contender.begin(STEPS, workOf(1_000)));
      if (round >= 0) begun.push(cost);
    }
  for (const sample of samples)
    sample.runId = await sample.contender.begin(REPLAYED_STEPS, workOf(2_000));
  for (let round = -1; round < REPLAYS; round += 1)
    for (const { contender, replayed, runId } of samples) {
      const cost = await costOf(async () => {
        const bytes = await contender.replay(runId, REPLAYED_STEPS);
        if (bytes !== REPLAYED_STEPS * 2_000)
          throw new Error(`${contender.name} has replayed ${bytes} bytes`);
      });
      if (round >= 0) replayed.push(cost);
    }

  const [ours] = samples;
  const rows = samples.map(({ contender, begun, replayed }) => {
    const step = medianCost(begun);
    const replay = medianCost(replayed);
    const [ownStep, ownReplay] = [begun, replayed].map((_, index) =>
      medianCost((index === 0 ? ours?.begun : ours?.replayed) ?? []),
    );
    return [
      contender.name,
      `${(step.writeUnits / STEPS).toFixed(1)}`,
      `${(step.cpuMs / STEPS).toFixed(2)} ms (${(step.cpuMs / (ownStep?.cpuMs ?? 1)).toFixed(2)})`,
      `${replay.readUnits} / ${replay.writeUnits}`,
      `${replay.cpuMs.toFixed(1)} ms (${(replay.cpuMs / (ownReplay?.cpuMs ?? 1)).toFixed(2)})`,
    ];
  });

  const chains: number[] = [];
  for (let round = -1; round < CHAINS; round += 1) {
    const start = performance.now();
    await runChain();
    if (round >= 0) chains.push(performance.now() - start);
  }
  const chainMs = median(chains);

  const bundles = await Promise.all(
    ["invoke", "agent"].map((name) =>
      bundleHandler(
        new URL(`handlers/${name}.ts`, import.meta.url),
        directory,
        name,
        { splitting: true, external: ["yaml"] },
      ),
    ),
  );
  const [plain, agent] = bundles.map(
    ({ bytesAtStart }) => bytesAtStart / 1_000,
  );
  const more = (agent ?? 0) - (plain ?? 0);

  const section = [
    environmentLine(options.quick, ["@aws-sdk/client-dynamodb", "dynalite"]),
    table(
      [
        "",
        "WCU a step",
        "CPU a step (ratio)",
        `RCU / WCU of a replay of ${REPLAYED_STEPS}`,
        "CPU of a replay (ratio)",
      ],
      rows,
    ),
    table(
      ["", "", "aim"],
      [
        [
          "chain of 3 and 1: time, median",
          `${chainMs.toFixed(0)} ms, ${(chainMs / LONGEST_PATH_MS).toFixed(2)} of its longest path`,
          verdict(chainMs / LONGEST_PATH_MS <= 1.15, "at most 1.15"),
        ],
        [
          "bundle of a handler with an agent, loaded at start",
          `${agent?.toFixed(0)} kB, ${more.toFixed(1)} kB more than without (${plain?.toFixed(0)} kB)`,
          verdict(more <= 25, "at most 25 kB more"),
        ],
      ],
    ),
  ].join("\n\n");
  console.log(section);
  if (options.write) await writeSection("programs", `${METHOD}\n\n${section}`);
} finally {
  stop();
  await rm(directory, { recursive: true, force: true });
}

function verdict(isMet: boolean, aim: string): string {
  return `${aim}: ${isMet ? "met" : "**missed**"}`;
}

function medianCost(samples: readonly Cost[]): Cost {
  const of = (name: keyof Cost) => median(samples.map((cost) => cost[name]));
  return {
    writeUnits: of("writeUnits"),
    readUnits: of("readUnits"),
    cpuMs: of("cpuMs"),
  };
}
