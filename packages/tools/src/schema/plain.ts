import { isJsonObject, type JsonObject } from "./json.ts";
import { subschemasOf } from "./subschemas.ts";

/** What the type of a schema does not follow. */
const NOT_PLAIN = [
  "$ref",
  "prefixItems",
  // Lists of a length are tuples to the compiler.
  "minItems",
  "allOf",
  "oneOf",
  "not",
  "if",
];

/** Whether the compiler can tell from the schema alone what it lets through. */
export function isPlain(schema: JsonObject): boolean {
  const isMixed =
    "properties" in schema && isJsonObject(schema["additionalProperties"]);
  return (
    !isMixed &&
    !NOT_PLAIN.some((keyword) => keyword in schema) &&
    subschemasOf(schema).every(isPlain)
  );
}
