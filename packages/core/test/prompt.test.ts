import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { z } from "zod";
import { Prompt } from "../src/prompt/prompt.ts";
import type { PromptContext } from "../src/prompt/types.ts";

/** A context that fills the prompt as the real one does. */
function contextOf(answer: unknown = "text") {
  const invoke = jest.fn<PromptContext["invoke"]>(async (prompt, variables) => {
    // Any prompt can be filled with what it was checked with.
    (prompt as Prompt<object>).format(variables);
    return String(answer);
  });
  const invokeStructured = jest.fn<PromptContext["invokeStructured"]>(
    async () => answer,
  );
  return { invoke, invokeStructured };
}

const messageOf = (fn: () => unknown): string => {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error("Nothing was thrown.");
};

const rejection = async (promise: Promise<unknown>): Promise<string> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigurationError);
  return (error as Error).message;
};

/** Options as a caller without types gives them. */
const untyped = (options: object) => new Prompt(options as { template: "" });

describe("a prompt", () => {
  test("has the defaults of the reference", () => {
    const prompt = new Prompt({ template: "Hi {name}" });
    const defaults = { maxTokens: 1024, temperature: 0.7 };
    expect(prompt).toMatchObject(defaults);
    // They give way, so they are no settings of the prompt's own.
    expect(prompt.defaults).toEqual(defaults);
    expect(prompt.callOptions).toEqual({});
    expect(prompt.toJSON()).toEqual({
      template: "Hi {name}",
      version: "1.0.0",
    });
    expect(Prompt.fromJSON(prompt.toJSON()).defaults).toEqual(defaults);
    expect(prompt.format({ name: "Ada" })).toBe("Hi Ada");
  });

  test("brings its settings, its name and its version to a call", () => {
    const prompt = new Prompt({
      template: "Hi",
      systemPrompt: 'Answer as {"json": true}. {{',
      model: "amazon.nova-lite-v1:0",
      maxTokens: 5,
      temperature: 0,
      name: "greet",
    });
    expect(prompt.callOptions).toEqual({
      model: "amazon.nova-lite-v1:0",
      maxTokens: 5,
      temperature: 0,
      system: 'Answer as {"json": true}. {{',
      tags: { "prompt.name": "greet", "prompt.version": "1.0.0" },
    });
  });

  test("does not change", () => {
    const inputSchema = { name: "string", to: ["string"] } as {
      name: "string" | "int";
      to: ["string"];
    };
    const prompt = new Prompt({
      template: "{name} {to}",
      inputSchema,
      outputSchema: { a: "int" },
      name: "n",
    });
    inputSchema.name = "int";
    expect(prompt.format({ name: "Ada", to: [] })).toBe("Ada []");
    for (const part of [
      prompt,
      prompt.callOptions,
      prompt.callOptions.tags,
      prompt.inputSchema,
      Reflect.get(Object(prompt.inputSchema), "to"),
      prompt.outputSchema,
    ])
      expect(Object.isFrozen(part)).toBe(true);
    expect(() => Object.assign(prompt, { template: "other" })).toThrow(
      TypeError,
    );
  });

  test("is an instance of Prompt", () => {
    const prompt = new Prompt({ template: "Hi" });
    expect(prompt).toBeInstanceOf(Prompt);
    expect(prompt.constructor.name).toBe("Prompt");
  });

  test.each([
    [{}, 'Prompt: the option "template" must be a non-empty string.'],
    [
      { template: " " },
      'Prompt: the option "template" must be a non-empty string.',
    ],
    [
      { template: "a", maxTokens: 0 },
      'Prompt: the option "maxTokens" must be a positive integer.',
    ],
    [
      { template: "a", temperature: -1 },
      'Prompt: the option "temperature" must be a finite number of at least 0.',
    ],
    [
      { template: "a", version: 1 },
      'Prompt: the option "version" must be a non-empty string.',
    ],
    [
      { template: "a", max_tokens: 1 },
      'Prompt: there is no option "max_tokens". Options: template, inputSchema, outputSchema, systemPrompt, model, maxTokens, temperature, name, version.',
    ],
    [
      { template: "a", name: "n", outputSchema: 5 },
      'Prompt "n": outputSchema: The schema is 5.',
    ],
    [
      { template: "{a}", inputSchema: { a: "strnig" } },
      'Prompt: inputSchema: The schema has "strnig" at /a;',
    ],
    [
      { template: "{a}", inputSchema: z.object({ a: z.string() }) },
      "Prompt: the inputSchema must be a JSON Schema or a shorthand;",
    ],
    [
      { template: "{a}", inputSchema: { type: "string" } },
      "Prompt: the inputSchema must describe an object with one property for each variable.",
    ],
    [
      {
        template: "{a}",
        inputSchema: { properties: { a: { type: "text" } } },
      },
      'Prompt: the inputSchema of "a" is not valid: type must be one of string, number,',
    ],
    [
      { template: "{a}", inputSchema: { properties: { a: { type: 5 } } } },
      'Prompt: the inputSchema of "a" is not valid',
    ],
    [
      { template: "{a}", inputSchema: { properties: { a: { enum: "x" } } } },
      'Prompt: the inputSchema of "a" is not valid',
    ],
  ])("refuses %j", (options, message) => {
    expect(messageOf(() => untyped(options))).toContain(message);
  });

  test("refuses a schema that is not JSON", () => {
    const schema: Record<string, unknown> = { type: "object" };
    schema["default"] = schema;
    expect(
      messageOf(() => untyped({ template: "a", outputSchema: schema })),
    ).toContain("Prompt: outputSchema: Converting circular structure");
  });

  test("says when the template uses what the input schema does not declare", () => {
    expect(
      messageOf(() =>
        untyped({ template: "{a} {b.c}", inputSchema: { a: "str" } }),
      ),
    ).toBe(
      'Prompt: the template uses the variable "b", which the inputSchema does not declare. It declares "a".',
    );
    expect(
      messageOf(() =>
        untyped({ template: "{a}", inputSchema: { type: "object" } }),
      ),
    ).toContain("It declares none.");
  });

  test("says when the template does not use what the input schema requires", () => {
    expect(
      messageOf(() =>
        untyped({ template: "{a}", inputSchema: { a: "str", b: "int" } }),
      ),
    ).toBe(
      'Prompt: the inputSchema requires the variable "b", which the template does not use. It uses "a".',
    );
    expect(
      untyped({ template: "{a}", inputSchema: { a: "str", b: "int?" } }),
    ).toBeInstanceOf(Prompt);
  });

  test("lets a JSON Schema declare variables elsewhere than in its properties", () => {
    const prompt = new Prompt({
      template: "{a}",
      inputSchema: { type: "object", additionalProperties: { type: "string" } },
    });
    expect(prompt.format({ a: "x" })).toBe("x");
    expect(
      messageOf(() =>
        untyped({
          template: "{a}",
          inputSchema: { type: "object", additionalProperties: false },
        }),
      ),
    ).toContain("does not declare");
  });

  test("says when a variable stands in the system prompt, which is sent as it is", () => {
    const message =
      "the systemPrompt contains {language}, but is sent as it is. Use the variable in the template.";
    expect(
      messageOf(() =>
        untyped({
          template: "{language}",
          systemPrompt: "Answer in {language}",
        }),
      ),
    ).toContain(message);
    expect(
      messageOf(() =>
        untyped({
          template: "Hi",
          inputSchema: { language: "str?" },
          systemPrompt: "Answer in {language}",
        }),
      ),
    ).toContain(message);
    expect(
      untyped({ template: "{text}", systemPrompt: "Answer in {language}" })
        .callOptions.system,
    ).toBe("Answer in {language}");
  });

  test("knows the paths and escapes of its template", () => {
    const prompt = untyped({
      template: "{{no}} {user.name} {user.toJSON.constructor} {__proto__}",
      inputSchema: JSON.parse(
        '{"properties":{"user":{"type":"object"},"__proto__":{"type":"string"}},"required":["user","__proto__"]}',
      ),
    });
    const variables = JSON.parse(
      '{"user":{"name":"Ada","toJSON":{"constructor":1}},"__proto__":"own"}',
    );
    expect(prompt.format(variables)).toBe("{no} Ada 1 own");
    expect(messageOf(() => prompt.format({}))).toContain(
      'the variable "user" is missing; it must be an object.',
    );
  });
});

