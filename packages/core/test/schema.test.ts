import { inspect } from "node:util";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import {
  ConfigurationError,
  StructuredOutputError,
} from "../src/contract/errors.ts";
import { ZERO_USAGE } from "../src/contract/model-call.ts";
import { toJsonSchema } from "../src/schema/to-json-schema.ts";
import type { OutputSchema } from "../src/schema/types.ts";
import { compileValidator } from "../src/schema/validate.ts";

const book = { title: "Emma", pages: 474 };

const jsonSchema = {
  type: "object",
  properties: { title: { type: "string" }, pages: { type: "integer" } },
  required: ["title", "pages"],
  additionalProperties: false,
} as const;

const kinds: Record<string, OutputSchema> = {
  "JSON Schema": jsonSchema,
  shorthand: { title: "string", pages: "integer" },
  "shorthand with Python's names": { title: "str", pages: "int" },
  zod: z.object({ title: z.string(), pages: z.int() }),
  arktype: type({ title: "string", pages: "number.integer" }),
  valibot: toStandardJsonSchema(
    v.object({ title: v.string(), pages: v.pipe(v.number(), v.integer()) }),
  ),
  "{ schema, jsonSchema }": {
    schema: v.object({ title: v.string(), pages: v.number() }),
    jsonSchema,
  },
};

/** For schemas that the types refuse. */
const untyped = (schema: unknown) => schema as OutputSchema;
const judge = async (schema: unknown, value: unknown) =>
  (await compileValidator(toJsonSchema(untyped(schema))))(value);
const issuesOf = async (schema: unknown, value: unknown) => {
  const verdict = await judge(schema, value);
  return "issues" in verdict ? verdict.issues : [];
};

describe.each(Object.entries(kinds))("a schema given as %s", (_, schema) => {
  test("has a JSON Schema of its fields", () => {
    const { json } = toJsonSchema(schema);
    expect(json).toMatchObject({
      type: "object",
      properties: { title: { type: "string" } },
    });
    expect(new Set(json["required"] as string[])).toEqual(
      new Set(["title", "pages"]),
    );
  });

  test("is turned into JSON Schema and compiled once", () => {
    const normalized = toJsonSchema(schema);
    expect(toJsonSchema(schema)).toBe(normalized);
    expect(compileValidator(normalized)).toBe(compileValidator(normalized));
  });

  test("lets a value through that is right", async () => {
    expect(await judge(schema, book)).toEqual({ value: book });
  });

  test("says where a value is wrong, and does not quote it", async () => {
    const issues = await issuesOf(schema, { title: 1, pages: "secret" });
    expect(issues.map((issue) => issue.slice(0, 6))).toEqual(
      expect.arrayContaining(["/title", "/pages"]),
    );
    expect(issues.join()).not.toContain("secret");
  });
});

