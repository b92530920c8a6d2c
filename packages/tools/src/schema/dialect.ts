import type { JsonObject } from "./json.ts";
import { withSubschemas } from "./subschemas.ts";

/** A schema of draft 7 in the words of 2020-12, by which inputs are checked: tuples are said in another way there. */
export function in2020(schema: JsonObject): JsonObject {
  const changed = withSubschemas(schema, in2020);
  if (!Array.isArray(changed["items"])) return changed;
  const { items, additionalItems, ...rest } = changed;
  return {
    ...rest,
    prefixItems: items,
    ...(additionalItems === undefined ? {} : { items: additionalItems }),
  };
}
