import { arrayAt, type JsonObject, member } from "../json.ts";
import { modelError } from "./known-model.ts";

/** https://platform.claude.com/docs/en/build-with-claude/structured-outputs#schema-complexity-limits */
const MAX_OPTIONAL = 24;
const MAX_UNIONS = 16;

/**
 * The bounds of the grammar itself are not published. Users met them at 180 to 240 values of enumerations, and between 60
 * and 100 properties; here they are the largest numbers that somebody got through or might have.
 */
const MAX_ENUM_VALUES = 240;
const MAX_PROPERTIES = 100;

/** Refuses schemas that are within the subset, and whose grammar is too large all the same. */
export function refuseComplexity(schemas: readonly JsonObject[]): void {
  const properties = schemas.flatMap((schema) => propertiesOf(schema));
  const optional = properties.filter(({ isRequired }) => !isRequired).length;
  if (optional > MAX_OPTIONAL)
    modelError(
      `Schemas contains too many optional parameters (${optional}), which would make grammar compilation inefficient. Reduce the number of optional parameters in your tool schemas (limit: ${MAX_OPTIONAL}).`,
    );
  const unions = properties.filter(({ schema }) => isUnion(schema)).length;
  if (unions > MAX_UNIONS)
    modelError(
      `Schemas contains too many parameters with union types (${unions} parameters with type arrays or anyOf). This causes exponential compilation cost. Reduce the number of nullable or union-typed parameters (limit: ${MAX_UNIONS} parameters with unions).`,
    );
  const values = schemas.flatMap((schema) => arrayAt(schema, "enum")).length;
  if (values > MAX_ENUM_VALUES)
    modelError(
      "Schema is too complex for compilation. Try reducing the number of tools or simplifying tool schemas.",
    );
  if (properties.length > MAX_PROPERTIES)
    modelError(
      "output_config.format.schema: Invalid schema: The compiled grammar is too large, which would cause performance issues. Simplify your tool schemas or reduce the number of strict tools.",
    );
}

function propertiesOf(
  schema: JsonObject,
): readonly { readonly schema: unknown; readonly isRequired: boolean }[] {
  const required = arrayAt(schema, "required");
  return Object.entries(Object(member(schema, "properties"))).map(
    ([name, property]) => ({
      schema: property,
      isRequired: required.includes(name),
    }),
  );
}

function isUnion(schema: unknown): boolean {
  return (
    Array.isArray(member(schema, "type")) || arrayAt(schema, "anyOf").length > 0
  );
}
