import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type BedrockRequest, defaultResponder } from "../src/index.ts";
import { fillSchema } from "../src/responder/fill-schema.ts";

const object = (
  properties: object,
  required: string[] = Object.keys(properties),
) => ({
  type: "object",
  properties,
  required,
});
const STRING = { type: "string" };

/** One required member, found in a text. */
const find = (name: string, schema: object, text: string) =>
  (fillSchema(object({ [name]: schema }), text) as Record<string, unknown>)[
    name
  ];

test("a list of choices holds those that are mentioned", () => {
  const items = { type: "string", enum: ["red", "green", "blue"] };
  expect(
    find("colors", { type: "array", items }, "I like red and blue."),
  ).toEqual(["red", "blue"]);
});

test("a person is read from a sentence, and what is not said is left out", () => {
  const schema = object(
    {
      name: STRING,
      age: { type: "integer" },
      email: { type: "string", format: "email" },
      member: { type: "boolean" },
      address: object({ city: STRING, zip: STRING }, ["city"]),
      nickname: STRING,
      phone: STRING,
    },
    ["name", "age"],
  );
  const text =
    "Extract: John Miller, 42 years old, lives in Berlin. Mail him at john@miller.io. He is not a member.";
  expect(fillSchema(schema, text)).toEqual({
    name: "John Miller",
    age: 42,
    email: "john@miller.io",
    member: false,
    address: { city: "Berlin" },
  });
});

test("a list of objects has one for each line that has them", () => {
  const schema = object({
    items: {
      type: "array",
      items: object(
        {
          product: STRING,
          quantity: { type: "integer" },
          price: { type: "number" },
        },
        ["product", "quantity"],
      ),
    },
    total: { type: "number" },
  });
  const text =
    "Order:\n- product: Apples, quantity: 3, price: $1.50\n- product: Pears, quantity: 12\nThe total is $28.50";
  expect(fillSchema(schema, text)).toEqual({
    items: [
      { product: "Apples", quantity: 3, price: 1.5 },
      { product: "Pears", quantity: 12 },
    ],
    total: 28.5,
  });
});

describe("strings:", () => {
  test.each<[string, object, string, unknown]>([
    ["a city", STRING, "the city is Paris and it rains", "Paris"],
    ["a city in quotes", STRING, 'city: "New York", please', "New York"],
    ["city", STRING, "I flew from Rome to Oslo", "Rome"],
    ["city", STRING, "city: ? I was in Rome", "Rome"],
    ["place", STRING, "She likes Lisbon a lot", "Lisbon"],
    ["origin", STRING, "I flew to Oslo from Rome", "Rome"],
    ["destination", STRING, "I flew from Rome to Oslo", "Oslo"],
    [
      "q",
      { ...STRING, description: "Name of the city" },
      "How is it in Rome?",
      "Rome",
    ],
    ["orderId", STRING, "Where is order A-1234?", "A-1234"],
    ["phone", STRING, "Call +1 (555) 123-4567 now", "+1 (555) 123-4567"],
    [
      "website",
      STRING,
      "See https://example.org/a?b=1.",
      "https://example.org/a?b=1",
    ],
    [
      "contactEmail",
      STRING,
      "Write to a.b@example.co.uk!",
      "a.b@example.co.uk",
    ],
    ["dueDate", STRING, "It is due on 3rd of March 2027.", "2027-03-03"],
    ["day", STRING, "See you next Friday!", "next Friday"],
    ["company", STRING, "She works at Big Blue now", "Big Blue"],
    ["formula", STRING, "What is 2+3*4?", "2+3*4"],
    ["formula", STRING, "nothing to calculate", "nothing to calculate"],
    [
      "title",
      STRING,
      "one two three four five six seven eight nine ten.",
      "one two three four five six seven eight",
    ],
    ["summary", STRING, "It rains.", "It rains."],
    ["query", STRING, "cheap flights\nto Rome", "cheap flights"],
    ["colour", STRING, "No mention of it", "No mention of it"],
    [
      "colour",
      { ...STRING, description: "Which paint" },
      "Dogs bark. The paint dries.",
      "The paint dries.",
    ],
    ["colour", { ...STRING, default: "red" }, "Dogs bark.", "red"],
    ["colour", STRING, "", "unknown"],
    ["!", STRING, "Dogs bark.", "Dogs bark."],
    ["x", {}, "Dogs bark.", "Dogs bark."],
    ["name", { ...STRING, maxLength: 3 }, "my name is Josephine", "Jos"],
    ["name", { ...STRING, minLength: 5 }, "my name is Jo", "Jo..."],
  ])("%s (%j) in %j is %j", (name, schema, text, value) => {
    expect(
      find(name.replace(/^a /, "").replace(/ in quotes$/, ""), schema, text),
    ).toBe(value);
  });

  test.each([
    ["email", "Mail a@b.co.", "a@b.co", "someone@example.com"],
    ["uri", "At http://a.b/c, see", "http://a.b/c", "https://example.com/"],
    ["date", "On December 25th, 2021", "2021-12-25", "1970-01-01"],
    ["date", "On 2021-12-25", "2021-12-25", "1970-01-01"],
    [
      "date-time",
      "At 2021-12-25T10:00:00Z",
      "2021-12-25T10:00:00Z",
      "1970-01-01T00:00:00Z",
    ],
    [
      "date-time",
      "On 5 May 2020",
      "2020-05-05T00:00:00Z",
      "1970-01-01T00:00:00Z",
    ],
    ["time", "At 10:30.", "10:30", "00:00:00"],
    [
      "uuid",
      "id 123e4567-e89b-42d3-a456-426614174000",
      "123e4567-e89b-42d3-a456-426614174000",
      "00000000-0000-4000-8000-000000000000",
    ],
    ["ipv4", "host 10.0.0.1", "10.0.0.1", "127.0.0.1"],
  ])(
    "the format %s is found, and made up when it is missing",
    (format, text, value, otherwise) => {
      expect(find("x", { type: "string", format }, text)).toBe(value);
      expect(find("x", { type: "string", format }, "nothing")).toBe(otherwise);
    },
  );
});

