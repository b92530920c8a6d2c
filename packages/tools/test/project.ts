import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "@jest/globals";
import ts from "typescript";
import {
  type GeneratedTools,
  generateTools,
  ToolGenerationError,
  type ToolsOptions,
} from "../src/index.ts";

const TSCONFIG = JSON.stringify({
  compilerOptions: {
    target: "es2023",
    module: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    noUnusedParameters: true,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
    skipLibCheck: true,
    types: [],
    customConditions: ["@lambdallm/source"],
  },
});

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A folder of a user's project with these files, and the packages of this repository that are named. */
export function project(
  files: Readonly<Record<string, string>>,
  packages: readonly string[] = [],
) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "lambdallm-tools-")));
  folders.push(folder);
  const path = (name: string) => join(folder, name);
  const write = (name: string, text: string) => {
    mkdirSync(dirname(path(name)), { recursive: true });
    writeFileSync(path(name), text);
  };
  write("package.json", '{ "type": "module" }');
  write("tsconfig.json", TSCONFIG);
  for (const [name, text] of Object.entries(files)) write(name, text);
  mkdirSync(path("node_modules/@lambdallm"), { recursive: true });
  for (const name of packages)
    symlinkSync(
      fileURLToPath(new URL(`../../${name}`, import.meta.url)),
      path(`node_modules/@lambdallm/${name}`),
    );
  return {
    folder,
    path,
    write,
    read: (name: string) => readFileSync(path(name), "utf8"),
    generate: (options: Partial<ToolsOptions> = {}): GeneratedTools =>
      generateTools({
        files: [path("tools.ts")],
        outFile: path("tools.generated.ts"),
        ...options,
      }),
  };
}

/** A tool as the written module hands it to the agent. */
export interface WrittenTool {
  readonly name: string;
  readonly description: string;
  readonly timeoutMs?: number;
  readonly needsApproval?: boolean;
  readonly input: Readonly<Record<string, unknown>>;
  readonly run: (input: unknown, info?: unknown) => unknown;
}

/** The tools that a module of exported functions becomes, ready to be called. */
export function toolsOf(
  source: string,
  others: Readonly<Record<string, string>> = {},
): readonly WrittenTool[] {
  const { read, generate } = project({ "tools.ts": source, ...others });
  const { text } = generate();
  const load = (code: string): Record<string, unknown> => {
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2023,
      },
    });
    const exports = {};
    new Function("exports", "require", outputText)(exports, (name: string) =>
      name === "@lambdallm/agent"
        ? { tool: (definition: unknown) => definition }
        : load(read(name)),
    );
    return exports;
  };
  return load(text)["tools"] as WrittenTool[];
}

/** The one tool of a module. */
export function toolOf(
  source: string,
  others: Readonly<Record<string, string>> = {},
): WrittenTool {
  const [tool, ...more] = toolsOf(source, others);
  if (tool === undefined || more.length > 0)
    throw new Error(`There is not one tool, but ${more.length + 1}`);
  return tool;
}

/** The schema of a function's input, by its parameters. */
export const inputOf = (parameters: string, before = "", others = {}) =>
  toolOf(
    `${before}\n/** Does it. */\nexport function run(${parameters}) {}`,
    others,
  ).input;

/** The schema of a tool's input, as it stands in the text of a module. */
export function inputIn(text: string, name: string) {
  const block = text.slice(text.indexOf(`export const ${name} = `));
  const [, schema = ""] =
    /input: (.*?) as (?:const|\{ readonly type: "object" \}),/s.exec(block) ??
    [];
  return JSON.parse(schema);
}

/** Why the functions of a project are refused. */
export function problemsOf(generate: () => unknown): ToolGenerationError {
  try {
    generate();
  } catch (error) {
    if (error instanceof ToolGenerationError) return error;
    throw error;
  }
  throw new Error("It was not refused");
}