describe("the values of a prompt", () => {
  const prompt = new Prompt({
    name: "all",
    template: "{s} {n} {i} {b} {l} {o} {e} {u}",
    inputSchema: {
      type: "object",
      properties: {
        s: { type: "string" },
        n: { type: "number" },
        i: { type: "integer" },
        b: { type: "boolean" },
        l: { type: "array" },
        o: { type: "object" },
        e: { enum: ["a", "b", 1, ["x"]] },
        u: { type: ["string", "integer", "null"] },
      },
      required: ["s", "n", "i", "b", "l", "o", "e", "u"],
    },
  });
  const right = {
    s: "{n} $&",
    n: 0.5,
    i: -2,
    b: false,
    l: ["a"],
    o: { a: 1 },
    e: "a",
    u: null,
  } as const;
  const wrong = (changes: object) => ({ ...right, ...changes }) as typeof right;

  test("are inserted once and literally", () => {
    expect(prompt.format(right)).toBe('{n} $& 0.5 -2 false ["a"] {"a":1} a ');
    expect(prompt.format({ ...right, e: ["x"], u: 5 })).toContain(
      '{"a":1} ["x"] 5',
    );
  });

  test.each([
    [{ s: 5 }, '"s" must be a string; it is a number.'],
    [{ s: ["secret"] }, '"s" must be a string; it is an array.'],
    [{ s: {} }, '"s" must be a string; it is an object.'],
    [{ s: undefined }, '"s" is missing; it must be a string.'],
    [{ s: null }, '"s" is missing; it must be a string.'],
    [{ n: "secret" }, '"n" must be a number; it is a string.'],
    [
      { n: Number.NaN },
      '"n" must be a number; it is a number that is not finite.',
    ],
    [{ i: 1.5 }, '"i" must be an integer; it is a number with a fraction.'],
    [{ i: 5n }, '"i" must be an integer; it is a bigint.'],
    [{ b: "true" }, '"b" must be true or false; it is a string.'],
    [{ l: {} }, '"l" must be an array; it is an object.'],
    [{ o: [] }, '"o" must be an object; it is an array.'],
    [{ o: Symbol("secret") }, '"o" must be an object; it is a symbol.'],
    [
      { e: "secret" },
      '"e" must be one of "a", "b", 1, ["x"]; it is another string.',
    ],
    [
      { e: ["y"] },
      '"e" must be one of "a", "b", 1, ["x"]; it is another array.',
    ],
    [
      { u: true },
      '"u" must be a string or an integer or null; it is a boolean.',
    ],
    [{ u: undefined }, '"u" is missing; it must be a string or an integer'],
  ])("are refused by their type, without the value: %p", (changes, message) => {
    const said = messageOf(() => prompt.format(wrong(changes)));
    expect(said).toContain(`Prompt "all": the variable ${message}`);
    expect(said).not.toContain("secret");
  });

  test.each([[null], ["text"], [["a"]], [5]])(
    "must be an object, not %p",
    (variables) => {
      const format = () => prompt.format(variables as unknown as typeof right);
      expect(messageOf(format)).toMatch(
        variables === null ? /"s" is missing/ : /must be an object/,
      );
    },
  );

  test("may be left out when they are optional: the default, else nothing, is inserted", () => {
    const optional = new Prompt({
      template: "a{a}b{b}c{c}d{d}",
      inputSchema: {
        type: "object",
        properties: {
          a: { type: "string" },
          b: { type: "integer", default: 50 },
          c: { type: ["string", "null"], default: "x" },
          d: { type: ["string", "null"], default: null },
        },
      },
    });
    expect(optional.format({})).toBe("ab50cxd");
    expect(optional.format({ a: undefined, b: undefined, c: null })).toBe(
      "ab50cd",
    );
    expect(optional.format({ a: "1", b: 2, c: "3", d: "4" })).toBe("a1b2c3d4");
  });

  test("of any type are taken where the schema says none", () => {
    const any = new Prompt({
      template: "{a} {b}",
      inputSchema: { properties: { a: true }, required: ["a", "b"] },
    });
    expect(any.format({ a: 1, b: "x" })).toBe("1 x");
    expect(messageOf(() => any.format({ a: 1 } as never))).toBe(
      'Prompt: the variable "b" is missing.',
    );
  });

  test("that the schema does not declare are not used", () => {
    const given = { a: "x", other: 5 };
    expect(
      new Prompt({ template: "{a}", inputSchema: { a: "str" } }).format(given),
    ).toBe("x");
  });
});

