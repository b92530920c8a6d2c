import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bundle, bundleChild, bundleHandler } from "./bundle.ts";
import { handlerEnvironment, startLocalBedrock } from "./child-process.ts";
import {
  type Contenders,
  forEachContender,
  type PerContender,
} from "./contenders.ts";
import {
  type Measured,
  measureColdStart,
  measureWarm,
  type WarmPlan,
} from "./measure.ts";

export type Variant = "call" | "stream";

export interface Variants<Name extends string> {
  readonly bundles: PerContender<Name, Bundle>;
  readonly calls: Measured<Name>;
  readonly streams: Measured<Name>;
  readonly starts: Measured<Name>;
}

/** Handlers that answer the event of the benchmark "overhead", by a call and by a stream, side by side. */
export async function measureVariants<Name extends string>(
  contenders: Contenders<Name>,
  handlerFile: (contender: Name, variant: Variant) => URL,
  plan: Pick<WarmPlan, "rounds" | "calls"> & {
    /** Cold starts. */
    readonly samples: number;
  },
): Promise<Variants<Name>> {
  const directory = await mkdtemp(join(tmpdir(), "benchmark-"));
  const bedrock = await startLocalBedrock(
    new URL("../overhead/respond.ts", import.meta.url),
  );
  const bundle = (variant: Variant) =>
    forEachContender(contenders, (contender) =>
      bundleHandler(
        handlerFile(contender, variant),
        directory,
        `${contender}-${variant}`,
        // Optional peers, which a handler without structured output does not install.
        { external: ["ajv", "ajv/*", "yaml"] },
      ),
    );
  try {
    const shared = { contenders, env: handlerEnvironment(bedrock.url) };
    const program = await bundleChild("worker", directory);
    const bundles = await bundle("call");
    const { rounds, calls, samples } = plan;
    const warm = { rounds, calls, inFlight: 1, warmUpCalls: calls * 4 };
    return {
      bundles,
      calls: await measureWarm({ ...shared, program, bundles }, warm),
      streams: await measureWarm(
        { ...shared, program, bundles: await bundle("stream") },
        warm,
      ),
      starts: await measureColdStart(
        {
          ...{ ...shared, bundles },
          program: await bundleChild("cold-start", directory),
        },
        samples,
      ),
    };
  } finally {
    bedrock.stop();
    await rm(directory, { recursive: true });
  }
}
