import ts from "typescript";

const AGENT = "@lambdallm/agent";

/**
 * Whether a parameter is what the agent tells each of its tools, by where its type was imported from: the package itself may not
 * be installed yet.
 */
export function isToolRun(
  { type }: ts.ParameterDeclaration,
  checker: ts.TypeChecker,
): boolean {
  return (
    type !== undefined &&
    ts.isTypeReferenceNode(type) &&
    isOfAgent(checker.getSymbolAtLocation(type.typeName), checker)
  );
}

/** Follows a name through the files that hand it on. */
function isOfAgent(
  symbol: ts.Symbol | undefined,
  checker: ts.TypeChecker,
): boolean {
  if (symbol?.declarations === undefined) return false;
  if (symbol.declarations.some(isImportOfToolRun)) return true;
  return (
    (symbol.flags & ts.SymbolFlags.Alias) !== 0 &&
    isOfAgent(checker.getImmediateAliasedSymbol(symbol), checker)
  );
}

function isImportOfToolRun(node: ts.Declaration): boolean {
  if (!ts.isImportSpecifier(node) && !ts.isExportSpecifier(node)) return false;
  const from = ts.isImportSpecifier(node)
    ? node.parent.parent.parent.moduleSpecifier
    : node.parent.parent.moduleSpecifier;
  return (
    (node.propertyName ?? node.name).text === "ToolRun" &&
    from !== undefined &&
    ts.isStringLiteral(from) &&
    from.text === AGENT
  );
}
