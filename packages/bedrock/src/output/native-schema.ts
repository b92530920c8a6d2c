import { isObject } from "@lambdallm/core/feature";
import { type GrammarSize, sizeOf } from "./grammar-bounds.ts";
import { mapSubschemas, type Schema, targetOf } from "./subschemas.ts";
import { typesOf, withType } from "./typed-branch.ts";
import { wrap } from "./wrapping.ts";

/** What constrained decoding takes as it is. */
const KEPT = new Set([
  "$ref",
  "const",
  "default",
  "description",
  "enum",
  "required",
  "title",
  "type",
]);

/** Kept, with schemas inside. */
const NESTED = new Set([
  "$defs",
  "allOf",
  "anyOf",
  "definitions",
  "items",
  "oneOf",
  "properties",
]);

/** Said once, around the branches of several types. */
const AROUND = new Set(["$defs", "definitions", "description", "title"]);

/** They say nothing of which values are taken. */
const SPOKEN = new Set(["default", "description", "title"]);

const FORMATS = new Set([
  "date",
  "date-time",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "time",
  "uri",
  "uuid",
]);

/** Keywords without which the schema would admit what the caller does not mean, or refuse what the caller means. */
const BEYOND = new Set([
  "$dynamicRef",
  "contains",
  "dependencies",
  "dependentRequired",
  "dependentSchemas",
  "else",
  "if",
  "not",
  "patternProperties",
  "prefixItems",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties",
]);

/** Two of these beside each other describe one object together, which closed objects cannot. */
const DESCRIBES = ["$ref", "allOf", "anyOf", "oneOf", "properties"];

/** The schema cannot be said in the subset of the native mode. */
class BeyondSubset extends Error {}

/**
 * The schema in the subset that the native mode accepts, as JSON text: closed objects, one type for a value, no bounds (they go
 * into the descriptions, and the validation that follows knows them). Undefined when it cannot be said: recursion, references
 * to elsewhere, objects with free keys. The same schema gives the same text, because the service caches by it.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
 */
export function nativeSchema(schema: object): NativeSchema | undefined {
  const known = forms.get(schema);
  if (known !== undefined) return known.native;
  let native: NativeSchema | undefined;
  try {
    native = nativeForm({ ...wrap(schema) });
  } catch {
    // It cannot be said, and the next mode takes any schema.
  }
  forms.set(schema, { native });
  return native;
}

interface NativeSchema {
  readonly text: string;
  readonly size: GrammarSize;
}

const forms = new WeakMap<
  object,
  { readonly native: NativeSchema | undefined }
>();

function nativeForm(schema: Schema): NativeSchema {
  followReferences(schema);
  const result = subset(schema);
  // What a reference points to may have moved into a branch.
  followReferences(result);
  return { text: JSON.stringify(result), size: sizeOf(result) };
}

function subset(schema: unknown): Schema {
  // `true` admits anything, which no grammar can be made of.
  if (!isObject(schema)) throw new BeyondSubset();
  const types = typesOf(schema);
  if (types === undefined) return untyped(schema);
  const branches = types.map((type) => withType(schema, type)).filter(isObject);
  const [only, ...others] = branches;
  if (only === undefined) throw new BeyondSubset();
  if (others.length === 0) return typed(only);
  return {
    anyOf: branches.map((branch) => typed(partOf(branch, false))),
    ...mapSubschemas(partOf(schema, true), subset),
  };
}

/** Of a schema with several types: what is said around its branches, or what is said in them. */
function partOf(schema: Schema, around: boolean): Schema {
  return Object.fromEntries(
    Object.entries(schema).filter(
      ([keyword]) => AROUND.has(keyword) === around,
    ),
  );
}

function untyped(schema: Schema): Schema {
  const result = said(schema);
  const { $ref, allOf, anyOf, const: constant, enum: values } = result;
  // Without any of them it admits anything.
  if (
    [$ref, allOf, anyOf, constant, values].every((part) => part === undefined)
  )
    throw new BeyondSubset();
  return result;
}

