import { describe, expect, test } from "@jest/globals";
import { ConfigurationError, formatTemplate } from "@lambdallm/core";
import { NOTHING, pathsOf } from "@lambdallm/core/feature";

const failure = (template: string, variables?: object): ConfigurationError => {
  try {
    formatTemplate(template, variables);
  } catch (error) {
    if (ConfigurationError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("The template was filled.");
};

describe("variables of a template", () => {
  test("are replaced, each as often as it occurs", () => {
    expect(formatTemplate("{a}-{b}-{a}", { a: "x", b: "y" })).toBe("x-y-x");
  });

  test("may be paths into objects and arrays", () => {
    const variables = { user: { name: "Ada", tags: ["one", "two"] } };
    expect(formatTemplate("{user.name}: {user.tags.1}", variables)).toBe(
      "Ada: two",
    );
  });

  test.each([
    ["a string", "text", "text"],
    ["an empty string", "", ""],
    ["0", 0, "0"],
    ["a negative number", -1.5, "-1.5"],
    ["NaN", Number.NaN, "NaN"],
    ["false", false, "false"],
    ["a bigint", 12345678901234567890n, "12345678901234567890"],
    ["a date", new Date(0), "1970-01-01T00:00:00.000Z"],
    ["an array", [1, "a", null], '[1,"a",null]'],
    ["an object", { a: { b: 1 } }, '{"a":{"b":1}}'],
  ])("write %s as text", (_what, value, text) => {
    expect(formatTemplate("<{value}>", { value })).toBe(`<${text}>`);
  });

  test.each([
    "{x}",
    "{value}",
    "{{value}}",
    "$&",
    "$1 $$ $' $`",
    "}} {{ } {",
    "back\\slash \\n",
    "\ud800 lone \udc00",
    "a\u0000b",
    "ends with {",
  ])("insert %j literally and only once", (value) => {
    expect(formatTemplate("{value}|{x}", { value, x: "y" })).toBe(`${value}|y`);
  });

  test("may hold a megabyte", () => {
    const value = "{value}".repeat(150_000);
    expect(formatTemplate("{value}", { value })).toBe(value);
  });

  test("may have any letters in their names", () => {
    expect(
      formatTemplate("{größe} {名前} {snake_case} {kebab-case} {a1}", {
        größe: 1,
        名前: 2,
        snake_case: 3,
        "kebab-case": 4,
        a1: 5,
      }),
    ).toBe("1 2 3 4 5");
  });
});

describe("braces that are text", () => {
  test.each([
    ["{{name}}", "{name}"],
    ["{{", "{"],
    ["}}", "}}"],
    ["{{{name}}}", "{Ada}"],
    ["{{ {name} }}", "{ Ada }"],
    ["{{name}", "{name}"],
    ["{{a}} }}", "{a} }}"],
    ["{name", "{name"],
    ["name}", "name}"],
    ["{}", "{}"],
    ["{ name }", "{ name }"],
    ["{1st} {-} {.a} {a.} {a..b}", "{1st} {-} {.a} {a.} {a..b}"],
    ['{"a": {"b": 1}}', '{"a": {"b": 1}}'],
    ['{"user": "{name}"}', '{"user": "Ada"}'],
    ['{{"a": {"b": "{name}"}}}', '{"a": {"b": "Ada"}}'],
    ["function f() { return {name}; }", "function f() { return Ada; }"],
  ])("%j becomes %j", (template, text) => {
    const variables = text.includes("Ada") ? { name: "Ada" } : undefined;
    expect(formatTemplate(template, variables)).toBe(text);
  });
});

describe("a variable that is missing", () => {
  test("is named together with what the prompt uses and what was given", () => {
    const error = failure("{text} in {words} words", { text: "x", word: 3 });
    expect(error.message).toBe(
      'The variable "words" is missing. The prompt uses "text", "words"; given: "text", "word". Write {{ for a brace that is text.',
    );
  });

  test("says so when nothing was given", () => {
    expect(failure("{a}").message).toContain("given: none");
  });

  test.each([
    ["undefined", undefined],
    ["null", null],
  ])("may have been given as %s", (_what, value) => {
    const { message } = failure("{a} {b}", { a: value, b: 1 });
    expect(message).toContain('"a" is missing');
    expect(message).toContain('given: "b".');
  });

  test("may be a step of a path", () => {
    expect(failure("{a.b.c}", { a: { b: "text" } }).message).toContain(
      'The variable "a.b.c" is missing.',
    );
    expect(failure("{a.b}", { a: null }).message).toContain('"a.b" is missing');
  });

  test.each([
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "user.constructor.name",
    "user.__proto__.polluted",
    "list.map",
    "text.length",
  ])("is not looked for on prototypes: {%s}", (path) => {
    const variables = { user: { name: "Ada" }, list: [1], text: "x" };
    expect(failure(`{${path}}`, variables).message).toContain(
      `The variable "${path}" is missing.`,
    );
  });

  test("is found when it is an own property with such a name", () => {
    const variables = JSON.parse('{"__proto__": 1, "constructor": 2}');
    expect(formatTemplate("{__proto__} {constructor}", variables)).toBe("1 2");
  });

  test("is reported in a message of limited length", () => {
    const given = Array.from({ length: 1_000 }, (_, index) => [`v${index}`, 1]);
    const variables = Object.fromEntries([["x".repeat(10_000), 1], ...given]);
    expect(failure("{a}", variables).message.length).toBeLessThan(1_000);
  });
});

describe("a value that cannot be text", () => {
  const circular: { self?: unknown } = {};
  circular.self = circular;

  test.each([
    ["a circular object", circular, "cannot be written as JSON"],
    ["an object with a bigint", { a: 1n }, "cannot be written as JSON"],
    ["an invalid date", new Date(Number.NaN), "cannot be written as JSON"],
    ["a function", () => 1, "is a function"],
    ["a symbol", Symbol("s"), "is a symbol"],
    ["an object whose JSON is nothing", { toJSON() {} }, "give a string"],
  ])("is refused by name: %s", (_what, value, message) => {
    const error = failure("{bad}", { bad: value });
    expect(error.message).toContain('The variable "bad"');
    expect(error.message).toContain(message);
  });

  test("leaves the reason as the cause", () => {
    const { cause } = failure("{bad}", { bad: circular });
    expect(cause).toBeInstanceOf(TypeError);
  });
});

describe("what is given in place of variables", () => {
  test("may be more than the prompt uses, as when prompts come from a table", () => {
    expect(formatTemplate("Hello", { name: "Ada" })).toBe("Hello");
  });

  test.each([
    [Promise.resolve("late"), "a promise that was not awaited"],
    [new Map(), "a Map"],
    [new Set(), "a Set"],
    [new Error("no"), "an Error"],
    [new Uint8Array(1), "a Uint8Array"],
    [{ toJSON: () => undefined }, "an object"],
    [
      Object.assign(Object.create(null), { toJSON: () => undefined }),
      "an object",
    ],
  ])("is refused when it has nothing to say as JSON: %#", (value, kind) => {
    expect(failure("Say {it}", { it: value }).message).toBe(
      `The variable "it" is ${kind}; give a string, a number, a boolean, an object or an array.`,
    );
  });

  test("may have a field `then` that is no function", () => {
    const json = '{"if":"it rains","then":"stay in"}';
    const rule: object = JSON.parse(json);
    expect(formatTemplate("{rule}", { rule })).toBe(json);
  });

  test("may be empty or absent when the prompt has none", () => {
    expect(formatTemplate("Hello", {})).toBe("Hello");
    expect(formatTemplate("Hello")).toBe("Hello");
    expect(formatTemplate("")).toBe("");
  });

  test.each([null, "text", 5])(
    "is refused when it is no object: %j",
    (given) => {
      // A value from an event has whatever type it has.
      const variables = given as unknown as object;
      expect(failure("{a}", variables).message).toContain("variables");
      expect(failure("Hello", variables).message).toContain("variables");
    },
  );
});

describe("NOTHING in the place of a value", () => {
  test("is inserted as no text, and so is all that would be in it", () => {
    const variables = { a: NOTHING, b: { c: NOTHING } };
    expect(formatTemplate("[{a}][{a.x.y}][{b.c}][{b.c.x}]{b}", variables)).toBe(
      "[][][][]{}",
    );
  });
});

describe("The paths of a template", () => {
  test("are what it inserts, each once", () => {
    expect([...pathsOf('{a} {b.c} {a} {{d} {"e": {f.g.h}}')]).toEqual([
      "a",
      "b.c",
      "f.g.h",
    ]);
  });
});
