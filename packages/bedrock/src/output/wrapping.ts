/** Tools and the native mode take a schema whose top is an object; another one becomes a field of one. */
const FIELD = "value";

/** How the text of a wrapped value begins. What follows the value, a brace, is no part of it. */
export const WRAPPED_START = /^\s*\{\s*"value"\s*:\s*/;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function isWrapped(schema: object): boolean {
  return Reflect.get(schema, "type") !== "object";
}

export function wrap(schema: object): object {
  if (!isWrapped(schema)) return schema;
  return {
    type: "object",
    properties: { [FIELD]: moved(schema) },
    required: [FIELD],
    additionalProperties: false,
  };
}

export function unwrap(schema: object, value: unknown): unknown {
  if (!isWrapped(schema) || !isObject(value)) return value;
  return Object.hasOwn(value, FIELD) ? value[FIELD] : value;
}

/** References inside the schema start at its top, which is one level further down now. */
function moved(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(moved);
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === "$ref" && typeof value === "string" && value.startsWith("#")
        ? `#/properties/${FIELD}${value.slice(1)}`
        : moved(value),
    ]),
  );
}
