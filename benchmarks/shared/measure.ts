import type { Bundle } from "./bundle.ts";
import { type ColdStart, coldStart, Worker } from "./child-process.ts";
import {
  type Contenders,
  forEachContender,
  type PerContender,
  perContender,
} from "./contenders.ts";
import {
  median,
  quantile,
  type Round,
  type Sample,
  undisturbed,
} from "./statistics.ts";

/** Where and with what a measurement runs. */
export interface Setting<Name extends string> {
  readonly contenders: Contenders<Name>;
  /** The program that loads the bundle. */
  readonly program: string;
  readonly bundles: PerContender<Name, Bundle>;
  readonly env: NodeJS.ProcessEnv;
}

export interface Measured<Name extends string> {
  readonly contenders: Contenders<Name>;
  readonly rounds: readonly Round<Name>[];
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
function mustAgree<Name extends string>(
  contenders: Contenders<Name>,
  answers: PerContender<Name, { readonly body: string }>,
): void {
  const [baseline] = contenders;
  for (const contender of contenders)
    if (answers[contender].body !== answers[baseline].body)
      throw new Error(
        `${contender} answered ${answers[contender].body}, ${baseline} ${answers[baseline].body}`,
      );
}

function measured<Name extends string>(
  contenders: Contenders<Name>,
  rounds: readonly Round<Name>[],
): Measured<Name> {
  const kept = undisturbed(contenders, rounds);
  return { contenders, rounds: kept, disturbed: rounds.length - kept.length };
}

const sampleOf = ({ body: _, ...sample }: ColdStart): Sample => sample;

/** A fresh process for every sample, one contender after the other. */
export async function measureColdStart<Name extends string>(
  { contenders, program, bundles, env }: Setting<Name>,
  samples: number,
): Promise<Measured<Name>> {
  const rounds: Round<Name>[] = [];
  // The first round fills the file cache.
  for (let round = -1; round < samples; round += 1) {
    const starts = await forEachContender(
      contenders,
      (contender) => coldStart(program, bundles[contender].url, env),
      round + 1,
    );
    mustAgree(contenders, starts);
    if (round >= 0)
      rounds.push(
        perContender(contenders, (contender) => sampleOf(starts[contender])),
      );
  }
  return measured(contenders, rounds);
}

/** A process for each contender, all alive for the whole measurement; they take turns with a block of calls. */
export async function measureWarm<Name extends string>(
  { contenders, program, bundles, env }: Setting<Name>,
  plan: WarmPlan,
): Promise<Measured<Name>> {
  const workers = await forEachContender(contenders, (contender) =>
    Worker.start(program, bundles[contender].url, env),
  );
  const { calls, inFlight, warmUpCalls } = plan;
  mustAgree(
    contenders,
    await forEachContender(contenders, (contender) =>
      workers[contender].run(warmUpCalls, inFlight),
    ),
  );
  const rounds: Round<Name>[] = [];
  for (let round = 0; round < plan.rounds; round += 1)
    rounds.push(
      await forEachContender(
        contenders,
        async (contender) => {
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
        },
        round,
      ),
    );
  for (const contender of contenders) workers[contender].stop();
  return measured(contenders, rounds);
}

/** What stays after a collection, and what has been added to it some thousand calls later. */
export function measureMemory<Name extends string>(
  { contenders, program, bundles, env }: Setting<Name>,
  calls: readonly [first: number, last: number],
): Promise<PerContender<Name, Memory>> {
  const [first, last] = calls;
  return forEachContender(contenders, async (contender) => {
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
