import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import {
  type ConverseRequest,
  Model,
  type OutputSchema,
} from "@lambdallm/core";
import type { LocalBedrock, Reply } from "@lambdallm/local";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { Ajv2020 } from "ajv/dist/2020.js";
import { type } from "arktype";
import fc from "fast-check";
import * as v from "valibot";
import { z } from "zod";
import { rounds } from "../../../test-support/rounds.ts";
import { bodyOf, failureOf, invocation, start } from "./support.ts";

const NATIVE = `global.${Model.CLAUDE_HAIKU_4_5}`;
const TOOLS = `global.${Model.CLAUDE_OPUS_5}`;

let local: LocalBedrock;
let reply: Reply;
beforeAll(async () => {
  local = await start({ respond: () => reply });
});
beforeEach(() => {
  local.reset();
  reply = { content: [{ text: "{}" }] };
});
afterAll(() => local.close());

/** What the request asked for, as the service sees it. */
interface Asked {
  /** Of the native mode. */
  readonly text?: string;
  readonly native?: unknown;
  readonly tool?: unknown;
}

function asked(): Asked {
  const { outputConfig, toolConfig } = bodyOf(local) as {
    outputConfig?: {
      textFormat: { structure: { jsonSchema: { schema: string } } };
    };
    toolConfig?: { tools: { toolSpec: { inputSchema: { json: unknown } } }[] };
  };
  const text = outputConfig?.textFormat.structure.jsonSchema.schema;
  return text === undefined
    ? { tool: toolConfig?.tools.at(-1)?.toolSpec.inputSchema.json }
    : { text, native: JSON.parse(text) };
}

const ask = async (
  schema: object,
  model: string = NATIVE,
  more: Partial<ConverseRequest> = {},
) => {
  const response = await invocation(
    local,
    (context) =>
      context.converse({
        messages: [{ role: "user", content: [{ text: "Go" }] }],
        output: { schema },
        ...more,
      }),
    { model, inferenceProfile: "none" },
  );
  return { ...asked(), output: response.output };
};

const closed = (properties: object, more: object = {}) => ({
  type: "object",
  properties,
  additionalProperties: false,
  ...more,
});

/** The native form of one property. */
const nativeOf = async (property: object, definitions: object = {}) => {
  const { native } = await ask(closed({ p: property }, definitions));
  return (native as { properties?: { p: unknown } } | undefined)?.properties?.p;
};