describe("numbers:", () => {
  const NUMBER = { type: "number" };
  test.each<[string, object, string, unknown]>([
    ["apples", NUMBER, "I have 3 apples and 12 pears", 3],
    ["pears", NUMBER, "I have 3 apples and 12 pears", 12],
    ["pages", NUMBER, "2 books. Pages: 1,250.5", 1250.5],
    ["price", NUMBER, "Since 2020 it sells for $12", 12],
    ["cost", NUMBER, "12 of them, 99 euros", 99],
    ["age", NUMBER, "He has 2 cats and is 42 years old", 42],
    ["percent", NUMBER, "3 of us saw 15%", 15],
    ["temperature", NUMBER, "2 of us measured -4 °C", -4],
    ["year", NUMBER, "5 men in 1999", 1999],
    ["x", NUMBER, "only 7 here", 7],
    ["x", NUMBER, "7 or 8", 0],
    ["price", NUMBER, "7 or 8", 0],
    ["x", { ...NUMBER, default: 4 }, "none", 4],
    ["x", { type: "integer", minimum: 3 }, "none", 3],
    ["x", { type: "integer", exclusiveMinimum: 3 }, "3", 4],
    ["x", { type: "integer", exclusiveMaximum: 0 }, "0", -1],
    ["x", { type: "integer" }, "only 7.6", 8],
    ["x", { type: "integer", maximum: 7.8 }, "only 7.6", 7],
    ["x", { type: "integer", minimum: 7.2 }, "only 7.3", 8],
    ["x", { type: "number", multipleOf: 5 }, "only 12", 10],
    ["x", { type: "number", exclusiveMinimum: 0 }, "none", Number.MIN_VALUE],
    ["x", { type: "number", exclusiveMaximum: 0 }, "none", -Number.MIN_VALUE],
    ["score", { ...NUMBER, minimum: 0, maximum: 1 }, "score 5 and 0.5", 0.5],
    ["count", { type: ["null", "integer"] }, "count: 5", 5],
  ])("%s (%j) in %j is %j", (name, schema, text, value) => {
    expect(find(name, schema, text)).toBe(value);
  });
});

