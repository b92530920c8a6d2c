import { expect, test } from "@jest/globals";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";
import { compiled } from "./compiled.ts";
import { inputIn, project } from "./project.ts";
import {
  type Members,
  objectOf,
  type RandomType,
  randomTypes,
  STRING,
} from "./random-types.ts";

const FUNCTIONS = 25;
const VALUES = 12;

/** What a model has got wrong in one place, or not. */
function spoilt(value: unknown): fc.Arbitrary<unknown> {
  const other = fc.jsonValue({ maxDepth: 1 });
  if (Array.isArray(value))
    return fc.oneof(
      other,
      fc.constant(value.slice(1)),
      other.map((one) => [...value, one]),
      fc
        .tuple(fc.nat(value.length), other)
        .map(([at, one]) => value.toSpliced(at, 1, one)),
    );
  if (typeof value !== "object" || value === null) return other;
  const names = fc.constantFrom("tag", ...Object.keys(value));
  return fc.oneof(
    other,
    fc.tuple(names, other).map(([name, one]) => ({ ...value, [name]: one })),
    names.map((name) => ({ ...value, [name]: undefined })),
    ...Object.entries(value).map(([name, one]) =>
      spoilt(one).map((worse) => ({ ...value, [name]: worse })),
    ),
  );
}

interface RandomFunction {
  /** Its input. */
  readonly input: RandomType;
  readonly parameters: string;
}

/** Parameters may have names that variables cannot. */
function positional(members: Members): RandomFunction {
  const all = Object.entries({
    // With one object only, that would be the input.
    first: { type: STRING, isOptional: false },
    ...members,
  }).map(([name, member]) => [`${name}_`, member] as const);
  const parameters = all
    .toSorted(([, a], [, b]) => Number(a.isOptional) - Number(b.isOptional))
    .map(
      ([name, { type, isOptional }]) =>
        `${name}${isOptional ? "?" : ""}: ${type.text}`,
    );
  return {
    input: objectOf(Object.fromEntries(all), "literal"),
    parameters: parameters.join(", "),
  };
}

const functions = fc
  .oneof(
    randomTypes.members.map(positional),
    fc
      .tuple(
        randomTypes.members,
        fc.constantFrom(
          "literal",
          "interface",
          "alias",
          "generic",
          "recursive",
        ),
      )
      .map(([members, kind]) => {
        const input = objectOf(members, kind);
        return { input, parameters: `input: ${input.text}` };
      }),
  )
  // Of a failure, the functions are told, and not how they were made.
  .map((one) => ({ ...one, [fc.toStringMethod]: () => one.parameters }));

test("the schema of a random function lets through exactly what fits its parameters, and the module compiles", () => {
  fc.assert(
    fc.property(
      fc.array(functions, { minLength: FUNCTIONS, maxLength: FUNCTIONS }),
      fc.gen(),
      (all, gen) => {
        const texts = all.map(
          ({ input, parameters }, index) =>
            `${input.before}/** Does it. */\nexport const run${index} = (${parameters}) => {};\n`,
        );
        const { generate, folder } = project({ "tools.ts": texts.join("") }, [
          "agent",
          "core",
        ]);
        const { text } = generate();
        for (const [index, { input }] of all.entries()) {
          const schema = inputIn(text, `run${index}`);
          const accepts = new Ajv2020({ strict: false }).compile(schema);
          for (let round = 0; round < VALUES; round++) {
            const fitting = gen(() => input.values);
            const value = round < 4 ? fitting : gen(spoilt, fitting);
            const json = JSON.stringify(value);
            const given = JSON.parse(json);
            const isFitting = input.fits(given);
            expect({
              function: texts[index],
              json,
              isFitting: accepts(given),
            }).toEqual({ function: texts[index], json, isFitting });
          }
        }
        expect(compiled(folder, "tools.generated.ts")).toEqual([]);
      },
    ),
    { numRuns: rounds(1, 3), endOnFailure: true },
  );
}, 900_000);
