import { relative } from "node:path";
import ts from "typescript";

/** What keeps an exported function from becoming a tool. */
export interface ToolProblem {
  /** Absolute. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly functionName: string | undefined;
  readonly parameter: string | undefined;
  /** What is wrong, and what to do. */
  readonly message: string;
}

/** The exported functions cannot become tools; `problems` has every reason, and the message a line for each. */
export class ToolGenerationError extends Error {
  override readonly name = "ToolGenerationError";
  readonly code = "tool-generation";
  readonly problems: readonly ToolProblem[];
  /** Absolute paths of what was read. */
  readonly sources: readonly string[];

  constructor(problems: readonly ToolProblem[], sources: readonly string[]) {
    super(problems.map(lineOf).join("\n"));
    this.problems = problems;
    this.sources = sources;
  }
}

/** What was asked for cannot be done: a file that is not there, an option that does not exist. */
export class ToolsUsageError extends Error {
  override readonly name = "ToolsUsageError";
  readonly code = "tools-usage";
}

/** Whose problem it is. */
export interface Place {
  readonly node: ts.Node;
  readonly functionName?: string;
  readonly parameter?: string;
}

/** Thrown where one function is read, and gathered with those of the others. */
export class Refusal extends Error {
  readonly problem: ToolProblem;

  constructor({ node, functionName, parameter }: Place, message: string) {
    super(message);
    const source = node.getSourceFile();
    const { line } = ts.getLineAndCharacterOfPosition(source, node.getStart());
    const file = source.fileName;
    this.problem = { file, line: line + 1, functionName, parameter, message };
  }
}

function lineOf(problem: ToolProblem): string {
  const { file, line, functionName, parameter, message } = problem;
  const whose = [
    functionName,
    parameter === undefined ? undefined : `parameter "${parameter}"`,
  ].filter((part) => part !== undefined);
  const place = `${relative(process.cwd(), file)}:${line}`;
  return [[place, whose.join(", ")].join(" ").trim(), message].join(": ");
}
