import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** The agent, as far as its types go. */
const AGENT = `
import type { InferOutput, OutputSchema } from "@lambdallm/core";
export interface ToolInfo<Context extends object = object> {
  readonly signal: AbortSignal;
  readonly key: string;
  readonly context: Context;
}
export declare function tool<const Input extends OutputSchema, Context extends object = object>(definition: {
  readonly name: string;
  readonly description: string;
  readonly input: Input;
  readonly timeoutMs?: number;
  readonly needsApproval?: boolean;
  readonly run: (input: InferOutput<Input>, info: ToolInfo<Context>) => unknown;
}): { readonly name: string };
`;

/** What the compiler says of a file in a project with the package core. */
export function compiled(folder: string, file: string): string[] {
  const agent = join(folder, "node_modules/@lambdallm/agent");
  mkdirSync(agent, { recursive: true });
  writeFileSync(
    join(agent, "package.json"),
    '{ "name": "@lambdallm/agent", "type": "module", "types": "index.d.ts" }',
  );
  writeFileSync(join(agent, "index.d.ts"), AGENT);
  const config = join(folder, "tsconfig.json");
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(config, ts.sys.readFile).config,
    ts.sys,
    folder,
  );
  const path = join(folder, file);
  const program = ts.createProgram([path], { ...options, noEmit: true });
  // The others are compiled where they stand.
  return program
    .getSemanticDiagnostics(program.getSourceFile(path))
    .map(({ messageText }) =>
      ts.flattenDiagnosticMessageText(messageText, "\n"),
    );
}
