import ts from "typescript";
import { isJsonObject, type Json, type JsonObject } from "../schema/json.ts";
import { propertiesOf } from "../schema/unwrap.ts";
import { isList, isObject } from "./type-parts.ts";

/**
 * Where a schema does not say what the compiler says of a type, such as `.filter.name`; "" for the value itself. Undefined where they
 * agree: in the kinds of values, in literals, in properties and in which of them can be left out.
 */
export function disagreement(
  type: ts.Type,
  schema: JsonObject,
  checker: ts.TypeChecker,
): string | undefined {
  // A type that contains itself has been looked at when it comes again.
  const seen = new Set<ts.Type>();
  return compare(type, schema, "");

  function compare(
    type: ts.Type,
    given: Json | undefined,
    path: string,
  ): string | undefined {
    const types = membersOf(type);
    const one = referred(given);
    if (!isSame(kindsOf(types, checker), kindsIn(one))) return path;
    const [only, ...others] = types.filter(isObject);
    if (only === undefined || others.length > 0 || seen.has(only))
      return undefined;
    seen.add(only);
    const own = alternatives(one).find(
      (each) =>
        "properties" in each ||
        "items" in each ||
        "additionalProperties" in each,
    );
    if (own === undefined) return undefined;
    return isList(only, checker)
      ? compareItems(only, own, path)
      : compareMembers(only, own, path);
  }

  function compareItems(
    list: ts.TypeReference,
    { items }: JsonObject,
    path: string,
  ): string | undefined {
    if (checker.isTupleType(list)) return undefined;
    // An array has one.
    const [item] = checker.getTypeArguments(list) as [ts.Type];
    return compare(item, items, `${path}[]`);
  }

  function compareMembers(
    object: ts.Type,
    own: JsonObject,
    path: string,
  ): string | undefined {
    const { required = [], additionalProperties } = own;
    const names = new Set([required].flat());
    const schemas = new Map(
      "properties" in own ? Object.entries(propertiesOf(own)) : [],
    );
    for (const property of object.getProperties()) {
      const { name } = property;
      const isOptional = canBeLeftOut(property, checker);
      // One that can be left out may be missing, such as one that is never there.
      if (names.has(name) === isOptional) return `${path}.${name}`;
      if (!schemas.has(name)) continue;
      const type = checker.getTypeOfSymbol(property);
      const inside = compare(type, schemas.get(name), `${path}.${name}`);
      if (inside !== undefined) return inside;
    }
    const [map] = checker.getIndexInfosOfType(object);
    return map === undefined
      ? undefined
      : compare(map.type, additionalProperties, `${path}[key]`);
  }

  /** A schema without its reference; anything goes where there is none. */
  function referred(given: Json | undefined): JsonObject {
    if (!isJsonObject(given)) return {};
    const { $ref } = given;
    if (typeof $ref !== "string") return given;
    const name = $ref.slice("#/$defs/".length);
    return referred(Object(schema["$defs"])[name]);
  }

  function alternatives(schema: JsonObject): JsonObject[] {
    const { anyOf } = schema;
    return Array.isArray(anyOf)
      ? anyOf.flatMap((one) => alternatives(referred(one)))
      : [schema];
  }

  /** The kinds and literals that a schema lets through; undefined for all. */
  function kindsIn(schema: JsonObject): Set<string> | undefined {
    const sets = alternatives(schema).map(kindsInOne);
    return sets.every((set) => set !== undefined)
      ? new Set(sets.flatMap((set) => [...set]))
      : undefined;
  }
}

function kindsInOne(schema: JsonObject): Set<string> | undefined {
  const { type, enum: values, const: value } = schema;
  if (Array.isArray(values)) return new Set(values.map(literal));
  if (value !== undefined) return new Set([literal(value)]);
  if (type === undefined) return undefined;
  const kinds = new Set(
    [type].flat().map((kind) => (kind === "integer" ? "number" : String(kind))),
  );
  // As literals, so that both ways to say it are one.
  if (kinds.delete("boolean")) kinds.add("true").add("false");
  return kinds;
}

const literal = (value: Json) => JSON.stringify(value);

/** The kinds and literals of a type; undefined for all. */
function kindsOf(
  types: readonly ts.Type[],
  checker: ts.TypeChecker,
): Set<string> | undefined {
  const values = types.map((type) => kindOf(type, checker));
  return values.every((value) => value !== undefined)
    ? new Set(values)
    : undefined;
}

const { TypeFlags } = ts;

function kindOf(type: ts.Type, checker: ts.TypeChecker): string | undefined {
  const { flags } = type;
  if ((flags & (TypeFlags.Any | TypeFlags.Unknown)) !== 0) return undefined;
  if (type.isStringLiteral() || type.isNumberLiteral())
    return literal(type.value);
  // "true", "false" and "null" are called so.
  if ((flags & (TypeFlags.BooleanLiteral | TypeFlags.Null)) !== 0)
    return checker.typeToString(type);
  if (isObject(type)) return isList(type, checker) ? "array" : "object";
  if (type.isIntersection())
    return type.types
      .map((one) => kindOf(one, checker))
      .find((kind) => kind !== "object");
  return checker.typeToString(type);
}

function isSame(
  one: ReadonlySet<string> | undefined,
  other: ReadonlySet<string> | undefined,
): boolean {
  if (one === undefined || other === undefined) return one === other;
  const within = (some: Iterable<string>, all: ReadonlySet<string>) =>
    [...some].every((kind) => all.has(kind));
  return within(widened(one), other) && within(widened(other), one);
}

/** Without the literals of a kind that is there as a whole. */
function widened(kinds: ReadonlySet<string>): Set<string> {
  return new Set(
    [...kinds].filter(
      (kind) =>
        !(kind.startsWith('"') && kinds.has("string")) &&
        !(/^[-\d]/.test(kind) && kinds.has("number")),
    ),
  );
}

/** The types of a union, without that of what is left out. */
const membersOf = (type: ts.Type) =>
  (type.isUnion() ? type.types : [type]).filter(
    ({ flags }) => (flags & TypeFlags.Undefined) === 0,
  );

function canBeLeftOut(property: ts.Symbol, checker: ts.TypeChecker): boolean {
  const type = checker.getTypeOfSymbol(property);
  const types = type.isUnion() ? type.types : [type];
  return (
    (property.flags & ts.SymbolFlags.Optional) !== 0 ||
    types.some(({ flags }) => (flags & TypeFlags.Undefined) !== 0)
  );
}