describe("choices:", () => {
  test.each<[unknown[], string, unknown]>([
    [["red", "dark_blue"], "It is Dark Blue.", "dark_blue"],
    [["red", "blue"], "Credit", "red"],
    [["red", "other"], "green", "other"],
    [[1, 2], "take 2", 2],
    [["", "a"], "z", ""],
    [["positive", "negative"], "I love it, it is great", "positive"],
    [["POSITIVE", "NEGATIVE", "NEUTRAL"], "terrible and broken", "NEGATIVE"],
    [["positive", "negative", "mixed"], "good and bad", "mixed"],
    [["positive", "negative"], "It is Tuesday", "positive"],
  ])("of %j in %j it takes %j", (choices, text, value) => {
    expect(find("x", { enum: choices }, text)).toBe(value);
  });

  test.each<[string, string, unknown]>([
    ["isUrgent", "This is urgent.", true],
    ["isUrgent", "This isn't urgent.", false],
    ["urgent", "urgent: yes", true],
    ["urgent", "Urgent = false", false],
    ["urgent", "nothing", false],
  ])("%s in %j is %j", (name, text, value) => {
    expect(find(name, { type: "boolean" }, text)).toBe(value);
  });

  test("a constant is itself, null is null, a default wins over the first choice", () => {
    expect(find("x", { const: 5 }, "")).toBe(5);
    expect(find("x", { type: "null" }, "")).toBeNull();
    expect(find("x", { enum: ["a", "b"], default: "b" }, "")).toBe("b");
    expect(find("x", { type: "boolean", default: true }, "")).toBe(true);
  });
});

describe("lists:", () => {
  const strings = { type: "array", items: STRING };
  test.each<[string, object, string, unknown]>([
    [
      "colours",
      strings,
      "The colours are red, green and blue. Done",
      ["red", "green", "blue"],
    ],
    ["tags", strings, "tags: a; b", ["a", "b"]],
    [
      "keywords",
      strings,
      "The cats chase mice. Cats sleep.",
      ["cats", "chase", "mice", "sleep"],
    ],
    ["keyPoints", strings, "It rains. It pours.", ["It rains.", "It pours."]],
    ["cities", strings, "We saw Rome and Oslo.", ["Rome", "Oslo"]],
    [
      "things",
      strings,
      "- one\n- two\n- two\n3. three",
      ["one", "two", "three"],
    ],
    [
      "emails",
      strings,
      "a@b.co wrote. Then c@d.co wrote.",
      ["a@b.co", "c@d.co"],
    ],
    [
      "countries",
      { type: "array", items: { type: "string", format: "date" } },
      "no list here",
      [],
    ],
    ["", strings, "no list", []],
    [
      "x",
      { type: "array", items: { enum: ["a", "b", "c"] } },
      "c and a",
      ["c", "a"],
    ],
    [
      "x",
      { type: "array", items: { type: "integer" }, maxItems: 2 },
      "1, 2.4 and 3",
      [1, 2],
    ],
    [
      "x",
      { type: "array", items: { type: "boolean" }, minItems: 2 },
      "",
      [false, false],
    ],
    ["x", { items: { properties: { a: { type: "number" } } } }, "nothing", []],
    ["x", { type: "array" }, "nothing", []],
  ])("%s (%j) in %j is %j", (name, schema, text, value) => {
    expect(find(name, schema, text)).toEqual(value);
  });
});

