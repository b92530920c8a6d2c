import type { JsonObject } from "./json.ts";

/** Of the schema of an object that has some. */
export function propertiesOf({ properties }: JsonObject) {
  return properties as Readonly<Record<string, JsonObject>>;
}

/**
 * The schema of the only property, in place of the object around it, where it is an object with properties: what can stand at the
 * top of a tool's schema. Undefined where it is not.
 */
export function unwrapped(schema: JsonObject): JsonObject | undefined {
  const [own, ...others] = Object.values(propertiesOf(schema));
  if (own === undefined || others.length > 0) return undefined;
  const { description: _, ...inner } = dereferenced(own, schema);
  const isOptional = !("required" in schema);
  if (!("properties" in inner) || (isOptional && "required" in inner))
    return undefined;
  const { $defs } = schema;
  return $defs === undefined ? inner : { ...inner, $defs };
}

/** A type that contains itself, with its first level at the top. */
function dereferenced(own: JsonObject, { $defs }: JsonObject): JsonObject {
  const { $ref } = own;
  if (typeof $ref !== "string") return own;
  // Where there is a reference, there is what it refers to.
  const types = $defs as Readonly<Record<string, JsonObject>>;
  return types[$ref.slice("#/$defs/".length)] as JsonObject;
}