describe("toJsonSchema", () => {
  test("writes a shorthand out", () => {
    expect(
      toJsonSchema({
        name: "string",
        nick: "str?",
        tags: ["string"],
        grid: [["float"]],
        free: "dict",
        list: "list?",
        done: "bool",
        owner: { name: "string" },
        mood: { enum: ["good", "bad"] },
        rows: [{ price: "number" }],
      }).json,
    ).toEqual({
      type: "object",
      properties: {
        name: { type: "string" },
        nick: { type: "string" },
        tags: { type: "array", items: { type: "string" } },
        grid: {
          type: "array",
          items: { type: "array", items: { type: "number" } },
        },
        free: { type: "object" },
        list: { type: "array" },
        done: { type: "boolean" },
        owner: {
          type: "object",
          properties: { name: { type: "string" } },
          required: ["name"],
          additionalProperties: false,
        },
        mood: { enum: ["good", "bad"] },
        rows: {
          type: "array",
          items: {
            type: "object",
            properties: { price: { type: "number" } },
            required: ["price"],
            additionalProperties: false,
          },
        },
      },
      required: [
        "name",
        "tags",
        "grid",
        "free",
        "done",
        "owner",
        "mood",
        "rows",
      ],
      additionalProperties: false,
    });
  });

  test.each<object>([
    { type: "string" },
    { type: ["string", "null"] },
    { type: "string", description: "string" },
    { $ref: "#/$defs/a", $defs: { a: { type: "string" } } },
    { $schema: "https://json-schema.org/draft/2020-12/schema" },
    { $defs: {} },
    { properties: { a: { type: "string" }, b: true } },
    { anyOf: [{ type: "string" }, true] },
    { oneOf: [{ type: "string" }] },
    { allOf: [{ type: "string" }] },
    { enum: ["a"] },
    { const: "string" },
  ])("takes %j for a JSON Schema", (schema) => {
    expect(toJsonSchema(untyped(schema)).json).toBe(schema);
  });

  test.each<object>([
    { type: "string", street: "string" },
    { type: "str" },
    { type: "string?" },
    { properties: { a: "string" } },
    { anyOf: ["string"] },
    { items: [{ price: "number" }] },
    { enum: "string" },
    { $schema: { a: "string" } },
    { schema: { a: "string" }, jsonSchema: { a: "string" } },
    { constructor: "string", toString: "string" },
  ])("takes %j for a shorthand", (schema) => {
    const { json } = toJsonSchema(untyped(schema));
    expect(Object.keys(Object(json["properties"]))).toEqual(
      Object.keys(schema),
    );
  });

  const cyclic: Record<string, unknown> = {};
  cyclic["child"] = [cyclic];

  test.each<[name: string, schema: unknown, message: RegExp]>([
    ["undefined", undefined, /The schema is undefined\. Give a JSON Schema/],
    ["null", null, /The schema is null\./],
    ["a string", "string", /The schema is "string"\./],
    ["an array", ["string"], /The schema is an array of 1\./],
    ["a function", () => {}, /The schema is a function\./],
    ["an empty object", {}, /The schema is an empty object\./],
    ["a wrong name", { a: { b: "strin" } }, /has "strin" at \/a\/b;/],
    ["a number", { a: 1 }, /has 1 at \/a;/],
    ["two items", { a: ["string", "number"] }, /has an array of 2 at \/a;/],
    ["an optional item", { a: ["string?"] }, /has "string\?" at \/a\/0;/],
    ["null as a field", { a: null }, /has null at \/a;/],
    [
      "a Standard Schema as a field",
      { a: z.string() },
      /has an object at \/a;/,
    ],
    ["itself", cyclic, /contains itself at \/child\/0\./],
    ["__proto__", JSON.parse('{"__proto__":"string"}'), /field \/__proto__/],
    ["valibot alone", v.string(), /toStandardJsonSchema/],
    [
      "a library without JSON Schema",
      { "~standard": { version: 1, vendor: "acme", validate: () => {} } },
      /schema of acme does not tell its JSON Schema\. Give \{ schema, jsonSchema \}/,
    ],
    ["what zod cannot write", z.object({ at: z.date() }), /zod cannot write/],
    [
      "what a library cannot write",
      standard(() => {
        throw "no";
      }),
      /acme cannot write this schema as JSON Schema: no\./,
    ],
    ["no JSON Schema of a library", standard(() => true), /acme wrote true/],
    [
      "no JSON Schema beside a schema",
      { schema: v.string(), jsonSchema: [] },
      /The jsonSchema beside a schema is an array of 0/,
    ],
  ])("refuses %s", (_, schema, message) => {
    const convert = () => toJsonSchema(untyped(schema));
    expect(convert).toThrow(ConfigurationError);
    expect(convert).toThrow(message);
  });

  function standard(input: () => unknown) {
    const validate = (value: unknown) => ({ value });
    return {
      "~standard": {
        version: 1,
        vendor: "acme",
        validate,
        jsonSchema: { input },
      },
    };
  }
});

