import type { JsonObject } from "./json.ts";
import { subschemasOf } from "./subschemas.ts";

/** What the type of a schema does not follow: references, tuples and whatever else needs more than its own words. */
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
    "properties" in schema &&
    typeof (schema["additionalProperties"] ?? true) !== "boolean";
  return (
    !isMixed &&
    !NOT_PLAIN.some((keyword) => keyword in schema) &&
    subschemasOf(schema).every(isPlain)
  );
}
