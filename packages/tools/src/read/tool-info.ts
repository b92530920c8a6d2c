import ts from "typescript";

const AGENT = "@lambdallm/agent";

/**
 * Whether a parameter is what the agent tells each of its tools, by where its type was imported from: the package itself may not
 * be installed yet.
 */
export function isToolInfo(
  { type }: ts.ParameterDeclaration,
  checker: ts.TypeChecker,
): boolean {
  if (type === undefined || !ts.isTypeReferenceNode(type)) return false;
  let symbol = checker.getSymbolAtLocation(type.typeName);
  while (symbol !== undefined) {
    if (symbol.declarations?.some(isImportOfToolInfo) === true) return true;
    if ((symbol.flags & ts.SymbolFlags.Alias) === 0) return false;
    symbol = checker.getImmediateAliasedSymbol(symbol);
  }
  return false;
}

function isImportOfToolInfo(node: ts.Declaration): boolean {
  if (!ts.isImportSpecifier(node) && !ts.isExportSpecifier(node)) return false;
  const from = ts.isImportSpecifier(node)
    ? node.parent.parent.parent.moduleSpecifier
    : node.parent.parent.moduleSpecifier;
  return (
    (node.propertyName ?? node.name).text === "ToolInfo" &&
    from !== undefined &&
    ts.isStringLiteral(from) &&
    from.text === AGENT
  );
}
