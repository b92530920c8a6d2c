import ts from "typescript";
import { Refusal } from "../problems.ts";
import { isIgnored } from "./comment.ts";

export type FunctionNode =
  | ts.FunctionDeclaration
  | ts.FunctionExpression
  | ts.ArrowFunction;

export interface Exported {
  /** What the file exports it by; "default" is one. */
  readonly exportName: string;
  /** What it is, wherever it was declared. Carries the comment. */
  readonly symbol: ts.Symbol;
}

export interface ExportedFunction extends Exported {
  /** What the tool is called unless its comment says otherwise, and what the written module exports it by. */
  readonly name: string;
  readonly node: FunctionNode;
}

/** What a file exports, without what is marked with `@ignore`: its own in the order of its text, then that of other files. */
export function exportsOf(
  file: ts.SourceFile,
  checker: ts.TypeChecker,
): Exported[] {
  const module = checker.getSymbolAtLocation(file);
  if (module === undefined) return [];
  return checker
    .getExportsOfModule(module)
    .map((exported) => ({
      exportName: exported.name,
      symbol:
        (exported.flags & ts.SymbolFlags.Alias) === 0
          ? exported
          : checker.getAliasedSymbol(exported),
    }))
    .filter(({ symbol }) => !isIgnored(symbol))
    .toSorted((one, other) => place(one) - place(other));

  function place({ symbol }: Exported): number {
    const declaration = symbol.valueDeclaration;
    return declaration?.getSourceFile() === file ? declaration.pos : file.end;
  }
}

/**
 * The function that is exported; undefined for what is none, such as a type or a constant.
 *
 * @throws {Refusal} It can be called and cannot be a tool.
 */
export function exportedFunction(
  exported: Exported,
  checker: ts.TypeChecker,
): ExportedFunction | undefined {
  const { exportName, symbol } = exported;
  const node = functionOf(symbol, exportName, checker);
  return node && { ...exported, node, name: nameOf(exportName, node) };
}

function functionOf(
  symbol: ts.Symbol,
  functionName: string,
  checker: ts.TypeChecker,
): FunctionNode | undefined {
  const declaration = symbol.valueDeclaration;
  if (declaration === undefined) return undefined;
  const place = { node: declaration, functionName };
  const overloads = symbol.declarations?.filter(ts.isFunctionDeclaration);
  if (overloads !== undefined && overloads.length > 1)
    throw new Refusal(
      place,
      "it has overloads, and a tool has one form. Export a function with one signature instead, or mark it with @ignore.",
    );
  const node = unwrapped(declaration);
  if (
    ts.isFunctionDeclaration(node) ||
    ts.isFunctionExpression(node) ||
    ts.isArrowFunction(node)
  )
    return node;
  const type = checker.getTypeOfSymbol(symbol);
  if (type.getCallSignatures().length === 0) return undefined;
  throw new Refusal(
    place,
    "it can be called and is not written as a function, so its parameters cannot be read. Export a function that calls it, or mark it with @ignore.",
  );
}

/** The value of `export const name = value` and `export default value`, without what only the compiler looks at. */
function unwrapped(declaration: ts.Declaration): ts.Node {
  let value: ts.Node | undefined;
  if (ts.isVariableDeclaration(declaration)) value = declaration.initializer;
  if (ts.isExportAssignment(declaration)) value = declaration.expression;
  while (
    value !== undefined &&
    (ts.isParenthesizedExpression(value) ||
      ts.isAsExpression(value) ||
      ts.isSatisfiesExpression(value) ||
      ts.isNonNullExpression(value))
  )
    value = value.expression;
  return value ?? declaration;
}

/** Names that the written module has already. */
const TAKEN = /^(?:tools?|source\d+)$/;

function nameOf(exportName: string, node: FunctionNode): string {
  const name = exportName === "default" ? node.name?.text : exportName;
  const place = { node, functionName: exportName };
  if (name === undefined)
    throw new Refusal(place, "it has no name. Give the function one.");
  if (TAKEN.test(name) || isReserved(name))
    throw new Refusal(
      place,
      `the written module cannot export it as "${name}". Export it by another name; @toolName says what the model calls it.`,
    );
  return name;
}

function isReserved(name: string): boolean {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, true);
  scanner.setText(name);
  const kind = scanner.scan();
  return (
    kind === ts.SyntaxKind.AwaitKeyword ||
    (kind >= ts.SyntaxKind.FirstReservedWord &&
      kind <= ts.SyntaxKind.LastFutureReservedWord)
  );
}
