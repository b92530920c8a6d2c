import { isObject } from "@lambdallm/core/feature";
import { mapSubschemas, type Schema } from "./subschemas.ts";

/** Tools and the native mode take a schema whose top is a plain object; another one becomes a field of one. */
const FIELD = "value";

/** How the text of a wrapped value begins. What follows the value, a brace, is no part of it. */
export const WRAPPED_START = /^\s*\{\s*"value"\s*:\s*/;

/** Beside `type: "object"`: Claude refuses "oneOf, allOf, or anyOf at the top level" of a tool's schema, others these too. */
const NOT_AT_THE_TOP = [
  "$ref",
  "allOf",
  "anyOf",
  "const",
  "enum",
  "not",
  "oneOf",
];

const wrapped = new WeakMap<object, object>();

export function isWrapped(schema: object): boolean {
  return (
    Reflect.get(schema, "type") !== "object" ||
    NOT_AT_THE_TOP.some((keyword) => Object.hasOwn(schema, keyword))
  );
}

/** The same object for the same schema. */
export function wrap(schema: object): object {
  if (!isWrapped(schema)) return schema;
  const known = wrapped.get(schema);
  if (known !== undefined) return known;
  const result = {
    type: "object",
    properties: { [FIELD]: moved({ ...schema }) },
    required: [FIELD],
    additionalProperties: false,
  };
  wrapped.set(schema, result);
  return result;
}

export function unwrap(schema: object, value: unknown): unknown {
  if (!isWrapped(schema) || !isObject(value) || !Object.hasOwn(value, FIELD))
    return value;
  const type: unknown = Reflect.get(schema, "type");
  const canBeObject = typeof type !== "string" || type === "object";
  // A model can leave the wrapping out, and the object can have a field of this name.
  if (canBeObject && Object.keys(value).length > 1) return value;
  return value[FIELD];
}

/**
 * References start at the top of the whole, which is one level further up now. The schema's own `$id` goes, so that this stays
 * true, and with it what only a top may have; its anchors are those of the whole.
 */
function moved({ $id, $schema: _, ...schema }: Schema): unknown {
  const id = typeof $id === "string" ? $id.replace(/#$/, "") : undefined;
  const move = (part: unknown): unknown => {
    // The references of a part with an identifier of its own start at its own top.
    if (!isObject(part) || typeof part["$id"] === "string") return part;
    const { $ref } = part;
    const result = mapSubschemas(part, move);
    return typeof $ref === "string"
      ? { ...result, $ref: movedReference($ref, id) }
      : result;
  };
  return move(schema);
}

function movedReference(reference: string, id: string | undefined): string {
  const local =
    id !== undefined && (reference === id || reference.startsWith(`${id}#`))
      ? reference.slice(id.length) || "#"
      : reference;
  return local === "#" || local.startsWith("#/")
    ? `#/properties/${FIELD}${local.slice(1)}`
    : local;
}
