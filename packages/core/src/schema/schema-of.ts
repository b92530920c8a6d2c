import { inOption } from "../checks/in-option.ts";
import { type NormalizedSchema, toJsonSchema } from "./to-json-schema.ts";
import type { OutputSchema } from "./types.ts";

/** @throws {ConfigurationError} saying whose schema is wrong, and in which option. */
export function schemaOf(
  owner: string,
  option: string,
  schema: OutputSchema,
): NormalizedSchema {
  return inOption(owner, option, () => toJsonSchema(schema));
}
