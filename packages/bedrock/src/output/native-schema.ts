import { wrap } from "./wrapping.ts";

type Schema = Record<string, unknown>;

/** What constrained decoding takes as it is. */
const KEPT = new Set(["$ref", "const", "default", "enum", "required", "title"]);

/** Kept, with schemas inside. */
const LISTS = new Set(["anyOf", "allOf"]);
const MAPS = new Set(["properties", "$defs", "definitions"]);

const FORMATS = new Set([
  "date",
  "date-time",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "time",
  "uri",
  "uuid",
]);

/** Keywords without which the schema would admit what the caller does not mean, or refuse what the caller means. */
const BEYOND = new Set([
  "$dynamicRef",
  "contains",
  "dependentRequired",
  "dependentSchemas",
  "else",
  "if",
  "not",
  "patternProperties",
  "prefixItems",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties",
]);

/** The schema cannot be said in the subset of the native mode. */
class BeyondSubset extends Error {}

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The schema in the subset that the native mode accepts, as JSON text: closed objects, no bounds (they go into the
 * descriptions, and the validation that follows knows them). Undefined when it cannot be said: recursion, references to
 * elsewhere, objects with free keys. The same schema gives the same text, because the service caches by it.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
 */
export function nativeSchema(schema: object): string | undefined {
  const known = texts.get(schema);
  if (known !== undefined) return known.text;
  let text: string | undefined;
  try {
    refuseRecursion(schema);
    text = JSON.stringify(subset(wrap(schema)));
  } catch {
    // It cannot be said, and the next mode takes any schema.
  }
  texts.set(schema, { text });
  return text;
}

const texts = new WeakMap<object, { readonly text: string | undefined }>();

function subset(schema: unknown): unknown {
  // `true` admits anything, which no grammar can be made of.
  if (!isObject(schema)) throw new BeyondSubset();
  const { type } = schema;
  if (Array.isArray(type)) {
    const { type: _, description, ...rest } = schema;
    const anyOf = type.map((one) => subset({ ...rest, type: one }));
    return { anyOf, ...(description !== undefined && { description }) };
  }
  const result: Schema = {};
  const dropped: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    if (BEYOND.has(key)) throw new BeyondSubset();
    if (key === "type" || KEPT.has(key)) result[key] = value;
    else if (key === "description") result["description"] = value;
    else if (key === "items") result["items"] = subset(value);
    else if (key === "oneOf" || LISTS.has(key))
      result[key === "oneOf" ? "anyOf" : key] = Array.from(
        value as Iterable<unknown>,
        subset,
      );
    else if (MAPS.has(key))
      result[key] = Object.fromEntries(
        Object.entries(value as object).map(([name, part]) => [
          name,
          subset(part),
        ]),
      );
    else if (key === "format" && FORMATS.has(String(value)))
      result["format"] = value;
    else if (key === "minItems" && (value === 0 || value === 1))
      result["minItems"] = value;
    else if (key !== "additionalProperties" && !key.startsWith("$"))
      dropped.push(`${key}: ${JSON.stringify(value)}`);
  }
  if (type === "object") close(schema, result);
  if (type === "array" && schema["items"] === undefined)
    throw new BeyondSubset();
  if (dropped.length > 0)
    result["description"] = [schema["description"], `(${dropped.join("; ")})`]
      .filter(Boolean)
      .join(" ");
  return result;
}

function close(schema: Schema, result: Schema): void {
  const { additionalProperties, properties } = schema;
  const free =
    additionalProperties !== undefined && additionalProperties !== false;
  // An object whose keys are not listed is a map, and a closed object without properties would always be empty.
  if (free || !isObject(properties) || Object.keys(properties).length === 0)
    throw new BeyondSubset();
  result["additionalProperties"] = false;
}

/** Follows the references; a chain that comes back to itself, or that leaves the schema, is beyond the subset. */
function refuseRecursion(root: object): void {
  const harmless = new Set<string>();
  const visit = (schema: unknown, path: ReadonlySet<string>): void => {
    if (Array.isArray(schema)) for (const part of schema) visit(part, path);
    if (!isObject(schema)) return;
    for (const [key, value] of Object.entries(schema)) {
      if (key === "$ref") {
        const target = String(value);
        if (harmless.has(target)) continue;
        if (path.has(target) || !target.startsWith("#/"))
          throw new BeyondSubset();
        visit(at(root, target), new Set([...path, target]));
        harmless.add(target);
      } else if (
        key !== "$defs" &&
        key !== "definitions" &&
        key !== "enum" &&
        key !== "const"
      )
        visit(value, path);
    }
  };
  visit(root, new Set());
}

function at(root: object, pointer: string): unknown {
  let value: unknown = root;
  for (const part of pointer.slice(2).split("/")) {
    const key = decodeURIComponent(part)
      .replaceAll("~1", "/")
      .replaceAll("~0", "~");
    if (!isObject(value) && !Array.isArray(value)) throw new BeyondSubset();
    if (!Object.hasOwn(value, key)) throw new BeyondSubset();
    value = Reflect.get(value, key);
  }
  return value;
}
