import type { FromSchema, JSONSchema } from "json-schema-to-ts";

/** A library's schema object, see https://standardschema.dev. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": StandardProps<Input, Output>;
}

/** A Standard Schema that can tell its JSON Schema, see https://standardschema.dev/json-schema: zod 4, arktype, valibot. */
export interface StandardSchemaWithJson<Input = unknown, Output = Input> {
  readonly "~standard": StandardProps<Input, Output> & {
    readonly jsonSchema: {
      readonly input: JsonSchemaWriter;
      readonly output: JsonSchemaWriter;
    };
  };
}

interface StandardProps<Input, Output> {
  readonly version: 1;
  readonly vendor: string;
  readonly validate: (
    value: unknown,
  ) => StandardResult<Output> | Promise<StandardResult<Output>>;
  readonly types?:
    | { readonly input: Input; readonly output: Output }
    | undefined;
}

type JsonSchemaWriter = (options: {
  readonly target: "draft-2020-12";
}) => Readonly<Record<string, unknown>>;

type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?:
    | readonly (PropertyKey | { readonly key: PropertyKey })[]
    | undefined;
}

/** A Standard Schema that cannot tell its JSON Schema, together with it. */
export interface SchemaPair<Schema extends StandardSchema = StandardSchema> {
  readonly schema: Schema;
  readonly jsonSchema: object;
}

type TypeName =
  | "string"
  | "number"
  | "integer"
  | "boolean"
  | "object"
  | "array"
  | "null";

/** What tells a JSON Schema from a shorthand; `to-json-schema.ts` has the same rule for run time. */
type Marked =
  | { readonly $schema: string }
  | { readonly $ref: string }
  | { readonly $id: string }
  | { readonly $defs: object }
  | { readonly enum: readonly unknown[] }
  | { readonly const: unknown }
  | { readonly properties: { readonly [name: string]: object | boolean } }
  | { readonly anyOf: readonly (object | boolean)[] }
  | { readonly oneOf: readonly (object | boolean)[] }
  | { readonly allOf: readonly (object | boolean)[] };

type Typed = { readonly type: TypeName | readonly TypeName[] };

/** A JSON Schema of draft 2020-12, in its object form. */
export type JsonSchema = Exclude<JSONSchema, boolean> &
  (Marked | Typed) & { readonly "~standard"?: never };

/** Keywords that may stand beside `type`. With any other name beside it, `type` is a field of a shorthand. */
type Keyword =
  | keyof Exclude<JSONSchema, boolean>
  | "deprecated"
  | "prefixItems"
  | "minContains"
  | "maxContains"
  | "dependentRequired"
  | "dependentSchemas"
  | "unevaluatedItems"
  | "unevaluatedProperties"
  | "contentSchema"
  | "$anchor"
  | "$dynamicRef"
  | "$dynamicAnchor"
  | "$vocabulary";

type IsJsonSchema<S> = S extends Marked
  ? true
  : S extends Typed
    ? [Exclude<keyof S, Keyword>] extends [never]
      ? true
      : false
    : false;

interface Named {
  readonly string: string;
  readonly str: string;
  readonly number: number;
  readonly float: number;
  readonly integer: number;
  readonly int: number;
  readonly boolean: boolean;
  readonly bool: boolean;
  readonly object: { [name: string]: unknown };
  readonly dict: { [name: string]: unknown };
  readonly array: unknown[];
  readonly list: unknown[];
}

/** Names of types in a shorthand: those of JSON Schema, and Python's. */
export type ShorthandName = keyof Named;

/** One element of a list in a shorthand. */
export type ShorthandItem =
  | ShorthandName
  | JsonSchema
  | Shorthand
  | readonly [ShorthandItem];

export type ShorthandField = ShorthandItem | `${ShorthandName}?`;

/**
 * An object by its fields: `{ title: "string", rating: "integer?", tags: ["string"], author: { name: "string" } }`.
 * A `?` makes a field optional; other fields than these are not allowed.
 */
export interface Shorthand {
  readonly [field: string]: ShorthandField;
}

/** What a schema can be given as. */
export type OutputSchema =
  | JsonSchema
  | Shorthand
  | StandardSchemaWithJson
  | SchemaPair;

type Flat<T> = { [K in keyof T]: T[K] };

type InferShorthand<S> = Flat<
  {
    -readonly [K in keyof S as S[K] extends `${string}?`
      ? never
      : K]: InferField<S[K]>;
  } & {
    -readonly [K in keyof S as S[K] extends `${string}?`
      ? K
      : never]?: InferField<S[K]>;
  }
>;

type InferField<F> = F extends `${infer Name extends ShorthandName}?`
  ? Named[Name]
  : F extends ShorthandName
    ? Named[F]
    : F extends readonly [infer Item]
      ? InferField<Item>[]
      : InferObject<F>;

type InferObject<S> = ByKind<S>[ObjectKind<S>];

type ObjectKind<S> = IsJsonSchema<S> extends true ? "json" : "shorthand";

/**
 * An interface, whose members are looked at one by one: inside of a conditional type TypeScript would try
 * json-schema-to-ts on the type parameter of a generic function, where it finds no end.
 */
interface ByKind<S> {
  readonly any: unknown;
  readonly json: S extends JSONSchema
    ? FromSchema<S, { keepDefaultedPropertiesOptional: true }>
    : never;
  readonly shorthand: InferShorthand<S>;
  readonly standard: S extends {
    readonly "~standard": {
      readonly types?: { readonly output: infer Output } | undefined;
    };
  }
    ? Output
    : unknown;
  readonly pair: S extends { readonly schema: infer Schema }
    ? ByKind<Schema>["standard"]
    : never;
}

type Kind<S> = [JsonSchema] extends [S]
  ? "any"
  : [Shorthand] extends [S]
    ? "any"
    : S extends { readonly "~standard": unknown }
      ? "standard"
      : S extends { readonly schema: { readonly "~standard": unknown } }
        ? "pair"
        : ObjectKind<S>;

/** The type of what a schema lets through. Unknown where the schema is not known when the code is compiled. */
export type InferOutput<S> = ByKind<S>[Kind<S>];
