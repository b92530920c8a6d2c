import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/** Keywords whose value is a schema, or a list of them. Everywhere else stand values, which only look like schemas. */
const SCHEMAS = new Set([
  "additionalItems",
  "additionalProperties",
  "allOf",
  "anyOf",
  "contains",
  "else",
  "if",
  "items",
  "not",
  "oneOf",
  "prefixItems",
  "propertyNames",
  "then",
]);

/** Keywords whose value has a schema under each name. */
const MAPS = new Set(["$defs", "properties"]);

/** A schema with each schema that stands directly in it changed; where there is an order, in it. */
export function withSubschemas(
  schema: JsonObject,
  change: (subschema: JsonObject) => JsonObject,
): JsonObject {
  const changed = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(changed);
    return isJsonObject(value) ? change(value) : value;
  };
  return mapped(schema, (value, keyword) => {
    if (MAPS.has(keyword) && isJsonObject(value)) return mapped(value, changed);
    return SCHEMAS.has(keyword) ? changed(value) : value;
  });
}

export function subschemasOf(schema: JsonObject): JsonObject[] {
  const found: JsonObject[] = [];
  withSubschemas(schema, (subschema) => {
    found.push(subschema);
    return subschema;
  });
  return found;
}

export function mapped<Value, Result>(
  values: Readonly<Record<string, Value>>,
  change: (value: Value, name: string) => Result,
): { [name: string]: Result } {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, change(value, name)]),
  );
}
