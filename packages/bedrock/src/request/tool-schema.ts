import { isClaude, isNova } from "@lambdallm/core";
import { isWrapped, wrap } from "../output/wrapping.ts";
import { isObject } from "./blocks.ts";

type Schema = Record<string, unknown>;

/** All that Nova takes at the top of a tool's schema. */
const NOVA_TOP: ReadonlySet<string> = new Set([
  "type",
  "properties",
  "required",
]);

export interface ToolSchema {
  readonly schema: object;
  /** The arguments come as the one field of an object. */
  readonly wrapped: boolean;
  /** More was changed than what every model ignores. */
  readonly changed: boolean;
}

/** Schemas are constants of a program: each is compiled once for each kind of model. */
const compiled = new WeakMap<object, Map<string, ToolSchema>>();

/**
 * A tool's schema as the model at hand takes it: its top is an object without `$schema`; a union, or anything else that is no
 * object, becomes a field of one. Nova knows nothing else at the top than `type`, `properties` and `required`.
 */
export function toolSchema(given: object, id: string): ToolSchema {
  const family = isNova(id) ? "nova" : isClaude(id) ? "claude" : "other";
  const known = compiled.get(given) ?? new Map<string, ToolSchema>();
  compiled.set(given, known);
  const present = known.get(family);
  if (present !== undefined) return present;
  const schema = compileSchema(given, family === "nova");
  known.set(family, schema);
  return schema;
}

function compileSchema(given: object, forNova: boolean): ToolSchema {
  const { $schema: _, ...plain }: Schema = { ...given };
  const typed = hasObjectForm(plain) ? { ...plain, type: "object" } : plain;
  const wrapped = isWrapped(typed);
  const schema: Schema = { ...wrap(typed) };
  if (!forNova) return { schema, wrapped, changed: wrapped };
  const inlined = withoutReferences(schema);
  const top = Object.entries(inlined).filter(([key]) => NOVA_TOP.has(key));
  return {
    schema: Object.fromEntries(top),
    wrapped,
    changed: wrapped || top.length < Object.keys(schema).length,
  };
}

/** `{}` and `{ properties }` mean an object here, as arguments are one. */
function hasObjectForm(schema: Schema): boolean {
  if (schema["type"] !== undefined) return false;
  return !["anyOf", "oneOf", "allOf", "$ref", "enum", "const", "not"].some(
    (key) => key in schema,
  );
}

const DEFINITIONS = ["$defs", "definitions"];

/** What the top defines is said where it is used; what refers to itself ends there as any value. */
function withoutReferences(root: Schema): Schema {
  if (!DEFINITIONS.some((key) => key in root)) return root;
  const inline = (value: unknown, path: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((part) => inline(part, path));
    if (!isObject(value)) return value;
    const { $ref: reference, ...rest } = value;
    if (typeof reference !== "string")
      return Object.fromEntries(
        Object.entries(value).map(([key, part]) => [key, inline(part, path)]),
      );
    const target = path.includes(reference) ? undefined : at(root, reference);
    const meant = inline(target ?? {}, [...path, reference]);
    return { ...Object(meant), ...rest };
  };
  return Object.fromEntries(
    Object.entries(root)
      .filter(([key]) => !DEFINITIONS.includes(key))
      .map(([key, value]) => [key, inline(value, [])]),
  );
}

/** The definition that a reference points to; undefined for one to elsewhere. */
function at(root: Schema, reference: string): unknown {
  if (!reference.startsWith("#/")) return undefined;
  let value: unknown = root;
  for (const part of reference.slice(2).split("/")) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    value =
      isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value;
}
