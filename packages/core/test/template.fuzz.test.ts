import { describe, expect, test } from "@jest/globals";
import { ConfigurationError, formatTemplate } from "@lambdallm/core";
import fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";

const MEGABYTE = 1 << 20;

/** Text that no rule of the template changes. */
const plain = fc
  .string({ unit: "binary" })
  .map((text) => text.replaceAll("{", "").replaceAll("}", ""));

const name = fc.stringMatching(/^[A-Za-z_ä][\w-]{0,9}$/);

/** Braces are what values must not be scanned for. */
const value = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("{x}", "{{", "}}", "$&", "$1", "\\", "\ud800"),
  name.map((text) => `{${text}}`),
);

type Piece =
  | { readonly kind: "text" | "json"; readonly text: string }
  | { readonly kind: "brace" }
  | {
      readonly kind: "variable";
      readonly name: string;
      readonly value: string;
    };

const piece: fc.Arbitrary<Piece> = fc.oneof(
  plain.map((text) => ({ kind: "text" as const, text })),
  fc
    .record({ a: fc.integer(), b: fc.record({ c: fc.boolean() }) })
    .map((json) => ({ kind: "json" as const, text: JSON.stringify(json) })),
  fc.constant({ kind: "brace" as const }),
  fc
    .tuple(name, value)
    .map(([name, value]) => ({ kind: "variable" as const, name, value })),
);

describe("any template", () => {
  test("made of texts, JSON, escapes and variables becomes their concatenation", () => {
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const variables = Object.fromEntries(
          pieces.flatMap((part) =>
            part.kind === "variable" ? [[part.name, part.value]] : [],
          ),
        );
        let template = "";
        let expected = "";
        for (const part of pieces)
          if (part.kind === "variable") {
            template += `{${part.name}}`;
            expected += variables[part.name];
          } else if (part.kind === "brace") {
            template += "{{text}}";
            expected += "{text}";
          } else {
            template += part.text;
            expected += part.text;
          }
        expect(formatTemplate(template, variables)).toBe(expected);
      }),
      { numRuns: rounds(200, 500) },
    );
  });

  test("inserts a value as it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), value, (given, other) => {
        const text = formatTemplate("<{given}|{other}>", { given, other });
        expect(text).toBe(`<${given}|${other}>`);
      }),
    );
  });

  test("escaped brace by brace comes back as it was", () => {
    const escaped = (text: string) =>
      text.replaceAll("{", "{{").replaceAll("}", "}}");
    const balanced = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        plain,
        fc
          .tuple(plain, tie("tree"), plain)
          .map(([a, b, c]) => `${a}{${b}}${c}`),
      ),
    })).tree;
    fc.assert(
      fc.property(balanced, (text) => {
        expect(formatTemplate(escaped(text))).toBe(text);
      }),
    );
  });

  test("fails with a ConfigurationError or not at all", () => {
    const template = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .array(fc.constantFrom("{", "}", "{{", "}}", ".", "a", "0", " ", "-"))
        .map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(template, fc.anything(), (text, variables) => {
        try {
          // Whatever an event holds may end up here.
          const filled = formatTemplate(text, variables as object);
          expect(typeof filled).toBe("string");
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
        }
      }),
      { numRuns: rounds(300, 1_000) },
    );
  });
});

describe("a megabyte", () => {
  test.each(["{", "}", "{{", "}}", "{a", "{a.", "a}", "{}", "{{a", "{ "])(
    "of %j is read in one pass",
    (part) => {
      const template = part.repeat(MEGABYTE / part.length);
      const text = formatTemplate(template);
      expect(text.length).toBeGreaterThanOrEqual(template.length / 2);
      expect(text.length).toBeLessThanOrEqual(template.length);
    },
  );

  test("in one unfinished name is text", () => {
    for (const name of ["a".repeat(MEGABYTE), "a.".repeat(MEGABYTE / 2)])
      expect(formatTemplate(`{${name}`)).toBe(`{${name}`);
  });

  test("of variables is filled in", () => {
    const count = MEGABYTE / 4;
    expect(formatTemplate("{a} ".repeat(count), { a: "b" })).toBe(
      "b ".repeat(count),
    );
  });
});
