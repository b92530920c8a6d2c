import { isObject } from "../checks/is-object.ts";
import { ConfigurationError } from "../contract/errors.ts";
import type { OutputSchema, StandardSchema } from "./types.ts";

/** A schema in the form the rest works with. */
export interface NormalizedSchema {
  /** JSON Schema of draft 2020-12: what the model has to write. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Validates, and transforms, in place of `json`. */
  readonly standard?: StandardSchema;
}

type Json = Readonly<Record<string, unknown>>;

const HELP =
  'Give a JSON Schema, a shorthand such as { title: "string", tags: ["string"], rating: "integer?" }, a Standard Schema that tells its JSON Schema (zod 4, arktype, valibot with toStandardJsonSchema), or { schema, jsonSchema }.';

const TYPE_OF_NAME: ReadonlyMap<string, string> = new Map([
  ["string", "string"],
  ["str", "string"],
  ["number", "number"],
  ["float", "number"],
  ["integer", "integer"],
  ["int", "integer"],
  ["boolean", "boolean"],
  ["bool", "boolean"],
  ["object", "object"],
  ["dict", "object"],
  ["array", "array"],
  ["list", "array"],
]);

const JSON_TYPES: ReadonlySet<unknown> = new Set([
  ...TYPE_OF_NAME.values(),
  "null",
]);

/** What may stand beside `type` in a JSON Schema. */
const KEYWORDS: ReadonlySet<string> = new Set(
  `$anchor $comment $defs $dynamicAnchor $dynamicRef $id $ref $schema $vocabulary additionalItems additionalProperties
  allOf anyOf const contains contentEncoding contentMediaType contentSchema default definitions dependencies
  dependentRequired dependentSchemas deprecated description else enum examples exclusiveMaximum exclusiveMinimum format
  if items maxContains maxItems maxLength maxProperties maximum minContains minItems minLength minProperties minimum
  multipleOf not nullable oneOf pattern patternProperties prefixItems properties propertyNames readOnly required then
  title type unevaluatedItems unevaluatedProperties uniqueItems writeOnly`.split(
    /\s+/,
  ),
);

const normalized = new WeakMap<object, NormalizedSchema>();

/**
 * The JSON Schema of whatever a schema was given as; the same object for the same schema.
 *
 * @throws {ConfigurationError} It is none of the kinds of schema, or it cannot tell its JSON Schema.
 */
export function toJsonSchema(schema: OutputSchema): NormalizedSchema {
  // Callers without types give anything.
  const given: unknown = schema;
  if (!isObject(given) && typeof given !== "function")
    throw new ConfigurationError(`The schema is ${kindOf(given)}. ${HELP}`);
  const known = normalized.get(given);
  if (known !== undefined) return known;
  const result = normalize(given);
  normalized.set(given, result);
  return result;
}

function normalize(given: object): NormalizedSchema {
  if (isStandard(given)) return { json: jsonOf(given), standard: given };
  const { schema, jsonSchema } = given as Json;
  if (isStandard(schema)) {
    if (!isObject(jsonSchema))
      throw new ConfigurationError(
        `The jsonSchema beside a schema is ${kindOf(jsonSchema)}; it must be a JSON Schema object.`,
      );
    return { json: jsonSchema, standard: schema };
  }
  if (!isObject(given))
    throw new ConfigurationError(`The schema is ${kindOf(given)}. ${HELP}`);
  if (isJsonSchema(given)) return { json: given };
  if (Object.keys(given).length === 0)
    throw new ConfigurationError(`The schema is an empty object. ${HELP}`);
  return { json: objectOf(given, "", []) };
}

/**
 * Tells a JSON Schema from a shorthand. It is a JSON Schema when it has
 * - `$schema`, `$ref`, `$id` or `$defs`, `const`, or an array as `enum`;
 * - an object of schemas as `properties`, or an array of schemas as `anyOf`, `oneOf` or `allOf`;
 * - the name of a JSON type, or an array of them, as `type`, and no name beside it that is not a keyword: so
 *   `{ type: "string" }` is a JSON Schema, `{ type: "string", street: "string" }` an object with two fields.
 *
 * Everything else is a shorthand. A field that has to be called like one of these is written as JSON Schema.
 */
