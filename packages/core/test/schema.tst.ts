import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import { describe, expect, test } from "tstyche";
import * as v from "valibot";
import { z } from "zod";
import type {
  InferOutput,
  JsonSchema,
  OutputSchema,
  Shorthand,
} from "../src/schema/types.ts";

declare function ask<const S extends OutputSchema>(schema: S): InferOutput<S>;

describe("the type of a value follows from its schema", () => {
  test("a shorthand", () => {
    expect(
      ask({
        title: "string",
        rating: "integer?",
        tags: ["string"],
        author: { name: "str", age: "int?" },
        rows: [{ price: "float", isNew: "bool" }],
        extra: "dict",
        rest: "list?",
      }),
    ).type.toBe<{
      title: string;
      rating?: number;
      tags: string[];
      author: { name: string; age?: number };
      rows: { price: number; isNew: boolean }[];
      extra: { [name: string]: unknown };
      rest?: unknown[];
    }>();
  });

  test("a shorthand with a field called type", () => {
    expect(ask({ type: "string", street: "string" })).type.toBe<{
      type: string;
      street: string;
    }>();
  });

  test("a shorthand with a field in JSON Schema", () => {
    expect(
      ask({ mood: { enum: ["good", "bad"] }, score: "number" }),
    ).type.toBe<{ mood: "good" | "bad"; score: number }>();
  });

  test("a JSON Schema", () => {
    expect(
      ask({
        type: "object",
        properties: {
          title: { type: "string", minLength: 1 },
          rating: { type: "integer", default: 3 },
          tags: { type: "array", items: { type: "string" } },
        },
        required: ["title", "tags"],
        additionalProperties: false,
      }),
    ).type.toBe<{ title: string; rating?: number; tags: string[] }>();
    expect(ask({ type: "string" })).type.toBe<string>();
    expect(ask({ enum: ["a", 1] })).type.toBe<"a" | 1>();
    expect(ask({ anyOf: [{ type: "string" }, { type: "null" }] })).type.toBe<
      string | null
    >();
  });

  test("zod, arktype and valibot", () => {
    expect(
      ask(z.object({ title: z.string(), size: z.string().transform(Number) })),
    ).type.toBe<{ title: string; size: number }>();
    expect(ask(type({ title: "string", "size?": "number" }))).type.toBe<{
      title: string;
      size?: number;
    }>();
    expect(
      ask(toStandardJsonSchema(v.object({ title: v.string() }))),
    ).type.toBe<{ title: string }>();
  });

  test("a Standard Schema with a JSON Schema beside it", () => {
    expect(
      ask({
        schema: v.object({ title: v.string() }),
        jsonSchema: { type: "object" },
      }),
    ).type.toBe<{ title: string }>();
  });

  test("unknown when the schema is not known", () => {
    const wide = (schema: OutputSchema) => ask(schema);
    expect(wide).type.toBe<(schema: OutputSchema) => unknown>();
    expect<InferOutput<JsonSchema>>().type.toBe<unknown>();
    expect<InferOutput<Shorthand>>().type.toBe<unknown>();
  });
});

describe("these do not compile", () => {
  test("a wrong field type of a shorthand", () => {
    expect(ask).type.not.toBeCallableWith({ title: "strin" });
    expect(ask).type.not.toBeCallableWith({ title: "string", n: 1 });
    expect(ask).type.not.toBeCallableWith({ a: { b: "strin?" } });
    expect(ask).type.not.toBeCallableWith({ tags: ["strin"] });
    expect(ask).type.not.toBeCallableWith({ tags: ["string", "number"] });
    expect(ask).type.not.toBeCallableWith({ tags: ["string?"] });
    expect(ask).type.not.toBeCallableWith({ title: "strin", description: "a" });
  });

  test("a wrong type name in a JSON Schema", () => {
    expect(ask).type.not.toBeCallableWith({ type: "strin" });
    expect(ask).type.not.toBeCallableWith({
      type: "object",
      properties: { a: { type: "strin" } },
    });
  });

  test("a schema that cannot tell its JSON Schema", () => {
    expect(ask).type.not.toBeCallableWith(v.object({ title: v.string() }));
    expect(ask).type.not.toBeCallableWith("string");
    expect(ask).type.not.toBeCallableWith(["string"]);
  });
});
