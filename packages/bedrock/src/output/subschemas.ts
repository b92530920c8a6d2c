import { isObject } from "@lambdallm/core/feature";
export type Schema = Readonly<Record<string, unknown>>;

/** The keywords with a schema in them. What the others hold, such as `const`, is data. */
const ONE: ReadonlySet<string> = new Set(
  `additionalItems additionalProperties contains contentSchema else if items not propertyNames then unevaluatedItems
  unevaluatedProperties`.split(/\s+/),
);
/** With a list of them; `items` before draft 2020-12. */
const LIST: ReadonlySet<string> = new Set([
  "allOf",
  "anyOf",
  "items",
  "oneOf",
  "prefixItems",
]);
/** With schemas by name: a property may be called like a keyword. */
const MAP: ReadonlySet<string> = new Set([
  "$defs",
  "definitions",
  "dependencies",
  "dependentSchemas",
  "patternProperties",
  "properties",
]);

/** A copy of a schema with the schemas right inside of it changed. */
export function mapSubschemas(
  schema: Schema,
  change: (part: unknown, keyword: string) => unknown,
): Schema {
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      const changed = (part: unknown) => change(part, keyword);
      if (Array.isArray(value))
        return [keyword, LIST.has(keyword) ? value.map(changed) : value];
      if (!isObject(value)) return [keyword, value];
      if (ONE.has(keyword)) return [keyword, changed(value)];
      if (!MAP.has(keyword)) return [keyword, value];
      const parts = Object.entries(value).map(
        ([name, part]) => [name, changed(part)] as const,
      );
      return [keyword, Object.fromEntries(parts)];
    }),
  );
}

/** Levels of JSON that can be read and written on any stack; no model takes a schema that is half as deep. */
export const MOST_LEVELS = 1_000;

/** What a reference inside of a schema points to; undefined where it leads nowhere, or elsewhere. */
export function targetOf(root: Schema, reference: string): unknown {
  if (!reference.startsWith("#/")) return undefined;
  let value: unknown = root;
  for (const part of reference.slice(2).split("/")) {
    const key = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
    if (!Object.hasOwn(Object(value), key)) return undefined;
    value = Reflect.get(Object(value), key);
  }
  return value;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A percent sign that encodes nothing is one.
    return part;
  }
}