describe("A value of several types compiles to branches of one type each", () => {
  test.each<[string, object, unknown]>([
    [
      "an enum keeps its values of the type",
      { type: ["string", "null"], enum: ["low", "high", null] },
      {
        anyOf: [
          { type: "string", enum: ["low", "high"] },
          { type: "null", enum: [null] },
        ],
      },
    ],
    [
      "a branch without values is dropped",
      { type: ["string", "integer", "null"], enum: ["low", "high"] },
      { type: "string", enum: ["low", "high"] },
    ],
    [
      "so is one that a constant is not of",
      { type: ["string", "null"], const: null, description: "none" },
      { type: "null", const: null, description: "none" },
    ],
    [
      "a default stays in the branch of its type",
      { type: ["integer", "null"], default: 5, title: "n" },
      {
        anyOf: [{ type: "integer", default: 5 }, { type: "null" }],
        title: "n",
      },
    ],
    [
      "whole numbers are integers, and numbers",
      { type: ["integer", "boolean"], enum: [1, 2.5, true] },
      {
        anyOf: [
          { type: "integer", enum: [1] },
          { type: "boolean", enum: [true] },
        ],
      },
    ],
    [
      "keywords go to the type that they speak of",
      {
        type: ["object", "array", "string", "number", "null"],
        description: "Anything",
        properties: { a: { type: "string" } },
        required: ["a"],
        items: { type: "integer" },
        minItems: 1,
        format: "date",
        pattern: "^2",
        minimum: 3,
      },
      {
        anyOf: [
          closed({ a: { type: "string" } }, { required: ["a"] }),
          { type: "array", items: { type: "integer" }, minItems: 1 },
          { type: "string", format: "date", description: '(pattern: "^2")' },
          { type: "number", description: "(minimum: 3)" },
          { type: "null" },
        ],
        description: "Anything",
      },
    ],
    [
      "a nullable object is closed",
      {
        type: ["object", "null"],
        properties: { a: { type: ["string", "null"] } },
        required: ["a"],
      },
      {
        anyOf: [
          closed(
            { a: { anyOf: [{ type: "string" }, { type: "null" }] } },
            { required: ["a"] },
          ),
          { type: "null" },
        ],
      },
    ],
    [
      "`nullable` is another word for it",
      { type: "string", nullable: true, enum: ["a", null] },
      {
        anyOf: [
          { type: "string", enum: ["a"] },
          { type: "null", enum: [null] },
        ],
      },
    ],
    [
      "an enum of several types has branches without saying so",
      { enum: ["a", 1, null], description: "d" },
      {
        anyOf: [
          { enum: ["a"], type: "string" },
          { enum: [1], type: "number" },
          { enum: [null], type: "null" },
        ],
        description: "d",
      },
    ],
    ["an enum of one type stays", { enum: ["a", "b"] }, { enum: ["a", "b"] }],
    [
      "one type keeps to its own values and keywords as well",
      { type: "string", enum: ["a", null], minimum: 4, default: 4 },
      { type: "string", enum: ["a"] },
    ],
    [
      "a list of one type is that type",
      { type: ["string"] },
      { type: "string" },
    ],
    [
      "what has properties is an object, what has items a list",
      { anyOf: [{ properties: { a: { const: 1 } } }, { items: { const: 1 } }] },
      {
        anyOf: [
          closed({ a: { const: 1 } }),
          { type: "array", items: { const: 1 } },
        ],
      },
    ],
  ])("%s", async (_, property, expected) => {
    expect(await nativeOf(property)).toEqual(expected);
  });

  test("and definitions stay where references find them", async () => {
    reply = { content: [{ text: '{"value":null}' }] };
    const schema = {
      type: ["array", "null"],
      items: { $ref: "#/$defs/n" },
      $defs: { n: { type: ["integer", "null"] } },
    };
    const { native, output } = await ask(schema);
    expect(native).toEqual(
      closed(
        {
          value: {
            anyOf: [
              {
                type: "array",
                items: { $ref: "#/properties/value/$defs/n" },
              },
              { type: "null" },
            ],
            $defs: { n: { anyOf: [{ type: "integer" }, { type: "null" }] } },
          },
        },
        { required: ["value"] },
      ),
    );
    expect(output).toMatchObject({ value: null });
  });

  test("the same text each time", async () => {
    const schema = closed({
      p: { type: ["string", "null"], enum: ["low", null] },
      q: { enum: ["a", 1] },
    });
    const texts = [
      await ask(schema),
      await ask(schema),
      await ask(structuredClone(schema)),
    ].map(({ text }) => text);
    expect(new Set(texts).size).toBe(1);
  });

  test.each([
    ["no value left", { type: "string", enum: [1, 2] }],
    ["a constant of another type", { type: "string", const: 5 }],
    ["a value that is no scalar", { enum: [{ a: 1 }, { a: 2 }] }],
    ["a value that is a list", { enum: [["a"], "b"] }],
    ["a constant that is no scalar", { const: ["a"] }],
    ["nothing that says what it is", { description: "Anything" }],
    [
      "two descriptions of one object",
      {
        type: "object",
        properties: { a: { type: "string" } },
        anyOf: [{ required: ["a"] }],
      },
    ],
    [
      "an intersection",
      {
        allOf: [
          { type: "object", properties: { a: { type: "string" } } },
          { type: "object", properties: { b: { type: "string" } } },
        ],
      },
    ],
    [
      "a required property that is not listed",
      {
        type: "object",
        properties: { a: { type: "string" } },
        required: ["b"],
      },
    ],
    ["dependencies", { type: "string", dependencies: {} }],
  ])("%s is beyond them", async (_, property) => {
    expect(await nativeOf(property)).toBeUndefined();
  });

  /** They validate alike, and each constant fits the type beside it. */
  test("they take and refuse the same values as the schema (fuzz)", async () => {
    const scalar = fc.constantFrom("low", "high", 1, 2.5, true, false, null);
    const scalars = fc.uniqueArray(scalar, { minLength: 1, maxLength: 4 });
    const name = fc.constantFrom(
      "string",
      "number",
      "integer",
      "boolean",
      "null",
    );
    const names = fc.uniqueArray(name, { minLength: 1, maxLength: 3 });
    const { schema } = fc.letrec<{ schema: object }>((tie) => ({
      schema: fc.oneof(
        { depthSize: "small" },
        fc.record({ type: fc.oneof(name, names) }),
        fc.record({ type: fc.oneof(name, names), enum: scalars }),
        fc.record({ type: names, const: scalar }),
        fc.record({ type: name, nullable: fc.constant(true), enum: scalars }),
        fc.record({ enum: scalars }),
        fc.record({
          anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }),
        }),
        fc.record({
          type: fc.constantFrom(
            "array",
            ["array", "null"],
            ["string", "array"],
          ),
          items: tie("schema"),
        }),
        fc.record({
          type: fc.constantFrom("object", ["object", "null"]),
          properties: fc.record({ a: tie("schema"), b: tie("schema") }),
          required: fc.subarray(["a", "b"]),
          additionalProperties: fc.constant(false),
        }),
      ),
    }));
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        scalar,
        fc.array(tie("value"), { maxLength: 2 }),
        fc.record({ a: tie("value"), b: tie("value") }, { requiredKeys: [] }),
      ),
    }));
    const valid = (of: object) => {
      const ajv = new Ajv2020({ strict: false, logger: false });
      return ajv.compile(of);
    };
    let compiled = 0;
    const numRuns = rounds(50, 150);
    await fc.assert(
      fc.asyncProperty(
        schema,
        fc.array(value, { minLength: 20, maxLength: 20 }),
        async (property, values) => {
          const native = await nativeOf(property);
          if (native === undefined) return;
          compiled += 1;
          const [before, after] = [valid(property), valid(Object(native))];
          for (const one of values) expect(after(one)).toBe(before(one));
          expect(misfits(native)).toEqual([]);
        },
      ),
      { numRuns },
    );
    expect(compiled).toBeGreaterThan(numRuns / 2);
  });
});

