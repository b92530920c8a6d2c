import { parseArgs } from "node:util";
import type { ToolsOptions } from "../options.ts";
import { ToolsUsageError } from "../problems.ts";

/** What the command was asked to do. */
export interface CommandOptions extends ToolsOptions {
  readonly mode: "write" | "check" | "watch";
}

export const HELP = `Usage: lambdallm-tools FILE... --out FILE [options]

Reads the exported functions of TypeScript files with their TSDoc, and writes
a module of tools for agents of LambdaLLM.

  lambdallm-tools src/tools.ts --out src/tools.generated.ts

FILE is a path or a quoted glob, such as "src/tools/*.ts".

Options:
  --out FILE                   the module to write
  --check                      write nothing; fail when the module is stale
  --watch                      write again whenever a source changes
  --tsconfig FILE              default: the tsconfig.json nearest to the first file
  --import-extension ts|js     of the functions' imports (default: as the tsconfig allows)
  --help                       this text
  --version                    the version

Exit codes: 0 done, 1 stale or an error in the sources, 2 a wrong command line.
`;

/**
 * Reads a command line; "help" and "version" ask for just that.
 *
 * @throws {ToolsUsageError} It cannot be followed.
 */
export function commandOptions(
  argv: readonly string[],
): CommandOptions | "help" | "version" {
  const { values, positionals } = parsed(argv);
  if (values.help === true) return "help";
  if (values.version === true) return "version";
  if (values.out === undefined)
    throw new ToolsUsageError("Where to write to? Give --out FILE.");
  if (values.check === true && values.watch === true)
    throw new ToolsUsageError("Either --check or --watch.");
  const mode = values.check ? "check" : values.watch ? "watch" : "write";
  return {
    files: positionals,
    outFile: values.out,
    tsconfig: values.tsconfig,
    // Checked with the others.
    importExtension: values["import-extension"] as "ts" | "js" | undefined,
    mode,
  };
}

function parsed(argv: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        out: { ...text, short: "o" },
        check: flag,
        watch: { ...flag, short: "w" },
        tsconfig: text,
        "import-extension": text,
        help: { ...flag, short: "h" },
        version: { ...flag, short: "v" },
      },
    });
  } catch (error) {
    // Node's messages name the option: unknown, or without its value. Nobody wants files that begin with a dash.
    const { message } = error as Error;
    throw new ToolsUsageError(
      message.replace(/ To specify a positional .*$/s, ""),
    );
  }
}
