import { isObject } from "@lambdallm/core/feature";
import {
  arrayAt,
  type JsonObject,
  member,
  numberAt,
  parseJson,
  stringAt,
} from "../json.ts";
import { type Checked, isClaudeModel, modelError } from "./known-model.ts";
import { refuseComplexity } from "./schema-complexity.ts";
import { refuseRecursion } from "./schema-recursion.ts";
import { schemasIn } from "./schemas-in.ts";
import { refuse } from "./service-error.ts";

/**
 * Keywords that the service's grammar compiler does not take; those that it has never heard of it ignores.
 *
 * @see https://github.com/BerriAI/litellm/pull/34319
 */
const UNSUPPORTED = [
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "maxItems",
  "uniqueItems",
  "prefixItems",
  "minProperties",
  "maxProperties",
  "patternProperties",
  "propertyNames",
  "dependentRequired",
  "dependentSchemas",
  "unevaluatedProperties",
  "if",
  "then",
  "else",
  "not",
];

/**
 * Refuses schemas that are no JSON, and for known models those outside of the service's subset of JSON Schema.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
 */
export function validateOutputSchema(
  jsonSchema: unknown,
  request: Checked,
): void {
  const root = parseJson(stringAt(jsonSchema, "schema") ?? "");
  if (!isObject(root))
    refuse(
      "The value at outputConfig.textFormat.structure.jsonSchema.schema is not a valid JSON object.",
    );
  if (request.model === undefined) return;
  const schemas = schemasIn(root);
  for (const schema of schemas) validateSubset(schema);
  refuseRecursion(root, schemas);
  if (isClaudeModel(request)) refuseComplexity(schemas);
}

function refuseSchema(text: string): never {
  modelError(`output_config.format.schema: ${text}`);
}

function validateSubset(schema: JsonObject): void {
  const type = stringAt(schema, "type") ?? "any";
  validateObject(schema, type);
  const unsupported = UNSUPPORTED.filter((key) => Object.hasOwn(schema, key));
  if (unsupported.length === 1)
    refuseSchema(
      `For '${type}' type, property '${unsupported[0]}' is not supported`,
    );
  if (unsupported.length > 1)
    refuseSchema(
      `For '${type}' type, properties ${unsupported.sort().join(", ")} are not supported`,
    );
  if (Object.hasOwn(schema, "oneOf"))
    refuseSchema("Schema type 'oneOf' is not supported");
  const minItems = numberAt(schema, "minItems") ?? 0;
  if (minItems > 1)
    refuseSchema(
      "For 'array' type, 'minItems' values other than 0 or 1 are not supported",
    );
  validateEnum(schema);
  // Documented; the words are not.
  if (arrayAt(schema, "allOf").some((one) => member(one, "$ref") !== undefined))
    refuseSchema("'allOf' with '$ref' is not supported");
  const reference = stringAt(schema, "$ref");
  if (reference?.startsWith("#/") === false)
    refuseSchema(
      `'$ref' must point into the schema and not be recursive: ${reference}`,
    );
}

function validateObject(schema: JsonObject, type: string): void {
  const isObjectSchema =
    type === "object" || member(schema, "properties") !== undefined;
  const additional = member(schema, "additionalProperties");
  if (!isObjectSchema || additional === false) return;
  if (additional === undefined)
    refuseSchema(
      "For 'object' type, 'additionalProperties' must be explicitly set to false",
    );
  refuseSchema(
    `For 'object' type, 'additionalProperties: ${isObject(additional) ? "object" : additional}' is not supported. Please set 'additionalProperties' to false`,
  );
}

/**
 * Values have to be of the one type that is declared; beside a list of types no value is.
 *
 * @see https://github.com/BerriAI/litellm/issues/37881
 */
function validateEnum(schema: JsonObject): void {
  const declared = member(schema, "type");
  for (const value of arrayAt(schema, "enum")) {
    // Documented; the words are not.
    if (typeof value === "object" && value !== null)
      refuseSchema(
        "Invalid schema: Enum values must be strings, numbers, booleans or null",
      );
    if (declared !== undefined && !fits(value, declared))
      refuseSchema(
        `Invalid schema: Enum value ${quoted(value)} does not match declared type '${written(declared)}'`,
      );
  }
}

function fits(value: unknown, type: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  return type === (value === null ? "null" : typeof value);
}

/** As Python writes it, which the service is written in. */
function quoted(value: unknown): string {
  if (value === null) return "'None'";
  if (typeof value !== "boolean") return `'${value}'`;
  return value ? "'True'" : "'False'";
}

function written(type: unknown): string {
  return Array.isArray(type) ? `[${type.map(quoted).join(", ")}]` : `${type}`;
}