describe("invoke", () => {
  test("returns the text", async () => {
    const context = contextOf("hello");
    const prompt = new Prompt({ template: "Hi {name}" });
    await expect(
      prompt.invoke(context, { name: "Ada" }, { temperature: 0 }),
    ).resolves.toBe("hello");
    const plain = new Prompt({ template: "Hi" });
    await plain.invoke(context);
    expect(context.invoke.mock.calls).toEqual([
      [prompt, { name: "Ada" }, { temperature: 0 }],
      [plain, {}, undefined],
    ]);
  });

  test("returns the value when there is an output schema", async () => {
    const context = contextOf({ label: "bug" });
    const outputSchema = z.object({ label: z.string() });
    const prompt = new Prompt({ template: "Hi {name}", outputSchema });
    const { label } = await prompt.invoke(
      context,
      { name: "Ada" },
      { maxRepairs: 2 },
    );
    expect(label).toBe("bug");
    expect(context.invokeStructured.mock.calls).toEqual([
      [prompt, outputSchema, { name: "Ada" }, { maxRepairs: 2 }],
    ]);
    expect(context.invoke).not.toHaveBeenCalled();
  });

  test("checks the values before the model is called", async () => {
    const context = contextOf();
    const prompt = new Prompt({
      template: "{words}",
      inputSchema: { words: "int" },
    });
    await expect(
      rejection(prompt.invoke(context, { words: "5" as unknown as number })),
    ).resolves.toContain('"words" must be an integer; it is a string.');
    expect(context.invoke).not.toHaveBeenCalled();
    await prompt.invoke(context, { words: 5 });
    expect(context.invoke).toHaveBeenCalledTimes(1);
  });

  test("checks them by the whole JSON Schema, which format does not", async () => {
    const context = contextOf();
    const prompt = new Prompt({
      name: "p",
      template: "{user.name} {words}",
      inputSchema: {
        type: "object",
        properties: {
          user: { type: "object", properties: { name: { type: "string" } } },
          words: { type: "integer", maximum: 100, default: 50 },
        },
        required: ["user"],
        additionalProperties: false,
      },
    });
    const user = { name: "Ada" };
    expect(prompt.format({ user, words: 500 })).toBe("Ada 500");
    const message = await rejection(
      prompt.invoke(context, { user: { name: 5 as never }, words: 500 }),
    );
    expect(message).toContain(
      'Prompt "p": the variables do not match the inputSchema: ',
    );
    expect(message).toContain("/user/name must be string");
    expect(message).toContain("/words must be <= 100");
    expect(context.invoke).not.toHaveBeenCalled();
    await prompt.invoke(context, { user });
    await prompt.invoke(context, { user, words: undefined });
    expect(context.invoke).toHaveBeenCalledTimes(2);
  });

  test("checks what a shorthand nests, and lets other variables be", async () => {
    const context = contextOf();
    const prompt = new Prompt({
      template: "{tags}",
      inputSchema: { tags: ["string"] },
    });
    const more = { tags: ["a"], other: 1 };
    await prompt.invoke(context, more);
    await expect(
      rejection(prompt.invoke(context, { tags: [5 as never] })),
    ).resolves.toContain("/tags/0 must be string");
    expect(context.invoke).toHaveBeenCalledTimes(1);
  });
});

