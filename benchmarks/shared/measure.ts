import type { Bundle } from "./bundle.ts";
import { coldStart, Worker } from "./child-process.ts";
import {
  BASELINE,
  CONTENDERS,
  forEachContender,
  type PerContender,
} from "./contenders.ts";
import { median, quantile, type Round, undisturbed } from "./statistics.ts";

/** Where and with what a measurement runs. */
export interface Setting {
  /** The program that loads the bundle. */
  readonly program: string;
  readonly bundles: PerContender<Bundle>;
  readonly env: NodeJS.ProcessEnv;
}

export interface Measured {
  readonly rounds: readonly Round[];
  /** Rounds thrown away. */
  readonly disturbed: number;
}

export interface WarmPlan {
  readonly rounds: number;
  readonly calls: number;
  readonly inFlight: number;
  readonly warmUpCalls: number;
}

export interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly rssGrowth: number;
  readonly heapGrowth: number;
}

/** Opens the connections again that were closed while the other contenders ran. */
const UNMEASURED_CALLS = 5;

/** Contenders that do not say the same are not comparable. */
function mustAgree(bodies: PerContender<{ readonly body: string }>): void {
  for (const contender of CONTENDERS)
    if (bodies[contender].body !== bodies[BASELINE].body)
      throw new Error(
        `${contender} answered ${bodies[contender].body}, ${BASELINE} ${bodies[BASELINE].body}`,
      );
}

function measured(rounds: readonly Round[]): Measured {
  const kept = undisturbed(rounds);
  return { rounds: kept, disturbed: rounds.length - kept.length };
}

/** A fresh process for every sample, one contender after the other. */
export async function measureColdStart(
  { program, bundles, env }: Setting,
  samples: number,
): Promise<Measured> {
  const rounds: Round[] = [];
  // The first round fills the file cache.
  for (let round = -1; round < samples; round += 1) {
    const starts = await forEachContender(
      (contender) => coldStart(program, bundles[contender].url, env),
      round + 1,
    );
    mustAgree(starts);
    if (round >= 0)
      rounds.push(
        await forEachContender((contender) => {
          const { wallMs, cpuMs } = starts[contender];
          return { wallMs, cpuMs };
        }),
      );
  }
  return measured(rounds);
}

/** A process for each contender, all alive for the whole measurement; they take turns with a block of calls. */
export async function measureWarm(
  { program, bundles, env }: Setting,
  plan: WarmPlan,
): Promise<Measured> {
  const workers = await forEachContender((contender) =>
    Worker.start(program, bundles[contender].url, env),
  );
  const { calls, inFlight, warmUpCalls } = plan;
  mustAgree(
    await forEachContender((contender) =>
      workers[contender].run(warmUpCalls, inFlight),
    ),
  );
  const rounds: Round[] = [];
  for (let round = 0; round < plan.rounds; round += 1)
    rounds.push(
      await forEachContender(async (contender) => {
        await workers[contender].run(UNMEASURED_CALLS);
        const { cpuMs, wallMs, latenciesMs } = await workers[contender].run(
          calls,
          inFlight,
        );
        return {
          wallMs,
          cpuMs: cpuMs / calls,
          callsPerCpuSecond: (calls / cpuMs) * 1_000,
          p50Ms: median(latenciesMs),
          p95Ms: quantile(latenciesMs, 0.95),
        };
      }, round),
    );
  for (const contender of CONTENDERS) workers[contender].stop();
  return measured(rounds);
}

/** What stays after a collection, and what has been added to it some thousand calls later. */
export function measureMemory(
  { program, bundles, env }: Setting,
  calls: readonly [first: number, last: number],
): Promise<PerContender<Memory>> {
  const [first, last] = calls;
  return forEachContender(async (contender) => {
    const worker = await Worker.start(program, bundles[contender].url, env);
    await worker.run(first);
    const { rss, heapUsed } = await worker.memory();
    await worker.run(last - first);
    const after = await worker.memory();
    worker.stop();
    return {
      rss,
      heapUsed,
      rssGrowth: after.rss - rss,
      heapGrowth: after.heapUsed - heapUsed,
    };
  });
}
