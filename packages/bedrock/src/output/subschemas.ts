export type Schema = Readonly<Record<string, unknown>>;

export const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

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
      if (!isSchema(value)) return [keyword, value];
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
const MOST_LEVELS = 1_000;

export function isTooDeep(value: unknown): boolean {
  const rest: (readonly [unknown, level: number])[] = [[value, 1]];
  const seen = new Map<unknown, number>();
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const [current, level] = next;
    if (typeof current !== "object" || current === null) continue;
    if (level > MOST_LEVELS) return true;
    if ((seen.get(current) ?? 0) >= level) continue;
    seen.set(current, level);
    for (const part of Object.values(current)) rest.push([part, level + 1]);
  }
  return false;
}