describe("a Standard Schema", () => {
  test("asks the model for what goes in and gives what comes out", async () => {
    const schema = z.object({
      size: z.string().transform(Number),
      unit: z.string().default("cm"),
    });
    expect(toJsonSchema(schema).json).toMatchObject({
      properties: { size: { type: "string" } },
      required: ["size"],
    });
    expect(await judge(schema, { size: "3" })).toEqual({
      value: { size: 3, unit: "cm" },
    });
  });

  test("may take its time", async () => {
    const schema = z.object({
      a: z.string().refine(async () => false, "not so"),
    });
    expect(await issuesOf(schema, { a: "x" })).toEqual(["/a: not so"]);
  });

  test("names paths as JSON Pointers, whatever their parts are", async () => {
    const validate = () => ({
      issues: [
        { message: "one", path: ["a/b", { key: 0 }, "~"] },
        { message: "two" },
        { message: 'three "secret" four', path: ["a/b", "c"] },
        { message: "five ab", path: ["d"] },
        { message: "six (was 1)", path: ["toString", "x"] },
      ],
    });
    const schema = {
      schema: { "~standard": { version: 1, vendor: "acme", validate } },
      jsonSchema: {},
    };
    expect(await issuesOf(schema, { "a/b": { c: "secret" }, d: "ab" })).toEqual(
      [
        "/a~1b/0/~0: one",
        "the value: two",
        '/a~1b/c: three "..." four',
        "/d: five ab",
        "/toString/x: six",
      ],
    );
  });
});