describe("toJSON and fromJSON", () => {
  test("write and read every option", () => {
    const options = {
      template: "{a}",
      inputSchema: { a: "str" },
      outputSchema: { type: "object", properties: { b: { type: "string" } } },
      systemPrompt: "s",
      model: "m",
      maxTokens: 1,
      temperature: 0,
      name: "n",
      version: "v",
    } as const;
    const json = JSON.stringify(new Prompt(options));
    expect(JSON.parse(json)).toEqual(options);
    expect(Prompt.fromJSON(JSON.parse(json)).toJSON()).toEqual(options);
  });

  test("write a Standard Schema as its JSON Schema", () => {
    const schema = z.object({ label: z.string() });
    const label = { properties: { label: { type: "string" } } };
    const prompt = new Prompt({ template: "a", outputSchema: schema });
    expect(prompt.outputSchema).toBe(schema);
    expect(prompt.toJSON().outputSchema).toMatchObject(label);
    const pair = { schema, jsonSchema: { type: "object", ...label } };
    expect(
      new Prompt({ template: "a", outputSchema: pair }).toJSON().outputSchema,
    ).toBe(pair.jsonSchema);
    expect(
      Prompt.fromJSON(JSON.parse(JSON.stringify(prompt))).toJSON(),
    ).toMatchObject({ outputSchema: label });
  });

  test("read the names of the reference, and null as not given", () => {
    expect(
      Prompt.fromJSON({
        template: "{a}",
        input_schema: { a: "str" },
        output_schema: { b: "list" },
        system_prompt: "s",
        max_tokens: 5,
        temperature: null,
        model: null,
        name: undefined,
      }).toJSON(),
    ).toEqual({
      template: "{a}",
      inputSchema: { a: "str" },
      outputSchema: { b: "list" },
      systemPrompt: "s",
      maxTokens: 5,
      version: "1.0.0",
    });
  });

  test.each([
    [null, "must be an object"],
    ["{}", "must be an object"],
    [[], "must be an object"],
    [{}, '"template" must be'],
    [{ template: "a", extra: 1 }, 'no option "extra"'],
    [
      { template: "a", max_tokens: 1, maxTokens: 1 },
      'the option "maxTokens" is there twice',
    ],
    [
      JSON.parse('{"template":"a","__proto__":{"model":"evil"}}'),
      'no option "__proto__"',
    ],
  ])("refuse %j", (json, message) => {
    expect(messageOf(() => Prompt.fromJSON(json))).toContain(message);
  });
});