/** Constants that do not fit the type beside them, and lists of types. */
function misfits(schema: unknown): unknown[] {
  if (typeof schema !== "object" || schema === null) return [];
  if (Array.isArray(schema)) return schema.flatMap(misfits);
  const {
    type: name,
    enum: values,
    ...rest
  } = schema as Record<string, unknown>;
  const fits = (value: unknown) =>
    name === "null"
      ? value === null
      : name === "integer"
        ? Number.isInteger(value)
        : typeof value === name;
  return [
    ...(Array.isArray(name) ? [name] : []),
    ...(Array.isArray(values) && name !== undefined
      ? values.filter((value) => !fits(value))
      : []),
    ...Object.values(rest).flatMap(misfits),
  ];
}

describe("The schemas of the libraries are asked for natively", () => {
  const expected = { a: null, b: null, c: null, d: { x: 1 }, f: "f", g: 1 };

  test.each<[string, OutputSchema]>([
    [
      "zod",
      z.object({
        a: z.string().nullable(),
        b: z.enum(["low", "high"]).nullable(),
        c: z.literal(null),
        d: z.object({ x: z.number() }).nullable(),
        e: z.array(z.string()).nullish(),
        f: z.union([z.string(), z.number()]),
        g: z.literal(["a", 1, null]),
      }),
    ],
    [
      "valibot",
      toStandardJsonSchema(
        v.object({
          a: v.nullable(v.string()),
          b: v.nullable(v.picklist(["low", "high"])),
          c: v.null(),
          d: v.nullable(v.object({ x: v.number() })),
          e: v.nullish(v.array(v.string())),
          f: v.union([v.string(), v.number()]),
          g: v.union([v.literal("a"), v.literal(1), v.null()]),
        }),
      ),
    ],
    [
      "arktype",
      type({
        a: "string | null",
        b: "'low' | 'high' | null",
        c: "null",
        d: type({ x: "number" }).or("null"),
        "e?": "string[] | null",
        f: "string | number",
        g: "'a' | 1 | null",
      }),
    ],
  ])("%s", async (_, schema) => {
    reply = { content: [{ text: JSON.stringify(expected) }] };
    const value = await invocation(
      local,
      (context) => context.invokeStructured("Go", schema),
      { model: NATIVE, inferenceProfile: "none" },
    );
    expect(value).toEqual(expected);
    const { native } = asked();
    expect(native).toBeDefined();
    expect(misfits(native)).toEqual([]);
  });

  test("a union at the top is a field of an object", async () => {
    reply = { content: [{ text: '{"value":{"b":"x"}}' }] };
    const value = await invocation(
      local,
      (context) =>
        context.invokeStructured(
          "Go",
          z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]),
        ),
      { model: NATIVE, inferenceProfile: "none" },
    );
    expect(value).toEqual({ b: "x" });
  });
});

