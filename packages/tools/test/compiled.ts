import { join } from "node:path";
import ts from "typescript";

/** What the compiler says of a file in a project with the packages agent and core. */
export function compiled(folder: string, file: string): string[] {
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