describe("fromYAML", () => {
  const fixture = (name: string) =>
    new URL(`./fixtures/prompts/${name}.yaml`, import.meta.url);
  let directory = "";
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "prompts-"));
  });
  afterAll(() => rm(directory, { recursive: true }));
  const write = async (name: string, content: string | Uint8Array) => {
    const path = join(directory, name);
    await writeFile(path, content);
    return path;
  };

  test("reads a file of the Python project", async () => {
    const prompt = await Prompt.fromYAML<
      { text: string; max_words: number },
      { summary: string }
    >(fixture("summarize"));
    expect(prompt.callOptions).toEqual({
      model: "amazon.nova-lite-v1:0",
      maxTokens: 512,
      temperature: 0,
      system: "You summarize support tickets. Answer in plain words.\n",
      tags: { "prompt.name": "summarize", "prompt.version": "2.1.0" },
    });
    expect(prompt.outputSchema).toEqual({
      summary: "str",
      key_points: "list",
      sentiment: "float",
      meta: "dict",
      urgent: "bool",
    });
    expect(prompt.format({ text: "It broke.", max_words: 5 })).toBe(
      'Summarize in 5 words, in a  tone:\n\nIt broke.\n\nExample: {"summary": "..."}\n',
    );
    const context = contextOf({ summary: "short" });
    const { summary } = await prompt.invoke(context, {
      text: "It broke.",
      max_words: 5,
    });
    expect(summary).toBe("short");
  });

  test("reads JSON Schema, aliases and empty options, by path as by URL", async () => {
    const prompt = await Prompt.fromYAML(fixture("classify").pathname);
    expect(prompt.toJSON()).toEqual({
      name: "classify",
      template: "Classify: {text}",
      inputSchema: {
        type: "object",
        properties: { text: { type: "string", minLength: 1 } },
        required: ["text"],
      },
      outputSchema: {
        type: "object",
        properties: {
          label: { enum: ["bug", "question"] },
          reason: { type: "string", minLength: 1 },
        },
        required: ["label"],
      },
      version: "1.0.0",
    });
  });

  test("reads the core schema whatever version the file says", async () => {
    const prompt = await Prompt.fromYAML(fixture("old-yaml"));
    expect(prompt.template).toBe("yes");
    expect(prompt.version).toBe("2026-11-01");
  });

  test.each([
    ["duplicate", 'duplicate.yaml, line 5: "name" is there twice'],
    ["broken", /broken\.yaml, line 2: Missing closing/],
    ["tagged", /tagged\.yaml, line 2: Unresolved tag/],
    ["two-documents", /two-documents\.yaml, line 2: .*multiple documents/],
    ["proto", 'proto.yaml: Prompt: there is no option "__proto__"'],
    [
      "version-number",
      'version-number.yaml: Prompt: the option "version" must be a non-empty string.',
    ],
    ["missing", /missing\.yaml cannot be read \(ENOENT\)\.$/],
  ])("refuses %s.yaml with its name", async (name, message) => {
    const said = await rejection(Prompt.fromYAML(fixture(name)));
    if (typeof message === "string") expect(said).toContain(message);
    else expect(said).toMatch(message);
    expect(({} as Record<string, unknown>)["model"]).toBeUndefined();
  });

  test("refuses a URL that is no file", async () => {
    await expect(
      rejection(Prompt.fromYAML(new URL("https://example.com/a.yaml"))),
    ).resolves.toMatch(
      /^https:\/\/example\.com\/a\.yaml cannot be read \(ERR_INVALID_URL_SCHEME\)\.$/,
    );
  });

  test("refuses a file of more than 1 MB, without reading it to its end", async () => {
    const head = "template: a\n";
    const path = await write("huge.yaml", head.padEnd((1 << 20) + 1, "#"));
    await expect(rejection(Prompt.fromYAML(path))).resolves.toBe(
      `${path} is larger than 1 MB.`,
    );
    await expect(rejection(Prompt.fromYAML("/dev/zero"))).resolves.toBe(
      "/dev/zero is larger than 1 MB.",
    );
    const largest = await write("largest.yaml", head.padEnd(1 << 20, "#"));
    await expect(Prompt.fromYAML(largest)).resolves.toBeInstanceOf(Prompt);
  });

  test("refuses what is not UTF-8, and an empty file", async () => {
    const path = await write("latin1.yaml", Uint8Array.of(0x61, 0xff));
    await expect(rejection(Prompt.fromYAML(path))).resolves.toContain(
      "latin1.yaml cannot be read (ERR_ENCODING_INVALID_ENCODED_DATA).",
    );
    const empty = await write("empty.yaml", "");
    await expect(rejection(Prompt.fromYAML(empty))).resolves.toContain(
      "empty.yaml: Prompt: what it is read from must be an object",
    );
  });

  test("refuses aliases that multiply, that have no anchor, and nesting without end", async () => {
    const list = (name: string) => `[${Array(10).fill(name).join(",")}]`;
    const bomb = `a: &a ${list("x")}\nb: &b ${list("*a")}\nc: &c ${list("*b")}\nd: ${list("*c")}\n`;
    await expect(
      rejection(Prompt.fromYAML(await write("bomb.yaml", bomb))),
    ).resolves.toContain("bomb.yaml: Excessive alias count");
    await expect(
      rejection(Prompt.fromYAML(await write("alias.yaml", "a: *b"))),
    ).resolves.toContain("alias.yaml: Unresolved alias");
    await expect(
      rejection(Prompt.fromYAML(await write("deep.yaml", "[".repeat(100_000)))),
    ).resolves.toContain("deep.yaml, line 1: ");
  });

  test("takes no more time per key for many keys", async () => {
    const keys = Array.from({ length: 80_000 }, (_, index) => `k${index}:\n`);
    const path = await write("keys.yaml", `${keys.join("")}k0:\n`);
    await expect(rejection(Prompt.fromYAML(path))).resolves.toContain(
      `keys.yaml, line 80001: "k0" is there twice`,
    );
  });
});