describe("A schema that is wrapped keeps its references", () => {
  const n = { type: "integer" };

  test.each<[string, object, object]>([
    [
      "to an anchor",
      {
        type: "array",
        items: { $ref: "#n" },
        $defs: { n: { $anchor: "n", ...n } },
      },
      {
        type: "array",
        items: { $ref: "#n" },
        $defs: { n: { $anchor: "n", ...n } },
      },
    ],
    [
      "to the whole, and to a part",
      {
        anyOf: [
          n,
          { type: "array", items: { $ref: "#" } },
          { $ref: "#/anyOf/0" },
        ],
      },
      {
        anyOf: [
          n,
          { type: "array", items: { $ref: "#/properties/value" } },
          { $ref: "#/properties/value/anyOf/0" },
        ],
      },
    ],
    [
      "by its own identifier, which is not that of the wrapped whole",
      {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        $id: "https://example.com/list#",
        type: "array",
        items: {
          anyOf: [
            { $ref: "https://example.com/list#/$defs/n" },
            { $ref: "https://example.com/list" },
            { $ref: "https://example.com/lists" },
            { $ref: "#/$defs/n" },
          ],
        },
        $defs: { n },
      },
      {
        type: "array",
        items: {
          anyOf: [
            { $ref: "#/properties/value/$defs/n" },
            { $ref: "#/properties/value" },
            { $ref: "https://example.com/lists" },
            { $ref: "#/properties/value/$defs/n" },
          ],
        },
        $defs: { n },
      },
    ],
    [
      "inside of a part with an identifier of its own",
      {
        type: "array",
        items: { $ref: "item" },
        $defs: {
          item: { $id: "item", $ref: "#/$defs/n", $defs: { n } },
        },
      },
      {
        type: "array",
        items: { $ref: "item" },
        $defs: {
          item: { $id: "item", $ref: "#/$defs/n", $defs: { n } },
        },
      },
    ],
    [
      "but data that looks like one is data, and a property may be called like a keyword",
      {
        type: "array",
        items: {
          type: "object",
          properties: {
            $ref: n,
            enum: { $ref: "#/items/properties/const" },
            const: { const: { $ref: "#/a" }, default: { $ref: "#/b" } },
          },
        },
        prefixItems: [{ $ref: "#/items" }],
        examples: [{ $ref: "#/c" }],
        dependencies: { a: ["b"], c: { $ref: "#/items" } },
      },
      {
        type: "array",
        items: {
          type: "object",
          properties: {
            $ref: n,
            enum: { $ref: "#/properties/value/items/properties/const" },
            const: { const: { $ref: "#/a" }, default: { $ref: "#/b" } },
          },
        },
        prefixItems: [{ $ref: "#/properties/value/items" }],
        examples: [{ $ref: "#/c" }],
        dependencies: { a: ["b"], c: { $ref: "#/properties/value/items" } },
      },
    ],
  ])("%s", async (_, schema, expected) => {
    const { tool } = await ask(schema, TOOLS);
    expect(tool).toEqual(closed({ value: expected }, { required: ["value"] }));
  });

  test("which a validator follows", async () => {
    const schema = {
      type: "array",
      items: { $ref: "#n" },
      $defs: { n: { $anchor: "n", ...n } },
    };
    const { tool } = await ask(schema, TOOLS);
    const ajv = new Ajv2020({ strict: false });
    expect(ajv.validate(Object(tool), { value: [1] })).toBe(true);
    expect(ajv.validate(Object(tool), { value: ["x"] })).toBe(false);
  });

  test.each<[string, object]>([
    [
      "an anchor",
      closed({ a: { $ref: "#n" } }, { $defs: { n: { $anchor: "n", ...n } } }),
    ],
    ["the whole", closed({ a: { $ref: "#" } })],
    [
      "a part with an identifier",
      closed(
        { a: { $ref: "#/$defs/item" } },
        { $defs: { item: { $id: "item", ...n } } },
      ),
    ],
    [
      "what is only one of several types then",
      closed({
        a: { type: ["object", "null"], properties: { b: n } },
        c: { $ref: "#/properties/a/properties/b" },
      }),
    ],
    [
      "itself, through a property that is called like a keyword",
      closed({
        enum: { anyOf: [{ $ref: "#/properties/const" }] },
        const: { anyOf: [{ $ref: "#/properties/enum" }] },
      }),
    ],
  ])("natively, one to %s is not said", async (_, schema) => {
    const result = await ask(schema);
    expect(result).not.toHaveProperty("native");
    expect(result.tool).toEqual(schema);
  });
});

