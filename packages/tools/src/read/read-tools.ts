import type ts from "typescript";
import { Refusal, type ToolProblem } from "../problems.ts";
import { readComment, type ToolComment } from "./comment.ts";
import {
  type Exported,
  type ExportedFunction,
  exportedFunction,
  exportsOf,
} from "./exported-functions.ts";
import { type Reader, readInput, type ToolInput } from "./input.ts";
import { syntaxProblems } from "./syntax.ts";
import { schemasOf } from "./type-schemas.ts";

/** All that is written of a tool. */
export interface Tool {
  readonly function: ExportedFunction;
  /** Of the function, absolute. */
  readonly file: string;
  readonly comment: ToolComment & { readonly name: string };
  readonly input: ToolInput;
}

/** The tools of some files in their order, or what keeps their functions from becoming tools. */
export interface ReadTools {
  readonly tools: readonly Tool[];
  readonly problems: readonly ToolProblem[];
}

export function readTools(
  program: ts.Program,
  files: readonly string[],
): ReadTools {
  const checker = program.getTypeChecker();
  const reader = { checker, schemaOf: schemasOf(program) };
  const problems: ToolProblem[] = [];
  const tools: Tool[] = [];
  // A file may export again what another one does.
  const seen = new Set<ts.Symbol>();
  for (const file of files) {
    // Each of them is a root of the program.
    const source = program.getSourceFile(file) as ts.SourceFile;
    problems.push(...syntaxProblems(program, source));
    for (const exported of exportsOf(source, checker)) {
      if (seen.has(exported.symbol)) continue;
      seen.add(exported.symbol);
      try {
        tools.push(...toolsOf(exported, file, reader));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        problems.push(error.problem);
      }
    }
  }
  problems.push(...duplicates(tools));
  if (tools.length + problems.length === 0)
    problems.push(...files.map(withoutFunctions));
  return { tools, problems };
}

const withoutFunctions = (file: string): ToolProblem => ({
  file,
  line: 1,
  functionName: undefined,
  parameter: undefined,
  message: "it exports no function that could be a tool. Export one.",
});

/** The tool of an export, or none where it is no function. */
function toolsOf(exported: Exported, file: string, reader: Reader): Tool[] {
  const found = exportedFunction(exported, reader.checker);
  if (found === undefined) return [];
  const { name: functionName, symbol, node } = found;
  const place = { node, functionName };
  const comment = readComment(symbol, functionName, reader.checker, place);
  return [
    { function: found, file, comment, input: readInput(node, reader, place) },
  ];
}

function duplicates(tools: readonly Tool[]): ToolProblem[] {
  return tools.flatMap((tool, index) => {
    const { name: functionName, node } = tool.function;
    const place = { node, functionName };
    const before = tools.slice(0, index);
    const isTwice = before.some((one) => one.function.name === functionName);
    if (isTwice)
      return new Refusal(
        place,
        "another file exports a function of this name. Rename one of them, or mark it with @ignore.",
      ).problem;
    return before.some(({ comment }) => comment.name === tool.comment.name)
      ? new Refusal(
          place,
          `another tool is called "${tool.comment.name}". Give one of them another @toolName.`,
        ).problem
      : [];
  });
}