describe("schemas of schemas:", () => {
  test("references, allOf and branches are followed", () => {
    const schema = {
      $defs: { "a/b": { type: "integer" }, c: { $ref: "#/$defs/a~1b" } },
      allOf: [
        object({ n: { $ref: "#/$defs/c" } }),
        { properties: { s: { anyOf: [{ type: "null" }, { const: "s" }] } } },
        {},
      ],
    };
    expect(fillSchema(schema, "n: 5")).toEqual({ n: 5, s: "s" });
  });

  test("a branch with evidence wins, then null, then the first", () => {
    const branches = (...schemas: object[]) =>
      find("x", { oneOf: schemas }, "x: 5");
    expect(branches({ type: "boolean" }, { type: "integer" })).toBe(true);
    expect(
      branches({ type: "string", format: "email" }, { type: "integer" }),
    ).toBe(5);
    expect(
      branches({ type: "string", format: "email" }, { type: "null" }),
    ).toBeNull();
    expect(
      branches(
        { type: "string", format: "email" },
        { type: "string", format: "uuid" },
      ),
    ).toBe("someone@example.com");
    expect(branches({ type: "null" })).toBeNull();
  });

  test("one that contains itself comes to an end", () => {
    const tree = {
      ...object({
        left: { $ref: "#" },
        all: { type: "array", items: { $ref: "#" }, minItems: 1 },
        or: { allOf: [{ $ref: "#" }] },
      }),
    };
    expect(
      JSON.stringify(fillSchema({ ...object({ left: { $ref: "#" } }) }, "x")),
    ).toMatch(/^(\{"left":)+\{\}\}+$/);
    expect(() =>
      fillSchema(
        object({ all: { type: "array", items: { $ref: "#" }, minItems: 1 } }),
        "x",
      ),
    ).not.toThrow();
    expect(tree).toBeDefined();
    expect(fillSchema({ $ref: "#" }, "x")).toBe("x");
    expect(fillSchema({ allOf: [{ $ref: "#" }] }, "x")).toBeDefined();
  });

  test("members with hostile names are members", () => {
    const schema = JSON.parse(
      '{"type":"object","properties":{"__proto__":{"const":1},"constructor":{"type":"string"}},"required":["__proto__","constructor"]}',
    );
    const filled = fillSchema(schema, "x") as object;
    expect(Object.keys(filled)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(filled)).toBe(Object.prototype);
  });

  test("what is no schema gives a text", () => {
    for (const schema of [null, true, 5, [], "x", { $ref: "#/nowhere" }])
      expect(fillSchema(schema, "Words.")).toBe("Words.");
  });
});

test("native structured output is the filled schema as JSON text", () => {
  const request = {
    operation: "Converse",
    modelId: "acme.model",
    messages: [
      { role: "user", content: [{ text: "The city is Oslo." }] },
      { role: "assistant", content: [{ text: "ok" }] },
      { role: "user", content: [{ text: "How many? count: 3" }] },
    ],
    system: [],
    inferenceConfig: {},
    outputConfig: {
      textFormat: {
        type: "json_schema",
        structure: {
          jsonSchema: {
            schema: JSON.stringify(
              object({ city: STRING, count: { type: "integer" } }),
            ),
          },
        },
      },
    },
    streaming: false,
    body: {},
    signal: new AbortController().signal,
  } satisfies BedrockRequest;
  expect(JSON.parse(String(defaultResponder(request)))).toEqual({
    city: "Oslo",
    count: 3,
  });
});

test("any schema and any text give JSON of the schema's type", () => {
  const leaf = fc.oneof(
    fc.constantFrom<object>(
      STRING,
      { type: "number" },
      { type: "integer" },
      { type: "boolean" },
      { type: "null" },
    ),
    fc.record({
      type: fc.constant("string"),
      format: fc.constantFrom("email", "date", "uri", "x"),
    }),
    fc.record({
      enum: fc.array(fc.jsonValue({ maxDepth: 0 }), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
  );
  const { schema } = fc.letrec<{ schema: object }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc
        .dictionary(fc.string(), tie("schema"), { maxKeys: 3 })
        .map((properties) => object(properties)),
      tie("schema").map((items) => ({ type: "array", items })),
    ),
  }));
  const types: Record<string, (value: unknown) => boolean> = {
    string: (value) => typeof value === "string",
    number: (value) => typeof value === "number",
    integer: Number.isInteger,
    boolean: (value) => typeof value === "boolean",
    null: (value) => value === null,
    array: Array.isArray,
    object: (value) => typeof value === "object" && value !== null,
  };
  fc.assert(
    fc.property(schema, fc.string(), (given, text) => {
      const value = fillSchema(given, text);
      expect(JSON.parse(JSON.stringify(value))).toBeDefined();
      if ("type" in given)
        expect(types[String(given.type)]?.(value)).toBe(true);
      if ("enum" in given) expect(given.enum).toContainEqual(value);
    }),
  );
});