describe("A union beside the type of an object, or a reference, is a field of one for a tool", () => {
  const either = {
    type: "object",
    properties: { value: { type: "string" }, b: { type: "string" } },
    anyOf: [{ required: ["value"] }, { required: ["b"] }],
  };

  test.each<[string, object]>([
    ["anyOf", either],
    ["oneOf", { type: "object", oneOf: [{ required: ["a"] }] }],
    ["allOf", { type: "object", allOf: [{ required: ["a"] }] }],
    [
      "$ref",
      {
        type: "object",
        $ref: "#/$defs/a",
        $defs: { a: { properties: { a: { type: "string" } } } },
      },
    ],
  ])("%s", async (keyword, schema) => {
    reply = {
      content: [
        {
          toolUse: {
            toolUseId: "1",
            name: "answer",
            input: { value: { b: "x" } },
          },
        },
      ],
    };
    const { tool, output } = await ask(schema, TOOLS);
    expect(tool).toMatchObject({
      type: "object",
      properties: { value: { type: "object" } },
      required: ["value"],
    });
    expect(Object.keys(Object(tool))).not.toContain(keyword);
    expect(output).toEqual({ mode: "tool", value: { b: "x" } });
  });

  test("and a model that leaves the wrapping out is understood", async () => {
    const answer = { value: "v", b: "x" };
    reply = {
      content: [{ toolUse: { toolUseId: "1", name: "answer", input: answer } }],
    };
    const { output } = await ask(either, TOOLS);
    expect(output).toEqual({ mode: "tool", value: answer });
  });

  test.each([
    ['{"value":{"b": "x}"} }', '{"b": "x}"}'],
    ['{"b": "x}"}', '{"b": "x}"}'],
  ])("%s streams as %s", async (text, shown) => {
    reply = {
      content: [{ toolUse: { toolUseId: "1", name: "answer", input: {} } }],
      rawEvents: [
        {
          type: "contentBlockStart",
          payload: {
            contentBlockIndex: 0,
            start: { toolUse: { toolUseId: "1", name: "answer" } },
          },
        },
        ...Array.from(text, (input) => ({
          type: "contentBlockDelta",
          payload: { contentBlockIndex: 0, delta: { toolUse: { input } } },
        })),
        { type: "contentBlockStop", payload: { contentBlockIndex: 0 } },
        { type: "messageStop", payload: { stopReason: "tool_use" } },
      ],
    };
    let pieces = "";
    const { output } = await ask(either, TOOLS, {
      onDelta: (delta) => {
        if (delta.kind === "output") pieces += delta.text;
      },
    });
    expect(pieces).toBe(shown);
    expect(output).toEqual({ mode: "tool", value: { b: "x}" } });
  });
});

