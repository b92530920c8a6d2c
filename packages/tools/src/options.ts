import { resolve } from "node:path";
import { ToolsUsageError } from "./problems.ts";

/** Paths are relative to the current directory. */
export interface ToolsOptions {
  /** Paths and globs (`*`, `**`, `?`) of the TypeScript files whose exported functions become tools. */
  readonly files: readonly string[];
  /** The module that is written, such as `src/tools.generated.ts`. */
  readonly outFile: string;
  /** @default the `tsconfig.json` nearest to the first file */
  readonly tsconfig?: string | undefined;
  /**
   * What the written module imports its functions with.
   *
   * @default "ts" where the tsconfig allows it (`allowImportingTsExtensions`, `rewriteRelativeImportExtensions`), else "js"
   */
  readonly importExtension?: "ts" | "js" | undefined;
}

const NAMES = ["files", "outFile", "tsconfig", "importExtension"];

/**
 * Checks what no compiler has seen; `outFile` comes back absolute.
 *
 * @throws {ToolsUsageError} An option is wrong, missing or unknown.
 */
export function checkedOptions(options: ToolsOptions): ToolsOptions {
  const { files, outFile, importExtension } = options;
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name));
  if (unknown !== undefined)
    throw new ToolsUsageError(
      `There is no option "${unknown}"; there are ${NAMES.join(", ")}.`,
    );
  if (!Array.isArray(files) || files.length === 0)
    throw new ToolsUsageError("Which files? Give at least one path or glob.");
  if (typeof outFile !== "string" || !/\.[mc]?ts$/.test(outFile))
    throw new ToolsUsageError(
      `The file to write must be a TypeScript file, such as src/tools.generated.ts, not ${JSON.stringify(outFile)}.`,
    );
  if (![undefined, "ts", "js"].includes(importExtension))
    throw new ToolsUsageError(
      `The extension of imports must be "ts" or "js", not ${JSON.stringify(importExtension)}.`,
    );
  return { ...options, outFile: resolve(outFile) };
}
