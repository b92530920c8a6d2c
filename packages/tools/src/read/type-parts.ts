import ts from "typescript";

/** A type that stands in another one. */
export interface TypePart {
  readonly type: ts.Type;
  /** Where in a value, such as `.filter.since`; "" for the value itself. */
  readonly path: string;
  readonly depth: number;
}

/**
 * A type and all that stand in it, each once. `undefined` is among them only where JSON would have to bring it: not where a
 * property or parameter can be left out. There may be no end to them: a generic type can make a new type of itself.
 */
export function* partsOf(
  type: ts.Type,
  checker: ts.TypeChecker,
): Generator<TypePart> {
  const seen = new Set<ts.Type>();
  yield* member(type, "", 0);

  function* member(type: ts.Type, path: string, depth: number) {
    const types = type.isUnion() ? type.types : [type];
    for (const one of types)
      if (!isUndefined(one)) yield* part(one, path, depth);
  }

  function* part(
    type: ts.Type,
    path: string,
    depth: number,
  ): Generator<TypePart> {
    if (seen.has(type)) return;
    seen.add(type);
    yield { type, path, depth };
    if (type.isUnion())
      for (const one of type.types) yield* part(one, path, depth);
    else if (isList(type, checker)) yield* items(type, path, depth + 1);
    else if (isObject(type) && !isCallable(type))
      yield* members(type, path, depth + 1);
  }

  function* items(list: ts.TypeReference, path: string, depth: number) {
    const flags = checker.isTupleType(list)
      ? // A tuple: the compiler says so without a guard for its types.
        (list.target as ts.TupleType).elementFlags
      : [];
    for (const [index, type] of checker.getTypeArguments(list).entries()) {
      const isOptional = ((flags[index] ?? 0) & ts.ElementFlags.Optional) !== 0;
      yield* (isOptional ? member : part)(type, `${path}[]`, depth);
    }
  }

  function* members(type: ts.Type, path: string, depth: number) {
    for (const property of type.getProperties())
      yield* member(
        checker.getTypeOfSymbol(property),
        `${path}.${property.name}`,
        depth,
      );
    for (const { type: value } of checker.getIndexInfosOfType(type))
      yield* member(value, `${path}[key]`, depth);
  }
}

/** What has members to look at: `string & { brand }` is a string in JSON, and has none. */
export function isObject(type: ts.Type): boolean {
  if (type.isIntersection()) return type.types.every(isObject);
  return (type.flags & ts.TypeFlags.Object) !== 0;
}

export function isCallable(type: ts.Type): boolean {
  return (
    type.getCallSignatures().length > 0 ||
    type.getConstructSignatures().length > 0
  );
}

export function isList(
  type: ts.Type,
  checker: ts.TypeChecker,
): type is ts.TypeReference {
  return checker.isArrayType(type) || checker.isTupleType(type);
}

const isUndefined = ({ flags }: ts.Type) =>
  (flags & ts.TypeFlags.Undefined) !== 0;
