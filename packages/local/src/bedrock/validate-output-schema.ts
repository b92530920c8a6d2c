import {
  arrayAt,
  isObject,
  member,
  numberAt,
  parseJson,
  stringAt,
} from "../json.ts";
import { refuse } from "./service-error.ts";

/** Keywords that the service's grammar compiler does not take. */
const UNSUPPORTED = [
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "maxItems",
];

/** Refuses schemas that are no JSON, and for known models those outside of the service's subset of JSON Schema. */
export function validateOutputSchema(
  jsonSchema: unknown,
  isKnownModel: boolean,
): void {
  const schema = parseJson(stringAt(jsonSchema, "schema") ?? "");
  if (!isObject(schema))
    refuse(
      "The value at outputConfig.textFormat.structure.jsonSchema.schema is not a valid JSON object.",
    );
  if (isKnownModel) validateSubset(schema);
}

function refuseSchema(text: string): never {
  refuse(
    `The model returned the following errors: output_config.format.schema: ${text}`,
  );
}

function validateSubset(schema: unknown): void {
  if (!isObject(schema)) return;
  const type = stringAt(schema, "type");
  const isObjectSchema =
    type === "object" || member(schema, "properties") !== undefined;
  if (isObjectSchema && member(schema, "additionalProperties") !== false)
    refuseSchema(
      "For 'object' type, 'additionalProperties' must be explicitly set to false",
    );
  for (const keyword of UNSUPPORTED)
    if (member(schema, keyword) !== undefined)
      refuseSchema(
        `For '${type ?? "any"}' type, property '${keyword}' is not supported`,
      );
  const minItems = numberAt(schema, "minItems") ?? 0;
  if (minItems > 1)
    refuseSchema(
      "For 'array' type, 'minItems' values other than 0 or 1 are not supported",
    );
  const reference = stringAt(schema, "$ref");
  if (reference !== undefined && !reference.startsWith("#/"))
    refuseSchema(
      `'$ref' must point into the schema and not be recursive: ${reference}`,
    );
  for (const inner of schemasIn(schema)) validateSubset(inner);
}

function schemasIn(schema: unknown): readonly unknown[] {
  const named = ["properties", "$defs", "definitions"].flatMap((key) => {
    const schemas = member(schema, key);
    return isObject(schemas) ? Object.values(schemas) : [];
  });
  const listed = ["anyOf", "oneOf", "allOf"].flatMap((key) =>
    arrayAt(schema, key),
  );
  return [...named, ...listed, member(schema, "items")];
}