export function isJsonSchema(given: object): given is Json {
  const schema = given as Json;
  const own = (name: string) =>
    Object.hasOwn(schema, name) ? schema[name] : undefined;
  const isSchemas = (value: unknown) =>
    Array.isArray(value) && value.every(isSchema);
  const { type, properties } = {
    type: own("type"),
    properties: own("properties"),
  };
  return (
    ["$schema", "$ref", "$id"].some((name) => typeof own(name) === "string") ||
    isObject(own("$defs")) ||
    Object.hasOwn(schema, "const") ||
    Array.isArray(own("enum")) ||
    (isObject(properties) && Object.values(properties).every(isSchema)) ||
    ["anyOf", "oneOf", "allOf"].some((name) => isSchemas(own(name))) ||
    ((Array.isArray(type) ? type : [type]).every((name) =>
      JSON_TYPES.has(name),
    ) &&
      Object.keys(schema).every((name) => KEYWORDS.has(name)))
  );
}

const isSchema = (value: unknown) =>
  typeof value === "boolean" || isObject(value);

function isStandard(value: unknown): value is StandardSchema {
  // A schema of arktype is a function.
  if (!isObject(value) && typeof value !== "function") return false;
  const props: unknown = Reflect.get(Object(value), "~standard");
  return isObject(props) && typeof props["validate"] === "function";
}

/**
 * What the library lets in, not what comes out of it: the model writes the input of defaults and transforms.
 */
function jsonOf(schema: StandardSchema): Json {
  const { vendor } = schema["~standard"];
  const writer: unknown = Reflect.get(schema["~standard"], "jsonSchema");
  const instead = "Give { schema, jsonSchema } with a JSON Schema of your own.";
  if (!isObject(writer) || typeof writer["input"] !== "function")
    throw new ConfigurationError(
      `This schema of ${vendor} does not tell its JSON Schema. ${vendor === "valibot" ? "Wrap it with toStandardJsonSchema of @valibot/to-json-schema." : instead}`,
    );
  let json: unknown;
  try {
    json = writer["input"]({ target: "draft-2020-12" });
  } catch (cause) {
    throw new ConfigurationError(
      `${vendor} cannot write this schema as JSON Schema: ${cause instanceof Error ? cause.message : String(cause)}. ${instead}`,
      { cause },
    );
  }
  if (!isObject(json))
    throw new ConfigurationError(
      `${vendor} wrote ${kindOf(json)} in place of a JSON Schema. ${instead}`,
    );
  return json;
}

function objectOf(
  fields: Json,
  path: string,
  parents: readonly object[],
): Json {
  if (parents.includes(fields))
    throw new ConfigurationError(
      `The schema contains itself at ${path}. Write it as JSON Schema with $ref.`,
    );
  const required: string[] = [];
  const properties = Object.entries(fields).map(([name, field]) => {
    const at = `${path}/${name}`;
    if (name === "__proto__")
      throw new ConfigurationError(
        `The schema has a field ${at}, which is taken out of answers. Choose another name.`,
      );
    const isOptional = typeof field === "string" && field.endsWith("?");
    if (!isOptional) required.push(name);
    const type = isOptional ? field.slice(0, -1) : field;
    return [name, itemOf(type, at, [...parents, fields])] as const;
  });
  return {
    type: "object",
    properties: Object.fromEntries(properties),
    required,
    additionalProperties: false,
  };
}

function itemOf(item: unknown, path: string, parents: readonly object[]): Json {
  if (typeof item === "string") {
    const type = TYPE_OF_NAME.get(item);
    if (type !== undefined) return { type };
  } else if (Array.isArray(item) && item.length === 1)
    return { type: "array", items: itemOf(item[0], `${path}/0`, parents) };
  else if (isObject(item) && !isStandard(item))
    return isJsonSchema(item) ? item : objectOf(item, path, parents);
  throw new ConfigurationError(
    `The schema has ${kindOf(item)} at ${path}; a field is one of ${[...TYPE_OF_NAME.keys()].map((name) => `"${name}"`).join(", ")} (with a "?" at its end when it is optional), an array with one of them as the type of its items, an object of fields, or a JSON Schema.`,
  );
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  switch (typeof value) {
    case "string":
      return `"${value.slice(0, 80)}"`;
    case "object":
      return "an object";
    case "function":
      return "a function";
    default:
      return String(value);
  }
}
