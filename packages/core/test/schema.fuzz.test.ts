import * as fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";
import { extractJson } from "../src/schema/extract-json.ts";
import { toJsonSchema } from "../src/schema/to-json-schema.ts";
import type { OutputSchema } from "../src/schema/types.ts";
import { compileValidator } from "../src/schema/validate.ts";

interface Sample {
  readonly schema: object;
  readonly value: fc.Arbitrary<unknown>;
}

const names = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 8 }),
    fc.constantFrom("constructor", "toString", "type", "a/b", "a~b"),
  )
  .filter((name) => name !== "__proto__");

/** Random schemas, each with instances of it. */
const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalars(),
    objects(tie("sample")),
    tie("sample").map(({ schema, value }) => ({
      schema: { type: "array", items: schema, minItems: 1, maxItems: 3 },
      value: fc.array(value, { minLength: 1, maxLength: 3 }),
    })),
    fc.tuple(tie("sample"), tie("sample")).map(([left, right]) => ({
      schema: { anyOf: [left.schema, right.schema] },
      value: fc.oneof(left.value, right.value),
    })),
  ),
}));

function scalars(): fc.Arbitrary<Sample> {
  return fc.constantFrom<Sample>(
    {
      schema: { type: "string", minLength: 1, maxLength: 4 },
      value: fc.string({ minLength: 1, maxLength: 4 }),
    },
    {
      schema: { type: "integer", minimum: -5, maximum: 5 },
      value: fc.integer({ min: -5, max: 5 }),
    },
    {
      schema: { type: "number" },
      value: fc
        .double({ noNaN: true, noDefaultInfinity: true })
        .map((n) => n + 0),
    },
    { schema: { type: "boolean" }, value: fc.boolean() },
    { schema: { type: ["string", "null"] }, value: fc.option(fc.string()) },
    { schema: { enum: ["a", 1, null] }, value: fc.constantFrom("a", 1, null) },
    { schema: { const: { b: [] } }, value: fc.constant({ b: [] }) },
  );
}

function objects(field: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> {
  return fc
    .uniqueArray(fc.tuple(names, field, fc.boolean()), {
      maxLength: 4,
      selector: ([name]) => name,
    })
    .map((fields) => {
      const required = fields.flatMap(([name, , isRequired]) =>
        isRequired ? [name] : [],
      );
      return {
        schema: {
          type: "object",
          properties: Object.fromEntries(
            fields.map(([name, { schema }]) => [name, schema]),
          ),
          required,
          additionalProperties: false,
        },
        value: fc
          .tuple(
            ...fields.map(([name, { value }, isRequired]) =>
              fc.tuple(
                fc.constant(name),
                value,
                isRequired ? fc.constant(true) : fc.boolean(),
              ),
            ),
          )
          .map((entries) =>
            Object.fromEntries(
              entries.flatMap(([name, value, isThere]) =>
                isThere ? [[name, value]] : [],
              ),
            ),
          ),
      };
    });
}

test("any instance of any schema comes back equal from an answer around it", async () => {
  await fc.assert(
    fc.asyncProperty(
      sample.chain(({ schema, value }) => fc.tuple(fc.constant(schema), value)),
      fc.constantFrom(
        (json: string) => json,
        (json: string) => `Here:\n\`\`\`json\n${json}\n\`\`\``,
      ),
      async ([schema, value], answer) => {
        const validate = await compileValidator(
          toJsonSchema(schema as OutputSchema),
        );
        const json = JSON.stringify(value);
        // A scalar is the whole answer or none.
        const found = extractJson(/^[[{]/.test(json) ? answer(json) : json);
        expect(found).toBeDefined();
        expect(await validate(found?.value)).toEqual({
          value: JSON.parse(json),
        });
      },
    ),
    { numRuns: rounds(200, 500) },
  );
});
