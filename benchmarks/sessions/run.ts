/**
 * What a turn costs on a short and on a long session, next to designs that keep the history in one item.
 *
 *   node --conditions=@lambdallm/source benchmarks/sessions/run.ts [--quick] [--write]
 *
 * `--quick` takes few samples, to see that everything runs; `--write` puts the result into docs/benchmarks.md.
 */
import { parseArgs } from "node:util";
import { recordRequests } from "../../test-support/dynamodb-client.ts";
import { startTable } from "../shared/local-table.ts";
import { table } from "../shared/report.ts";
import { environmentLine, writeSection } from "../shared/section.ts";
import { median } from "../shared/statistics.ts";
import {
  type Contender,
  lambdallm,
  listAppend,
  readAndPut,
  textOf,
} from "./contenders.ts";
import { METHOD } from "./method.ts";

const { values: options } = parseArgs({
  options: { quick: { type: "boolean" }, write: { type: "boolean" } },
});

const LENGTHS = [10, 100, 700, 1_000, 10_000];
const ROUNDS = options.quick ? 5 : 100;
const WARM_UP_ROUNDS = options.quick ? 5 : 50;
const USD_PER_WRITE_UNIT = 0.625e-6;
const USD_PER_READ_UNIT = 0.125e-6;

interface Cost {
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly cpuMs: number;
}

const { client, stop } = await startTable("sessions");
try {
  const tableName = "sessions";
  const requests = recordRequests(client);

  async function costOf(contender: Contender, round: number): Promise<Cost> {
    requests.length = 0;
    const cpu = process.cpuUsage();
    const read = await contender.turn(textOf(round), textOf(round + 1));
    const { user, system } = process.cpuUsage(cpu);
    const unitsOf = (reads: boolean) =>
      requests
        .filter(({ action }) => /^(?:Get|Query)/.test(action) === reads)
        .reduce((sum, { capacityUnits }) => sum + capacityUnits, 0);
    const cost = {
      writeUnits: unitsOf(false),
      readUnits: unitsOf(true),
      cpuMs: (user + system) / 1_000,
    };
    if (read > 20 || read < 10)
      throw new Error(`${contender.name} read ${read}`);
    await contender.undo();
    return cost;
  }

  const contenders = [lambdallm, readAndPut, listAppend].map((make) =>
    make(client, tableName),
  );
  const costs = new Map<Contender, (Cost | undefined)[]>(
    contenders.map((contender) => [contender, []]),
  );
  for (const length of LENGTHS) {
    const samples = new Map<Contender, Cost[]>();
    for (const contender of contenders)
      if (await contender.fill(length)) samples.set(contender, []);
    for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1)
      for (const [contender, taken] of samples) {
        const cost = await costOf(contender, Math.abs(round));
        if (round >= 0) taken.push(cost);
      }
    for (const contender of contenders) {
      const taken = samples.get(contender);
      costs.get(contender)?.push(taken && medianCost(taken));
    }
  }

  const ours = costs.get(contenders[0] ?? raise()) ?? [];
  const lines = [...costs].map(([{ name }, row]) => [
    name,
    ...row.map((cost, index) => cell(cost, ours[index])),
  ]);
  const section = [
    environmentLine(options.quick, ["@aws-sdk/client-dynamodb", "dynalite"]),
    table(
      [
        "WCU / RCU / client CPU / USD per million turns (price to LambdaLLM)",
        ...LENGTHS.map((length) => `n = ${length.toLocaleString("en")}`),
      ],
      lines,
    ),
  ].join("\n\n");
  console.log(section);
  if (options.write) await writeSection("sessions", `${METHOD}\n\n${section}`);
} finally {
  stop();
}

function raise(): never {
  throw new Error("There are no contenders.");
}

function medianCost(samples: readonly Cost[]): Cost {
  const of = (name: keyof Cost) => median(samples.map((cost) => cost[name]));
  return {
    writeUnits: of("writeUnits"),
    readUnits: of("readUnits"),
    cpuMs: of("cpuMs"),
  };
}

function usdOf({ writeUnits, readUnits }: Cost): number {
  return (
    1e6 * (writeUnits * USD_PER_WRITE_UNIT + readUnits * USD_PER_READ_UNIT)
  );
}

function cell(cost: Cost | undefined, baseline: Cost | undefined): string {
  if (!cost || !baseline) return "refused";
  const ratio = usdOf(cost) / usdOf(baseline);
  return `${cost.writeUnits} / ${cost.readUnits} / ${cost.cpuMs.toFixed(1)} ms / ${usdOf(cost).toFixed(2)} (${ratio.toFixed(1)})`;
}
