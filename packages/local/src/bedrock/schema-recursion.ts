import { isObject } from "@lambdallm/core/feature";
import { type JsonObject, member, stringAt } from "../json.ts";
import { modelError } from "./known-model.ts";
import { schemasIn } from "./schemas-in.ts";

/**
 * Refuses definitions that lead back to themselves.
 *
 * @see https://github.com/egonSchiele/agency-lang/issues/487
 */
export function refuseRecursion(
  root: JsonObject,
  schemas: readonly JsonObject[],
): void {
  const references = new Set(schemas.map((schema) => stringAt(schema, "$ref")));
  for (const start of references) {
    if (start === undefined) continue;
    const seen = new Set<string>();
    const open = [start];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const target = targetOf(root, at);
      for (const schema of isObject(target) ? schemasIn(target) : []) {
        const next = stringAt(schema, "$ref");
        if (next === start)
          modelError(
            `output_config.format.schema: Circular reference detected in schema definitions: ${nameOf(start)} -> ${nameOf(at)}. Self-referencing or mutually-referencing definitions are not supported.`,
          );
        if (next === undefined || seen.has(next)) continue;
        seen.add(next);
        open.push(next);
      }
    }
  }
}

function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

function targetOf(root: JsonObject, reference: string): unknown {
  let value: unknown = root;
  for (const part of reference.split("/").slice(1))
    value = member(value, part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return value;
}