function typed(schema: Schema): Schema {
  const { type, properties, required, additionalProperties } = schema;
  const result = said(schema);
  if (type === "array" && schema["items"] === undefined)
    throw new BeyondSubset();
  if (type !== "object") return result;
  const names = Object.keys(Object(properties));
  // An object whose keys are not listed is a map, and a closed object without properties would always be empty.
  if (
    (additionalProperties ?? false) !== false ||
    names.length === 0 ||
    (Array.isArray(required) && required.some((name) => !names.includes(name)))
  )
    throw new BeyondSubset();
  return { ...result, additionalProperties: false };
}

function said(schema: Schema): Schema {
  const kept: [string, unknown][] = [];
  const dropped: string[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    if (BEYOND.has(keyword)) throw new BeyondSubset();
    if (KEPT.has(keyword) || NESTED.has(keyword)) kept.push([keyword, value]);
    else if (
      (keyword === "format" && FORMATS.has(String(value))) ||
      (keyword === "minItems" && (value === 0 || value === 1))
    )
      kept.push([keyword, value]);
    else if (
      keyword !== "additionalProperties" &&
      keyword !== "nullable" &&
      !keyword.startsWith("$")
    )
      dropped.push(`${keyword}: ${JSON.stringify(value)}`);
  }
  refuseIntersections(schema);
  refuseStructuredValues(schema);
  const { oneOf, ...result } = withoutReferenceInAllOf(
    mapSubschemas(Object.fromEntries(kept), subset),
  );
  const description =
    dropped.length === 0
      ? undefined
      : [schema["description"], `(${dropped.join("; ")})`]
          .filter(Boolean)
          .join(" ");
  return {
    ...result,
    ...(oneOf !== undefined && { anyOf: oneOf }),
    ...(description !== undefined && { description }),
  };
}

/** The service takes no `allOf` with a reference in it; all of one reference is that reference. */
function withoutReferenceInAllOf(schema: Schema): Schema {
  const { allOf, ...rest } = schema;
  const [only] = Array.isArray(allOf) ? allOf : [];
  if (!isObject(only) || only["$ref"] === undefined) return schema;
  const hasOwnWords = Object.keys(only).some(
    (keyword) => keyword !== "$ref" && !SPOKEN.has(keyword),
  );
  if (hasOwnWords) throw new BeyondSubset();
  return { ...only, ...rest };
}

function refuseIntersections(schema: Schema): void {
  const { allOf } = schema;
  const described = DESCRIBES.filter((keyword) => keyword in schema);
  if (described.length > 1 || (Array.isArray(allOf) && allOf.length > 1))
    throw new BeyondSubset();
}

/** A grammar has constants of scalars only. */
function refuseStructuredValues({
  enum: values = [],
  ...schema
}: Schema): void {
  const all = [...Array.from(values as Iterable<unknown>), schema["const"]];
  if (all.some((value) => typeof value === "object" && value !== null))
    throw new BeyondSubset();
}

/** A reference that comes back to itself, that leads nowhere, or that leaves the schema is beyond the subset. */
function followReferences(root: Schema): void {
  const harmless = new Set<string>();
  const visit = (schema: unknown, path: ReadonlySet<string>): void => {
    if (!isObject(schema)) return;
    const { $ref: reference, $id: id } = schema;
    // References inside of a part with an identifier start at its own top.
    if (id !== undefined && schema !== root) throw new BeyondSubset();
    if (typeof reference === "string" && !harmless.has(reference)) {
      const target = path.has(reference)
        ? undefined
        : targetOf(root, reference);
      if (target === undefined) throw new BeyondSubset();
      visit(target, new Set([...path, reference]));
      harmless.add(reference);
    }
    mapSubschemas(schema, (part, keyword) => {
      // Those that are used are reached by their references.
      if (keyword !== "$defs" && keyword !== "definitions") visit(part, path);
      return part;
    });
  };
  visit(root, new Set());
}
