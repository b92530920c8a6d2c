import { isJsonObject, type JsonObject } from "./json.ts";
import { mapped } from "./subschemas.ts";

export function propertiesOf({ properties }: JsonObject): {
  [name: string]: JsonObject;
} {
  return mapped(isJsonObject(properties) ? properties : {}, (one) =>
    isJsonObject(one) ? one : {},
  );
}

/**
 * The schema of the one property, in place of the object around it, where it is an object with properties: what can stand at the top
 * of a tool's schema. Undefined where it is not.
 */
export function unwrapped(
  schema: JsonObject,
  name: string,
): JsonObject | undefined {
  const { $defs } = schema;
  const own = propertiesOf(schema)[name] ?? {};
  const { description: _, ...inner } = dereferenced(own, $defs);
  const isOptional = !("required" in schema);
  if (!("properties" in inner) || (isOptional && "required" in inner))
    return undefined;
  return $defs === undefined ? inner : { ...inner, $defs };
}

/** A type that contains itself, with its first level at the top. */
function dereferenced(
  schema: JsonObject,
  $defs: JsonObject[string] | undefined,
): JsonObject {
  const { $ref } = schema;
  if (typeof $ref !== "string" || !isJsonObject($defs)) return schema;
  const found = $defs[$ref.slice("#/$defs/".length)];
  return isJsonObject(found) ? found : schema;
}
