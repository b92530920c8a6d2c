import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { checkTools, type GeneratedTools, generateTools } from "../generate.ts";
import type { ToolsOptions } from "../options.ts";
import { ToolGenerationError, ToolsUsageError } from "../problems.ts";
import { commandOptions, HELP } from "./command-options.ts";
import { watchSources } from "./watch-sources.ts";

/** What the command writes to. */
export interface CommandWorld {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Ends `--watch`. */
  readonly signal: AbortSignal;
}

/** Runs the command; resolves with the exit code. */
export async function main(
  argv: readonly string[],
  world: CommandWorld,
): Promise<number> {
  try {
    const options = commandOptions(argv);
    if (options === "help") world.stdout(HELP);
    else if (options === "version") world.stdout(`${version()}\n`);
    else {
      const { mode, ...given } = options;
      if (mode === "check") return check(given, world);
      if (mode === "write") say(generateTools(given), given, world);
      else await watch(given, world);
    }
    return 0;
  } catch (error) {
    return told(error, world);
  }
}

function say(
  { changes, names }: GeneratedTools,
  { outFile }: ToolsOptions,
  world: CommandWorld,
): void {
  const what = changes.length > 0 ? "is written" : "is up to date";
  const count = `${names.length} ${names.length === 1 ? "tool" : "tools"}`;
  world.stdout(`${outFile} ${what}: ${count}\n`);
}

function check(options: ToolsOptions, world: CommandWorld): number {
  const { changes } = checkTools(options);
  if (changes.length === 0) return 0;
  world.stderr(
    `${options.outFile} is stale: ${changes.join(", ")}. Run lambdallm-tools without --check.\n`,
  );
  return 1;
}

async function watch(
  options: ToolsOptions,
  world: CommandWorld,
): Promise<void> {
  let sources: readonly string[] = [];
  /** What was said last, where it was an error. */
  let failure: string | undefined = "";
  const written = basename(options.outFile);
  await watchSources(
    () => {
      try {
        const generated = generateTools(options);
        // A file that is saved as it was is nothing to speak of.
        if (generated.changes.length > 0 || failure !== undefined)
          say(generated, options, world);
        failure = undefined;
        sources = generated.sources;
      } catch (error) {
        // What is half written, or away for a moment, is whole in the next.
        if (error instanceof ToolGenerationError) sources = error.sources;
        if (sources.length === 0) throw error;
        if (failure !== String(error)) told(error, world);
        failure = String(error);
      }
      return sources;
    },
    (name) => /\.(?:[mc]?tsx?|json)$/.test(name) && name !== written,
    world.signal,
  );
}

/** Says what went wrong, and gives the exit code for it. */
function told(error: unknown, { stderr }: CommandWorld): number {
  if (error instanceof ToolsUsageError) {
    stderr(`lambdallm-tools: ${error.message}\nSee lambdallm-tools --help.\n`);
    return 2;
  }
  if (!(error instanceof ToolGenerationError)) throw error;
  stderr(`${error.message}\n`);
  return 1;
}

function version(): string {
  const manifest = new URL("../../package.json", import.meta.url);
  return JSON.parse(readFileSync(manifest, "utf8")).version;
}