describe("validation by JSON Schema", () => {
  test.each<[schema: object, value: unknown, issues: readonly string[]]>([
    [
      { a: "string" },
      { a: "x", more: 1 },
      ['the value must NOT have additional properties: "more"'],
    ],
    [
      { rows: [{ price: "number" }] },
      { rows: [{ price: "1" }] },
      ["/rows/0/price must be number"],
    ],
    [
      { enum: ["a", "b"] },
      "c",
      ['the value must be equal to one of the allowed values: ["a","b"]'],
    ],
    [{ const: 1 }, 2, ["the value must be equal to constant 1"]],
    [
      { type: "object", propertyNames: { maxLength: 2 } },
      { abc: 1 },
      [
        "the value must NOT have more than 2 characters",
        'the value property name must be valid: "abc"',
      ],
    ],
    [
      { type: "object", unevaluatedProperties: false },
      { abc: 1 },
      ['the value must NOT have unevaluated properties: "abc"'],
    ],
    [{ type: "string", format: "no-such-format" }, "x", []],
    [{ type: "string", format: "date" }, "no date", []],
  ])("%j judges %j", async (schema, value, issues) => {
    expect(await issuesOf(schema, value)).toEqual(issues);
  });

  test("neither fills in defaults nor coerces", async () => {
    const schema = {
      type: "object",
      properties: { a: { type: "number", default: 1 }, b: { type: "number" } },
    };
    const value = { b: "2" };
    expect(await issuesOf(schema, value)).toEqual(["/b must be number"]);
    expect(value).toEqual({ b: "2" });
  });

  test("tells at most 20 issues, and not at length", async () => {
    const schema = { type: "array", items: { type: "string" } };
    expect(await issuesOf(schema, Array(1000).fill(1))).toHaveLength(20);
    const [issue] = await issuesOf(
      { a: "string" },
      { a: "", ["x".repeat(1e5)]: 1 },
    );
    expect(issue?.length).toBeLessThan(200);
  });

  test("what every object inherits is not a field", async () => {
    const schema = { constructor: "object", toString: "string" };
    expect(await issuesOf(schema, {})).toEqual([
      "the value must have required property 'constructor'",
      "the value must have required property 'toString'",
    ]);
    const value = { constructor: {}, toString: "x" };
    expect(await judge(schema, value)).toEqual({ value });
  });

  test.each<[schema: object, right: unknown, wrong: unknown]>([
    [
      { const: { toString: 1, constructor: {}, valueOf: 2 } },
      { valueOf: 2, constructor: {}, toString: 1 },
      { toString: 1, constructor: {} },
    ],
    [{ enum: [{ a: [1] }, 2] }, { a: [1] }, { toString: 1 }],
    [
      { uniqueItems: true },
      [{ toString: 1 }, { toString: 2 }],
      [
        { toString: 1, a: 2 },
        { a: 2, toString: 1 },
      ],
    ],
  ])(
    "%j compares by fields, whatever their names",
    async (schema, right, wrong) => {
      const full = {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        ...schema,
      };
      expect(await issuesOf(full, right)).toEqual([]);
      expect(await issuesOf(full, wrong)).toHaveLength(1);
    },
  );

  test("a list of any length is looked through for duplicates in linear time", async () => {
    const list = Array.from({ length: 50_000 }, (_, n) => ({ n }));
    const schema = { type: "array", uniqueItems: true };
    expect(await issuesOf(schema, list)).toEqual([]);
    expect(
      await issuesOf({ type: "array", uniqueItems: false }, [1, 1]),
    ).toEqual([]);
  });

  test("an error of the value's own is passed on", async () => {
    const value = {
      get a() {
        throw new TypeError("mine");
      },
    };
    await expect(judge({ a: "string" }, value)).rejects.toThrow("mine");
  });

  test("a value nested without end is refused", async () => {
    const schema = { type: "array", items: { $ref: "#" } };
    const value = JSON.parse("[".repeat(200_000) + "]".repeat(200_000));
    expect(await issuesOf(schema, value)).toEqual([
      "the value is nested too deeply",
    ]);
  });

  test("knows schemas of older drafts and with equal $id", async () => {
    const $schema = "http://json-schema.org/draft-07/schema#";
    const draft7 = { $schema, $id: "https://x.test/a", type: "string" };
    const other = { $id: "https://x.test/a", type: "number" };
    expect(await judge(draft7, "x")).toEqual({ value: "x" });
    expect(await judge(other, 1)).toEqual({ value: 1 });
    const withPart = (type: string) => ({
      $id: "https://x.test/whole",
      $defs: { part: { $id: "part", type } },
      items: { $ref: "https://x.test/part" },
    });
    expect(await judge(withPart("string"), ["x"])).toEqual({ value: ["x"] });
    expect(await judge(withPart("number"), [1])).toEqual({ value: [1] });
  });

  test("compiles equal schemas once", async () => {
    const fresh = () => toJsonSchema({ equalSchemas: "string" });
    expect(await compileValidator(fresh())).toBe(
      await compileValidator(fresh()),
    );
  });

  test("keeps the validators of 200 schemas", async () => {
    const nth = (n: number) => toJsonSchema({ [`field${n}`]: "string" });
    const first = await compileValidator(nth(0));
    for (let n = 1; n <= 200; n++) await compileValidator(nth(n));
    expect(await compileValidator(nth(0))).not.toBe(first);
  });

  test("what happens to the schema later changes nothing", async () => {
    const schema: { type: string; minLength?: number } = { type: "string" };
    const validate = await compileValidator(toJsonSchema(untyped(schema)));
    schema.type = "number";
    expect(await validate("x")).toEqual({ value: "x" });
  });

  test.each<[schema: object, message: string]>([
    [
      { type: "object", properties: { a: { type: "strin" } } },
      "The JSON Schema cannot be used: /properties/a/type must be equal to one of the allowed values",
    ],
    [{ $ref: "#/$defs/none" }, "can't resolve reference #/$defs/none"],
    [{ type: "string", pattern: "(" }, "Invalid regular expression"],
    [{ $id: "#a", $async: true, const: 1 }, "The JSON Schema cannot be used"],
    [{ $async: true, const: 1 }, "$async is no keyword"],
    [{ const: 1n }, "The schema cannot be written as JSON"],
  ])("refuses the schema %#, with the reason", async (schema, message) => {
    const compiled = compileValidator(toJsonSchema(untyped(schema)));
    await expect(compiled).rejects.toThrow(ConfigurationError);
    await expect(compiled).rejects.toThrow(message);
  });
});

test("StructuredOutputError shows what is wrong, and not the model's text", () => {
  const error = new StructuredOutputError("The answer does not match.", {
    issues: ["/a must be string"],
    attempts: 2,
    usage: ZERO_USAGE,
    text: "secret",
    cause: new Error("why"),
  });
  expect(error).toMatchObject({
    code: "STRUCTURED_OUTPUT",
    statusCode: 502,
    issues: ["/a must be string"],
    attempts: 2,
    usage: ZERO_USAGE,
    text: "secret",
  });
  expect(StructuredOutputError.isInstance(error)).toBe(true);
  expect(inspect(error) + JSON.stringify(error)).not.toContain("secret");
  expect(Object.keys(error)).not.toContain("cause");
});
