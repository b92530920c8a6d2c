import { beforeAll, describe, expect, test } from "@jest/globals";
import { inputIn, inputOf, project } from "./project.ts";

const propertyOf = (parameters: string, before = "", others = {}) =>
  Object(inputOf(parameters, before, others)["properties"])["a"];

const NAME = { type: "string" };

describe("The schema of a parameter follows its type", () => {
  const rows: readonly (readonly [
    type: string,
    schema: unknown,
    before?: string,
  ])[] = [
    ["string", { type: "string" }],
    ["number | null", { type: ["number", "null"] }],
    ['"a" | "b"', { type: "string", enum: ["a", "b"] }],
    [
      '1 | "b" | true | null',
      {
        type: ["number", "string", "boolean", "null"],
        enum: [1, "b", true, null],
      },
    ],
    ['"a"', { type: "string", const: "a" }],
    ["boolean[]", { type: "array", items: { type: "boolean" } }],
    [
      "readonly (string | number)[]",
      { type: "array", items: { type: ["string", "number"] } },
    ],
    [
      "Record<string, number>",
      { type: "object", additionalProperties: { type: "number" } },
    ],
    [
      "{ [key: string]: string[] }",
      { type: "object", additionalProperties: { type: "array", items: NAME } },
    ],
    [
      "{ b: { c?: string } }",
      {
        type: "object",
        properties: {
          b: {
            type: "object",
            properties: { c: NAME },
            additionalProperties: false,
          },
        },
        required: ["b"],
        additionalProperties: false,
      },
    ],
    ["unknown", {}],
    ["object", { type: "object" }],
    [
      "[string, number?]",
      {
        type: "array",
        minItems: 1,
        maxItems: 2,
        prefixItems: [NAME, { type: "number" }],
      },
    ],
    [
      "[string, ...number[]]",
      {
        type: "array",
        minItems: 1,
        prefixItems: [NAME],
        items: { type: "number" },
      },
    ],
    [
      "Color",
      { type: "string", enum: ["red", "blue"] },
      'export enum Color { Red = "red", Blue = "blue" }',
    ],
    ["Level", { type: "number", enum: [0, 1] }, "enum Level { Low, High }"],
    ["Id", { type: "string" }, 'type Id = string & { readonly brand: "id" };'],
    [
      "Partial<Record<'x' | 'y', Text>>",
      {
        type: "object",
        properties: { x: NAME, y: NAME },
        additionalProperties: false,
      },
      "type Text = string;",
    ],
    [
      "Page<string>",
      {
        type: "object",
        properties: {
          items: { type: "array", items: NAME },
          additionalItems: NAME,
          $ref: NAME,
        },
        required: ["items", "additionalItems", "$ref"],
        additionalProperties: false,
      },
      "interface Page<T> { items: T[]; additionalItems: T; $ref: T }",
    ],
    [
      "Whole",
      { type: "integer", minimum: 1, description: "A count." },
      `
      /**
       * A count.
       * @asType integer
       * @minimum 1
       */
      type Whole = number;`,
    ],
    [
      "Settings",
      {
        type: "object",
        properties: {
          b: {
            type: "object",
            additionalProperties: NAME,
            default: { $ref: "#/definitions/x", items: [] },
          },
        },
        additionalProperties: false,
      },
      `interface Settings {
        /** @default { "$ref": "#/definitions/x", "items": [] } */
        b?: Record<string, string>;
      }`,
    ],
    ["NonNullable<Maybe>", NAME, "type Maybe = string | null;"],
    [
      "ReturnType<typeof make>",
      {
        type: "object",
        properties: { b: NAME, c: { type: "number" } },
        required: ["b"],
        additionalProperties: false,
      },
      "declare function make(): { b: string; c?: number };",
    ],
    [
      "(typeof COLORS)[number]",
      { type: "string", enum: ["red", "blue"] },
      'const COLORS = ["red", "blue"] as const;',
    ],
    [
      "keyof typeof SIZES",
      { type: "string", enum: ["s", "m"] },
      "const SIZES = { s: 1, m: 2 };",
    ],
    [
      'Extract<Event, { type: "b" }>["at"]',
      { type: "number" },
      'type Event = { type: "a" } | { type: "b"; at: number };',
    ],
    [
      "Child",
      {
        type: "object",
        properties: {
          b: NAME,
          c: { type: ["string", "null"], description: "C." },
        },
        required: ["b"],
        additionalProperties: false,
      },
      `interface Base { b: string }
      interface Child extends Base {
        /** C. */
        c?: string | null;
      }`,
    ],
    [
      "{ __typename: string; never?: never }",
      {
        type: "object",
        properties: { __typename: NAME },
        required: ["__typename"],
        additionalProperties: false,
      },
    ],
    [
      '"a" | (string & {}) | 1 | number',
      {
        anyOf: [
          { type: "string", const: "a" },
          { type: "string" },
          { type: "number", const: 1 },
          { type: "number" },
        ],
      },
    ],
    [
      'Omit<Some & { b: string }, "x">',
      {
        type: "object",
        properties: { b: NAME },
        required: ["b"],
        additionalProperties: false,
      },
      "interface Some { b?: string }",
    ],
    [
      "{ b: string; [key: string]: unknown }",
      {
        type: "object",
        properties: { b: NAME },
        required: ["b"],
        additionalProperties: {},
      },
    ],
    [
      "{ b: string; [key: string]: any }",
      { type: "object", properties: { b: NAME }, required: ["b"] },
    ],
    ["any[]", { type: "array", items: {} }],
    ["Record<string, any>", { type: "object" }],
  ];

  let written: string;
  beforeAll(() => {
    // One run for all: each type has a file for its names.
    const files = rows.map(
      ([type, , before = ""], index) =>
        [
          `f${index}.ts`,
          `${before}\n/** Does it. */\nexport function run${index}(other: string, a: ${type}) {}`,
        ] as const,
    );
    const { generate, path } = project(Object.fromEntries(files));
    written = generate({ files: files.map(([name]) => path(name)) }).text;
  });

  test.each(
    rows.map(([type, schema], index) => [type, schema, index] as const),
  )("%s", (_type, schema, index) => {
    expect(inputIn(written, `run${index}`)).toEqual({
      type: "object",
      properties: { other: NAME, a: schema },
      required: ["other", "a"],
      additionalProperties: false,
    });
  });

  test("in another file, too, with its comments", () => {
    expect(
      propertyOf(
        "b: string, a: Filter",
        'import type { Filter } from "./filter.ts";',
        {
          "filter.ts": `
          import type { Field } from "./field.ts";
          /** Which ones. */
          export interface Filter {
            /** Of which field. */
            field: Field;
            and?: Field;
          }`,
          "field.ts": `
          /** A field. */
          export type Field = "title" | "text";`,
        },
      ),
    ).toEqual({
      type: "object",
      description: "Which ones.",
      properties: {
        field: {
          type: "string",
          enum: ["title", "text"],
          description: "Of which field.",
        },
        and: {
          type: "string",
          enum: ["title", "text"],
          description: "A field.",
        },
      },
      required: ["field"],
      additionalProperties: false,
    });
  });

  test("of a default value", () => {
    expect(
      inputOf('a = 1, b = "x", c = [true], d = { e: 1 }, f: 1 | 2 = 2'),
    ).toEqual({
      type: "object",
      properties: {
        a: { type: "number" },
        b: NAME,
        c: { type: "array", items: { type: "boolean" } },
        d: {
          type: "object",
          properties: { e: { type: "number" } },
          required: ["e"],
          additionalProperties: false,
        },
        f: { type: "number", enum: [1, 2] },
      },
      additionalProperties: false,
    });
  });

  test("of the function's own type, where the parameter has none", () => {
    expect(
      inputOf(
        "",
        `
        type Run = (a: string, b?: number) => void;
        /** Runs. @ignore */
        export const ignored = () => {};
      `,
      ),
    ).toMatchObject({ properties: {} });
  });
});

