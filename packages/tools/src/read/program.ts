import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import ts from "typescript";
import type { ToolsOptions } from "../options.ts";
import { ToolsUsageError } from "../problems.ts";

export interface Sources {
  readonly program: ts.Program;
  /** The files that were asked for, absolute and sorted. */
  readonly files: readonly string[];
  readonly importExtension: "ts" | "js";
  /** The tsconfig, absolute; undefined where there is none. */
  readonly configFile: string | undefined;
}

const SOURCE = [".ts", ".tsx", ".mts", ".cts"];
const DECLARATIONS = /\.d\.[mc]?ts$/;

/** How files are read where no tsconfig says it. */
const WITHOUT_CONFIG: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  allowImportingTsExtensions: true,
};

/** Whether null and undefined are types does not depend on the user's strictness; nothing is written by the compiler. */
const ALWAYS: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  composite: false,
  incremental: false,
  skipLibCheck: true,
};

/** @throws {ToolsUsageError} A file or the tsconfig is not there or cannot be read. */
export function loadSources(options: ToolsOptions): Sources {
  const files = filesOf(options);
  const configFile = configFileOf(options.tsconfig, files);
  const given =
    configFile === undefined ? WITHOUT_CONFIG : compilerOptions(configFile);
  const takesTs =
    given.allowImportingTsExtensions === true ||
    given.rewriteRelativeImportExtensions === true;
  return {
    program: ts.createProgram([...files], { ...given, ...ALWAYS }),
    files,
    importExtension: options.importExtension ?? (takesTs ? "ts" : "js"),
    configFile,
  };
}

function filesOf({ files, outFile }: ToolsOptions): readonly string[] {
  const found = new Set(files.flatMap(matching).map(slashed));
  // A glob finds what an earlier run has written.
  found.delete(slashed(outFile));
  if (found.size === 0)
    throw new ToolsUsageError(
      "The only file is the one to write: give those with the functions.",
    );
  return [...found].sort();
}

function matching(pattern: string): string[] {
  const file = resolve(pattern);
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true)
    throw new ToolsUsageError(
      `${pattern} is a directory: give files, or a glob such as "${pattern}/*.ts".`,
    );
  if (stats !== undefined) {
    if (!isSource(file))
      throw new ToolsUsageError(`${pattern} is not a TypeScript file.`);
    return [file];
  }
  if (!/[*?]/.test(pattern))
    throw new ToolsUsageError(`${pattern} does not exist.`);
  const found = ts.sys
    .readDirectory(
      process.cwd(),
      SOURCE,
      ["**/node_modules/**"],
      [slashed(pattern)],
    )
    .filter(isSource);
  if (found.length === 0)
    throw new ToolsUsageError(`No TypeScript file matches ${pattern}.`);
  return found.map((one) => resolve(one));
}

const isSource = (file: string) =>
  SOURCE.some((extension) => file.endsWith(extension)) &&
  !DECLARATIONS.test(file);

/** As the compiler names files. */
const slashed = (path: string) => path.replaceAll("\\", "/");

function configFileOf(
  tsconfig: string | undefined,
  files: readonly string[],
): string | undefined {
  if (tsconfig === undefined)
    return files
      .map((one) => ts.findConfigFile(dirname(one), ts.sys.fileExists))
      .find((found) => found !== undefined);
  const file = resolve(tsconfig);
  if (ts.sys.fileExists(file)) return file;
  throw new ToolsUsageError(`The tsconfig ${tsconfig} does not exist.`);
}

function compilerOptions(file: string): ts.CompilerOptions {
  const { config, error } = ts.readConfigFile(file, ts.sys.readFile);
  // Which files the project has is not asked: those are given.
  const parsed = ts.parseJsonConfigFileContent(
    { ...config, files: [], include: [], references: [] },
    ts.sys,
    dirname(file),
    undefined,
    file,
  );
  const [first] = [error, ...parsed.errors].filter(
    (one) => one !== undefined && one.code !== NO_FILES,
  );
  if (first !== undefined)
    throw new ToolsUsageError(
      `${file}: ${ts.flattenDiagnosticMessageText(first.messageText, "\n")}`,
    );
  return parsed.options;
}

/** "The 'files' list in config file is empty." */
const NO_FILES = 18002;