describe("All of one reference is that reference", () => {
  const definitions = { $defs: { n: { type: "integer" } } };

  test.each<[string, object, object | undefined]>([
    [
      "with what is said around it",
      { allOf: [{ $ref: "#/$defs/n", title: "N" }], description: "d" },
      { $ref: "#/$defs/n", title: "N", description: "d" },
    ],
    [
      "also one inside of the other",
      { allOf: [{ allOf: [{ $ref: "#/$defs/n" }] }] },
      { $ref: "#/$defs/n" },
    ],
    [
      "beside another type",
      { allOf: [{ $ref: "#/$defs/n", const: 1 }] },
      undefined,
    ],
    [
      "while the others stay",
      { allOf: [{ type: "string" }] },
      { allOf: [{ type: "string" }] },
    ],
  ])("%s", async (_, property, expected) => {
    expect(await nativeOf(property, definitions)).toEqual(expected);
    expect(local.requests).toHaveLength(1);
  });
});

describe("What Claude is known to count is not asked for natively beyond its bounds", () => {
  const OTHER = Model.MINIMAX_M2;
  const named = (count: number, property: object) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`p${index}`, property]),
    );
  const optional = (count: number) =>
    closed({
      list: {
        type: "array",
        items: closed(named(count - 1, { type: "string" })),
      },
    });
  const unions = (count: number) => {
    const properties = named(count, { type: ["string", "null"] });
    return closed(properties, { required: Object.keys(properties) });
  };

  test.each([
    ["optional properties", optional, 24],
    ["properties of several types", unions, 16],
  ])("%s", async (_, schemaOf, most) => {
    expect(await ask(schemaOf(most))).toHaveProperty("native");
    const schema = schemaOf(most + 1);
    expect(await ask(schema)).toMatchObject({ tool: schema });
    expect(await ask(schema, OTHER)).toHaveProperty("native");
    expect(local.requests).toHaveLength(3);
  });
});

describe("A schema of many levels", () => {
  const deep = (levels: number, inner: object, top = inner) => {
    let schema = inner;
    for (let level = 1; level < levels; level += 1)
      schema = closed({ a: schema }, { required: ["a"] });
    return { ...top, ...schema };
  };

  test("is asked for as long as it can be written", async () => {
    await ask(deep(400, { type: "string" }));
    // The service has its own bound for what it compiles.
    expect(local.requests[0]?.body).toHaveProperty("outputConfig");
    const list = { type: "array", items: deep(400, { type: "string" }) };
    expect(await ask(list, TOOLS)).toHaveProperty("tool");
  });

  test("and of too many, or of endless ones, is an error that says so", async () => {
    const endless: Record<string, unknown> = { type: "object" };
    endless["properties"] = { a: endless, b: endless };
    for (const schema of [deep(20_000, { type: "string" }), endless])
      for (const model of [NATIVE, TOOLS, Model.LLAMA3_8B]) {
        const error = await failureOf(ask(schema, model));
        expect(error).toMatchObject({
          name: "ConfigurationError",
          message: expect.stringContaining("nested too deeply"),
        });
      }
    expect(local.requests).toHaveLength(0);
  });

  test("of which some are the same object is read in no time", async () => {
    let schema: object = { type: "string" };
    for (let level = 0; level < 8; level += 1)
      schema = closed({ a: schema, b: schema }, { required: ["a", "b"] });
    await ask(schema);
    expect(local.requests[0]?.body).toHaveProperty("outputConfig");
  });
});