describe("What can be left out is not required", () => {
  test.each([
    ["a?: string"],
    ["a: string | undefined"],
    ['a: string | undefined = "x"'],
    ['a: undefined | "x" | "y"'],
  ])("%s", (parameters) => {
    expect(inputOf(parameters)).not.toHaveProperty("required");
    expect(propertyOf(parameters)).toMatchObject({ type: "string" });
  });
});

describe("A type that contains itself", () => {
  const TREE = "interface Tree { value: string; children: Tree[] }";
  const $defs = {
    Tree: {
      type: "object",
      properties: {
        value: NAME,
        children: { type: "array", items: { $ref: "#/$defs/Tree" } },
      },
      required: ["value", "children"],
      additionalProperties: false,
    },
  };

  test("stands in $defs", () => {
    expect(inputOf("a: Tree, b?: Tree[]", TREE)).toEqual({
      type: "object",
      properties: {
        a: { $ref: "#/$defs/Tree" },
        b: { type: "array", items: { $ref: "#/$defs/Tree" } },
      },
      required: ["a"],
      additionalProperties: false,
      $defs,
    });
  });

  test("is the input itself where it is the only parameter", () => {
    expect(inputOf("tree: Tree", TREE)).toEqual({ ...$defs.Tree, $defs });
  });

  test("has a name without signs, once", () => {
    expect(
      inputOf(
        "a: List<string>, b: List<number>, c: List_string",
        `
        interface List<T> { value: T; next?: List<T> }
        interface List_string { value: boolean; next?: List_string }`,
      ),
    ).toMatchObject({
      properties: {
        a: { $ref: "#/$defs/List_string" },
        b: { $ref: "#/$defs/List_number" },
        c: { $ref: "#/$defs/List_string_2" },
      },
      $defs: {
        List_string: { properties: { next: { $ref: "#/$defs/List_string" } } },
        List_number: { properties: { value: { type: "number" } } },
        List_string_2: { properties: { value: { type: "boolean" } } },
      },
    });
  });

  test("has a name that does not depend on where it stands", () => {
    const before = `
      interface Item { children: Record<string, Item>; box?: Box<Item> }
      interface Box<T> { value: T; inner?: Box<T> }`;
    const input = inputOf("a: Item, b: string", before);
    expect(Object.keys(Object(input["$defs"]))).toEqual(["Item", "Box"]);
    expect(input["$defs"]).toMatchObject({
      Item: {
        properties: {
          children: { additionalProperties: { $ref: "#/$defs/Item" } },
          box: { $ref: "#/$defs/Box" },
        },
      },
      Box: {
        properties: {
          value: { $ref: "#/$defs/Item" },
          inner: { $ref: "#/$defs/Box" },
        },
      },
    });
    expect(inputOf("a: Item, b: string", `// Moved.\n${before}`)).toEqual(
      input,
    );
  });

  test("and one that two of them use is written where it is used", () => {
    const input = inputOf(
      "a: Even, b: Odd",
      `
      interface Even { next?: Odd; leaf: Leaf }
      interface Odd { next?: Even; leaf: Leaf }
      interface Leaf { value: string }`,
    );
    expect(Object.keys(Object(input["$defs"]))).toEqual(["Even", "Odd"]);
    expect(JSON.stringify(input)).not.toContain("#/$defs/Leaf");
  });
});

describe("One object is the input itself only where it can stand at the top", () => {
  test.each([
    ["a map", "a: Record<string, number>"],
    ["a union", 'a: { b: "x" } | { b: "y"; c: number }'],
    ["a list", "a: string[]"],
    [
      "one that can be left out, with properties that cannot",
      "a?: { b: string }",
    ],
  ])("%s is a property", (_what, parameters) => {
    expect(propertyOf(parameters)).toBeDefined();
  });

  test("one that can be left out, as all of its properties can, is it", () => {
    expect(inputOf("{ b = 1 }: { b?: number } = {}")).toEqual({
      type: "object",
      properties: { b: { type: "number" } },
      additionalProperties: false,
    });
  });
});
