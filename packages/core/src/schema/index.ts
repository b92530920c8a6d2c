export { type NormalizedSchema, toJsonSchema } from "./to-json-schema.ts";
export type {
  InferOutput,
  JsonSchema,
  OutputSchema,
  SchemaPair,
  Shorthand,
  ShorthandField,
  ShorthandItem,
  ShorthandName,
  StandardIssue,
  StandardSchema,
  StandardSchemaWithJson,
} from "./types.ts";
