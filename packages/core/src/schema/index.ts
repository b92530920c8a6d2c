export { extractJson } from "./extract-json.ts";
export { PartialJson } from "./partial-json.ts";
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
export { compileValidator, type Validator, type Verdict } from "./validate.ts";
export { withoutProto } from "./without-proto.ts";
