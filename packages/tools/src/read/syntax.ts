import ts from "typescript";
import type { ToolProblem } from "../problems.ts";

/** What the compiler cannot read: functions may be missing from what it has understood. */
export function syntaxProblems(
  program: ts.Program,
  source: ts.SourceFile,
): ToolProblem[] {
  return program.getSyntacticDiagnostics(source).map((diagnostic) => ({
    file: source.fileName,
    line: source.getLineAndCharacterOfPosition(diagnostic.start).line + 1,
    functionName: undefined,
    parameter: undefined,
    message: ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"),
  }));
}
