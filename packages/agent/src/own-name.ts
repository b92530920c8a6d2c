import { ConfigurationError, type OutputSchema } from "@lambdallm/core";
import {
  type NormalizedSchema,
  reasonOf,
  toJsonSchema,
} from "@lambdallm/core/feature";

/** Says which of many it is, as in `tool "weather"`, where what was given tells it. */
export function ownName(kind: string, options: unknown): string {
  const name: unknown = Reflect.get(Object(options), "name");
  return typeof name === "string" ? `${kind} "${name}"` : kind;
}

/** @throws {ConfigurationError} saying whose schema is wrong. */
export function schemaOf(
  owner: string,
  option: string,
  schema: OutputSchema,
): NormalizedSchema {
  try {
    return toJsonSchema(schema);
  } catch (cause) {
    throw new ConfigurationError(`${owner}: ${option}: ${reasonOf(cause)}`, {
      cause,
    });
  }
}
