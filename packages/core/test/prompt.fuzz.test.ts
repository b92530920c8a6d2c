import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { ConfigurationError, formatTemplate } from "@lambdallm/core";
import fc from "fast-check";
import { stringify } from "yaml";
import { variablesOf } from "../src/context/template.ts";
import { Prompt } from "../src/prompt/prompt.ts";

const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z_ä][\w-]{0,9}$/),
  fc.constantFrom("constructor", "toString", "hasOwnProperty", "toJSON"),
);
const text = fc
  .string({ unit: "grapheme" })
  .filter((value) => value.trim() !== "");

const types = {
  str: fc.string({ unit: "binary" }),
  string: fc.constantFrom("{a}", "$&", "{{", ""),
  int: fc.integer(),
  integer: fc.integer(),
  float: fc.double({ noNaN: true, noDefaultInfinity: true }),
  number: fc.integer(),
  bool: fc.boolean(),
  boolean: fc.boolean(),
  list: fc.array(fc.string()),
  array: fc.array(fc.integer()),
  dict: fc.dictionary(fc.string(), fc.integer()),
  object: fc.record({ a: fc.string() }),
};

const inputs = fc.dictionary(
  name,
  fc.record({
    type: fc.constantFrom(...(Object.keys(types) as (keyof typeof types)[])),
    isOptional: fc.boolean(),
  }),
  { minKeys: 1, maxKeys: 5 },
);

type Inputs = Record<string, { type: keyof typeof types; isOptional: boolean }>;

const schemaOf = (declared: Inputs) =>
  Object.fromEntries(
    Object.entries(declared).map(([key, { type, isOptional }]) => [
      key,
      `${type}${isOptional ? "?" : ""}` as const,
    ]),
  );

const templateOf = (declared: Inputs) =>
  Object.keys(declared)
    .map((key) => `<{${key}}>`)
    .join(" and ");

const options = fc
  .record(
    {
      declared: inputs,
      model: text,
      maxTokens: fc.integer({ min: 1 }),
      temperature: fc.double({ min: 0, max: 2, noNaN: true }),
      name: text,
      version: text,
      systemPrompt: fc.constantFrom("Be brief.", 'As {"json": 1}', "yes", "~"),
      outputSchema: inputs.map(schemaOf),
    },
    { requiredKeys: ["declared"] },
  )
  .map(({ declared, ...rest }) => ({
    template: templateOf(declared),
    inputSchema: schemaOf(declared),
    ...rest,
  }));

/** JSON has no -0. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const SNAKE: Record<string, string> = {
  inputSchema: "input_schema",
  outputSchema: "output_schema",
  systemPrompt: "system_prompt",
  maxTokens: "max_tokens",
};

describe("any prompt", () => {
  test("comes back from JSON as it was, in camelCase and in snake_case", () => {
    fc.assert(
      fc.property(options, (given) => {
        const json = plain(new Prompt(given)) as Record<string, unknown>;
        expect(json).toEqual({
          version: "1.0.0",
          ...(plain(given) as object),
        });
        expect(plain(Prompt.fromJSON(json))).toEqual(json);
        const snake = Object.fromEntries(
          Object.entries(json).map(([key, value]) => [
            SNAKE[key] ?? key,
            value,
          ]),
        );
        expect(plain(Prompt.fromJSON(snake))).toEqual(json);
      }),
    );
  });

  test("comes back from YAML as it was", async () => {
    const directory = await mkdtemp(join(tmpdir(), "prompts-"));
    const path = join(directory, "prompt.yaml");
    try {
      await fc.assert(
        fc.asyncProperty(options, async (given) => {
          const json = plain(new Prompt(given));
          await writeFile(path, stringify(json));
          expect(plain(await Prompt.fromYAML(path))).toEqual(json);
        }),
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test("takes every value of the types it declares, as formatTemplate does", () => {
    const cases = inputs.chain((declared) =>
      fc
        .record(
          Object.fromEntries(
            Object.entries(declared).map(([key, { type }]) => [
              key,
              types[type] as fc.Arbitrary<unknown>,
            ]),
          ),
        )
        .map((variables) => ({ declared, variables })),
    );
    fc.assert(
      fc.property(cases, ({ declared, variables }) => {
        const template = templateOf(declared);
        const prompt = new Prompt({
          template: template as string,
          inputSchema: schemaOf(declared) as Record<string, "str">,
        });
        expect(prompt.format(variables as Record<string, string>)).toBe(
          formatTemplate(template, variables),
        );
      }),
    );
  });

  test("refuses with a ConfigurationError, or becomes text, whatever it is given", () => {
    const prompt = new Prompt({
      template: "{text} {words}",
      inputSchema: { text: "str", words: "int?" },
    });
    const anything = fc.oneof(
      fc.anything(),
      fc.record({ text: fc.anything(), words: fc.anything() }),
    );
    fc.assert(
      fc.property(anything, (variables) => {
        try {
          expect(typeof prompt.format(variables as { text: string })).toBe(
            "string",
          );
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
        }
      }),
    );
  });

  test("is refused with a ConfigurationError whatever it is read from", () => {
    const keys = fc.constantFrom(
      "template",
      "inputSchema",
      "input_schema",
      "output_schema",
      "model",
      "name",
      "__proto__",
    );
    const json = fc.oneof(fc.jsonValue(), fc.dictionary(keys, fc.jsonValue()));
    fc.assert(
      fc.property(json, (value) => {
        try {
          expect(Prompt.fromJSON(value)).toBeInstanceOf(Prompt);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
        }
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
    );
  });
});

describe("the variables of any template", () => {
  test("are those without which it cannot be filled", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom("{", "}", "{{", "}}", "{a}", "{b.c}", "{toJSON}"),
      name.map((key) => `{${key}}`),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const template = pieces.join("");
        const names = variablesOf(template);
        const value = { c: "x" };
        const deep = Object.fromEntries(
          [...names].map((key) => [key, value] as const),
        );
        expect(typeof formatTemplate(template, deep)).toBe("string");
        for (const key of names) {
          const { [key]: _, ...others } = deep;
          expect(() => formatTemplate(template, others)).toThrow(
            `The variable "${key}`,
          );
        }
      }),
    );
  });
});
