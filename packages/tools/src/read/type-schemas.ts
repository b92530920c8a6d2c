import {
  createFormatter,
  createParser,
  DEFAULT_CONFIG,
  SchemaGenerator,
} from "ts-json-schema-generator";
import type ts from "typescript";
import { in2020 } from "../schema/dialect.ts";
import type { JsonObject } from "../schema/json.ts";
import { withoutReferences } from "../schema/references.ts";

/** The JSON Schema of a type as it is written; comments are its descriptions, and tags such as `@minimum` its bounds. */
export type SchemaOf = (type: ts.TypeNode) => JsonObject;

export function schemasOf(program: ts.Program): SchemaOf {
  const config = {
    ...DEFAULT_CONFIG,
    tsProgram: program,
    // Every named type gets a reference by its name: whether that stays is decided here.
    expose: "all" as const,
    topRef: false,
    encodeRefs: false,
    functions: "fail" as const,
  };
  const generator = new SchemaGenerator(
    program,
    createParser(program, config),
    createFormatter(config),
    config,
  );
  return (type) => {
    const { $schema: _, ...schema } = generator.createSchemaFromNodes([type]);
    // What the generator writes is JSON, although its types allow for undefined.
    return in2020(withoutReferences(schema as JsonObject));
  };
}
