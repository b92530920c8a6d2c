import { isObject } from "@lambdallm/core/feature";
import { arrayAt, type JsonObject, member } from "../json.ts";

/** A schema and all schemas inside of it; a loop, because a hostile schema can be deeper than the stack. */
export function schemasIn(root: JsonObject): readonly JsonObject[] {
  const found: JsonObject[] = [];
  const open: unknown[] = [root];
  while (open.length > 0) {
    const schema = open.pop();
    if (!isObject(schema)) continue;
    found.push(schema);
    for (const key of ["properties", "$defs", "definitions"])
      open.push(...Object.values(Object(member(schema, key))));
    for (const key of ["anyOf", "allOf"]) open.push(...arrayAt(schema, key));
    open.push(member(schema, "items"));
  }
  return found;
}
