import ts from "typescript";
import { isCallable, isObject, partsOf, type TypePart } from "./type-parts.ts";

/** What a type holds that JSON cannot bring. */
export interface Unsupported {
  /** Where in a value, such as `.filter.since`; "" for the value itself. */
  readonly path: string;
  readonly message: string;
}

/** Deeper than anybody writes. */
const DEEPEST = 30;

/** What keeps JSON from bringing a value of this type; undefined where nothing does. */
export function unsupportedIn(
  type: ts.Type,
  checker: ts.TypeChecker,
): Unsupported | undefined {
  for (const part of partsOf(type, checker)) {
    const message = reasonOf(part, checker);
    if (message !== undefined) {
      const isEndless = part.depth === DEEPEST;
      return { path: isEndless ? "" : part.path, message };
    }
  }
  return undefined;
}

/** Whether a value of this type is more to the compiler than its JSON: a string is neither an enum's nor a brand's. */
export function isNominal(type: ts.Type, checker: ts.TypeChecker): boolean {
  return [...partsOf(type, checker)].some(
    ({ type }) =>
      (type.flags & ts.TypeFlags.EnumLiteral) !== 0 ||
      (type.isIntersection() && !isObject(type)),
  );
}

const { TypeFlags } = ts;

/** By what the compiler calls a type. */
const REASONS: readonly (readonly [ts.TypeFlags, string])[] = [
  [
    TypeFlags.BigIntLike,
    "is a bigint, and JSON has none. Take a number, or a string of digits.",
  ],
  [TypeFlags.ESSymbolLike, "is a symbol, and JSON has none. Take a string."],
  [
    TypeFlags.Void | TypeFlags.Undefined,
    "can be undefined, and JSON cannot. Take null, or a property that can be left out.",
  ],
  [TypeFlags.Never, "is never, which no value fits. Give it a type."],
  [
    TypeFlags.TemplateLiteral | TypeFlags.StringMapping,
    "is a text of a pattern, which a schema does not follow. Take a string, with @pattern in the comment of its property or type alias.",
  ],
];

function reasonOf(
  { type, depth }: TypePart,
  checker: ts.TypeChecker,
): string | undefined {
  if (isNotFound(type))
    return "has a type that cannot be found. Import it, or correct its name.";
  if (depth === DEEPEST)
    return "has a type without an end. Take one that ends, or contains itself by its name.";
  const [, reason] =
    REASONS.find(([flags]) => (type.flags & flags) !== 0) ?? [];
  return reason ?? (isObject(type) ? reasonOfObject(type, checker) : undefined);
}

function reasonOfObject(
  type: ts.Type,
  checker: ts.TypeChecker,
): string | undefined {
  if (isCallable(type))
    return "is a function, and JSON has none. Take data that says what to do, such as a union of literals.";
  if (checker.isArrayType(type) || checker.isTupleType(type)) return undefined;
  const name = checker.typeToString(type);
  if (type.isClass())
    return `is an instance of the class ${name}, and JSON has none. Take an interface, and make the instance in the function.`;
  const properties = type.getProperties();
  const method = properties.find((one) =>
    isCallable(checker.getNonNullableType(checker.getTypeOfSymbol(one))),
  );
  if (method !== undefined)
    return `is ${name}, which has functions (${checker.symbolToString(method)}), and JSON has none. Take plain data, such as a string for a Date, and make the rest of it in the function.`;
  const odd = properties.find((one) =>
    /["'`\\]|^__(?:proto__$|@)/.test(one.name),
  );
  if (odd !== undefined)
    return `has the property ${checker.symbolToString(odd)}, which cannot stand in a schema. Give it another name.`;
  const hasPatterns = checker
    .getIndexInfosOfType(type)
    .some(({ keyType }) => (keyType.flags & KEYS) === 0);
  return hasPatterns
    ? "has keys of a pattern, which a schema does not follow. Take string for the keys."
    : undefined;
}

const KEYS = TypeFlags.String | TypeFlags.Number;

/** The compiler's own mark of a name that it has not found; `any` that somebody wrote is called so. */
const isNotFound = (type: ts.Type) =>
  Reflect.get(type, "intrinsicName") === "error";
