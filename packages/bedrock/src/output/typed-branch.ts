import type { Schema } from "./subschemas.ts";

/** The keywords that speak of values of one type only; JSON Schema has them pass over all others. */
const OWNERS: Readonly<Record<string, string>> = {
  array: "items maxItems minItems uniqueItems",
  number: "exclusiveMaximum exclusiveMinimum maximum minimum multipleOf",
  object:
    "additionalProperties maxProperties minProperties properties required",
  string:
    "contentEncoding contentMediaType contentSchema format maxLength minLength pattern",
};

const OWNER: ReadonlyMap<string, string> = new Map(
  Object.entries(OWNERS).flatMap(([type, keywords]) =>
    keywords.split(" ").map((keyword) => [keyword, type] as const),
  ),
);

/**
 * The types that a schema names: one or several, also as OpenAPI's `nullable`, by the values of an `enum` of several types, or
 * by the keywords that only one type has. Undefined where it names none: choices, references, constants.
 */
export function typesOf(schema: Schema): readonly unknown[] | undefined {
  const { type = impliedType(schema), nullable } = schema;
  const types = Array.isArray(type) ? type : type === undefined ? [] : [type];
  if (types.length === 0) {
    const values = schema["enum"];
    const kinds = new Set(Array.isArray(values) ? values.map(typeOf) : []);
    return kinds.size > 1 ? [...kinds] : undefined;
  }
  return [...new Set(nullable === true ? [...types, "null"] : types)];
}

function impliedType({ properties, items }: Schema): string | undefined {
  if (properties !== undefined) return "object";
  return items === undefined ? undefined : "array";
}

/**
 * What a schema says of one of its types, in the keywords and values of that type: a service that compiles a schema refuses a
 * value that does not fit the type beside it. Undefined when no value of the type is left.
 */
export function withType(schema: Schema, type: unknown): Schema | undefined {
  const fits = (value: unknown) =>
    typeOf(value) === type || (type === "integer" && Number.isInteger(value));
  const own: Record<string, unknown> = { type };
  for (const [keyword, value] of Object.entries(schema)) {
    const owner = OWNER.get(keyword) ?? type;
    if (owner !== type && !(owner === "number" && type === "integer")) continue;
    if (keyword === "enum" && Array.isArray(value)) {
      const values = value.filter(fits);
      if (values.length === 0) return undefined;
      own["enum"] = values;
    } else if (keyword === "const" && !fits(value)) return undefined;
    else if (keyword !== "type" && (keyword !== "default" || fits(value)))
      own[keyword] = value;
  }
  return own;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
