import { HAIKU } from "../helpers.ts";
import {
  fromModel,
  GPT_OSS,
  type Input,
  type Refusal,
  SONNET_4,
} from "./refusal.ts";

const closed = (properties: object, more: object = {}) => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...more,
});
const shaped = (schema: unknown, modelId = HAIKU): Input => ({
  modelId,
  outputConfig: {
    textFormat: {
      type: "json_schema",
      structure: { jsonSchema: { schema: JSON.stringify(schema) } },
    },
  },
});
const one = (property: unknown): Input => shaped(closed({ p: property }));
const inSchema = (text: string) =>
  fromModel(`output_config.format.schema: ${text}`);
const mismatch = (value: string, type: string) =>
  inSchema(
    `Invalid schema: Enum value ${value} does not match declared type '${type}'`,
  );
/** So many properties of a kind. */
const many = (count: number, property: object = { type: "string" }) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`p${index}`, property]),
  );
const values = (count: number) => ({
  type: "string",
  enum: Array.from({ length: count }, (_, index) => `v${index}`),
});
const nullable = { anyOf: [{ type: "string" }, { type: "null" }] };
const node = (next: object) => ({ $defs: { node: closed({ next }) } });
const unsupported = (key: string) =>
  inSchema(`For 'any' type, property '${key}' is not supported`);

export const schemas: readonly Refusal[] = [
  {
    what: "not every model has native output",
    refused: shaped(closed({}), SONNET_4),
    taken: shaped(closed({})),
    text: fromModel("output_config.format: Extra inputs are not permitted"),
  },
  {
    what: "an object says that it is closed",
    refused: one({ type: "object" }),
    taken: one(closed({})),
    text: inSchema(
      "For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
  },
  ...([true, { type: "string" }] as const).map(
    (additionalProperties): Refusal => ({
      what: `an object is closed, so its additionalProperties are not ${JSON.stringify(additionalProperties)}`,
      refused: one(closed({}, { additionalProperties })),
      taken: one(closed({})),
      text: inSchema(
        `For 'object' type, 'additionalProperties: ${additionalProperties === true ? true : "object"}' is not supported. Please set 'additionalProperties' to false`,
      ),
    }),
  ),
  {
    what: "a list of types goes with no enum",
    refused: one({
      type: ["string", "null"],
      enum: ["low", "high", null],
    }),
    taken: one({
      anyOf: [{ type: "string", enum: ["low", "high"] }, { type: "null" }],
    }),
    text: mismatch("'low'", "['string', 'null']"),
  },
  {
    what: "the values of an enum have its type",
    refused: one({ type: "string", enum: ["low", null] }),
    taken: one({ enum: ["low", null, 1, true] }),
    text: mismatch("'None'", "string"),
  },
  ...(
    [
      ["1.5", 1.5, "integer", 1],
      ["True", true, "number", 1.5],
      ["False", false, "null", null],
      ["None", null, "boolean", true],
    ] as const
  ).map(
    ([shown, wrong, type, right]): Refusal => ({
      what: `${shown} is no ${type}`,
      refused: one({ type, enum: [wrong] }),
      taken: one({ type, enum: [right] }),
      text: mismatch(`'${shown}'`, type),
    }),
  ),
  {
    what: "the values of an enum are no objects",
    refused: one({ enum: [{ a: 1 }] }),
    taken: one({ enum: ["a"] }),
    text: inSchema(
      "Invalid schema: Enum values must be strings, numbers, booleans or null",
    ),
  },
  {
    what: "a choice is anyOf, not oneOf",
    refused: one({ oneOf: [{ type: "string" }] }),
    taken: one({ anyOf: [{ type: "string" }] }),
    text: inSchema("Schema type 'oneOf' is not supported"),
  },
  {
    what: "allOf has no references",
    refused: shaped(
      closed(
        { p: { allOf: [{ $ref: "#/$defs/s" }] } },
        { $defs: { s: { type: "string" } } },
      ),
    ),
    taken: one({ allOf: [{ type: "string" }] }),
    text: inSchema("'allOf' with '$ref' is not supported"),
  },
  ...["uniqueItems", "prefixItems", "patternProperties", "not", "if"].map(
    (key): Refusal => ({
      what: `there is no ${key}`,
      refused: one({ [key]: {} }),
      taken: one({ "x-unknown": {} }),
      text: unsupported(key),
    }),
  ),
  {
    what: "several unknown keywords are named together",
    refused: one({ type: "integer", minimum: 1, maximum: 2 }),
    taken: one({ type: "integer" }),
    text: inSchema(
      "For 'integer' type, properties maximum, minimum are not supported",
    ),
  },
  {
    what: "a definition does not lead back to itself",
    refused: shaped(
      closed(
        { first: { $ref: "#/$defs/node" } },
        node({ anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] }),
      ),
    ),
    taken: shaped(
      closed(
        { first: { $ref: "#/$defs/node" }, second: { $ref: "#/$defs/node" } },
        node({ type: "null" }),
      ),
    ),
    text: inSchema(
      "Circular reference detected in schema definitions: node -> node. Self-referencing or mutually-referencing definitions are not supported.",
    ),
  },
  {
    what: "nor by way of another one",
    refused: shaped({
      $ref: "#/$defs/a",
      $defs: {
        a: closed({ b: { $ref: "#/$defs/b~1c" } }),
        "b/c": closed({ a: { $ref: "#/$defs/a" } }),
      },
    }),
    taken: shaped({
      $ref: "#/$defs/a",
      $defs: {
        a: closed({ b: { $ref: "#/$defs/b~1c" } }),
        "b/c": closed({ a: { $ref: "#/$defs/gone" } }),
      },
    }),
    text: inSchema(
      "Circular reference detected in schema definitions: a -> b~1c. Self-referencing or mutually-referencing definitions are not supported.",
    ),
  },
  {
    what: "there are 24 optional properties at most",
    refused: shaped(closed(many(25), { required: [] })),
    taken: shaped(closed(many(25), { required: ["p0"] })),
    text: fromModel(
      "Schemas contains too many optional parameters (25), which would make grammar compilation inefficient. Reduce the number of optional parameters in your tool schemas (limit: 24).",
    ),
  },
  ...[nullable, { type: ["string", "null"] }].map(
    (union): Refusal => ({
      what: `there are 16 unions at most, such as ${JSON.stringify(union)}`,
      refused: shaped(closed(many(17, union))),
      taken: shaped(closed(many(16, union))),
      text: fromModel(
        "Schemas contains too many parameters with union types (17 parameters with type arrays or anyOf). This causes exponential compilation cost. Reduce the number of nullable or union-typed parameters (limit: 16 parameters with unions).",
      ),
    }),
  ),
  {
    what: "enumerations have their bound",
    refused: shaped(closed({ a: values(200), b: values(41) })),
    taken: shaped(closed({ a: values(200), b: values(40) })),
    text: fromModel(
      "Schema is too complex for compilation. Try reducing the number of tools or simplifying tool schemas.",
    ),
  },
  {
    what: "the grammar has its bound",
    refused: shaped(closed(many(101))),
    taken: shaped(closed(many(100))),
    text: inSchema(
      "Invalid schema: The compiled grammar is too large, which would cause performance issues. Simplify your tool schemas or reduce the number of strict tools.",
    ),
  },
  {
    what: "these bounds are Claude's",
    refused: shaped(closed(many(101))),
    taken: shaped(closed(many(101)), GPT_OSS),
    text: inSchema(
      "Invalid schema: The compiled grammar is too large, which would cause performance issues. Simplify your tool schemas or reduce the number of strict tools.",
    ),
  },
];
