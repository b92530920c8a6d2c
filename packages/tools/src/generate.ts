import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { checkedOptions, type ToolsOptions } from "./options.ts";
import { ToolGenerationError } from "./problems.ts";
import { loadSources } from "./read/program.ts";
import { readTools } from "./read/read-tools.ts";
import { changesBetween } from "./write/changes.ts";
import { moduleText } from "./write/module-text.ts";

/** What a run has made, or would make. */
export interface GeneratedTools {
  /** Of the module. */
  readonly text: string;
  /** What the file on disk lacked, such as `search has changed`; empty where it was the same. */
  readonly changes: readonly string[];
  /** The names that models call the tools by, in the order of the module. */
  readonly names: readonly string[];
  /** Absolute paths of what was read: the files with the functions and what they import, without packages. */
  readonly sources: readonly string[];
}

/**
 * Reads exported functions with their TSDoc and writes the module of their tools, unless it is there already, as it is.
 *
 * @throws {ToolGenerationError} Functions cannot become tools.
 * @throws {ToolsUsageError} An option is wrong, or a file is not there.
 *
 * @example
 * generateTools({ files: ["src/tools.ts"], outFile: "src/tools.generated.ts" });
 */
export function generateTools(options: ToolsOptions): GeneratedTools {
  const checked = checkedOptions(options);
  const { outFile } = checked;
  const generated = freshTools(checked);
  if (generated.changes.length > 0) {
    mkdirSync(dirname(outFile), { recursive: true });
    writeFileSync(outFile, generated.text);
  }
  return generated;
}

/**
 * The same without writing: `changes` says whether the module on disk is stale.
 *
 * @throws {ToolGenerationError} Functions cannot become tools.
 * @throws {ToolsUsageError} An option is wrong, or a file is not there.
 */
export function checkTools(options: ToolsOptions): GeneratedTools {
  return freshTools(checkedOptions(options));
}

function freshTools(options: ToolsOptions): GeneratedTools {
  const { program, files, importExtension, configFile } = loadSources(options);
  const sources = program
    .getSourceFiles()
    .map(({ fileName }) => fileName)
    .filter((file) => !file.includes("/node_modules/"))
    .concat(configFile ?? []);
  const { tools, problems } = readTools(program, files);
  if (problems.length > 0) throw new ToolGenerationError(problems, sources);
  const { outFile } = options;
  const text = moduleText(tools, { outFile, importExtension });
  return {
    text,
    changes: changesBetween(textOf(outFile), text),
    names: tools.map(({ comment }) => comment.name),
    sources,
  };
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
