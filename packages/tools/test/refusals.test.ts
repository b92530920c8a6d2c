import { beforeAll, describe, expect, test } from "@jest/globals";
import ts from "typescript";
import type { ToolGenerationError } from "../src/index.ts";
import { readTools } from "../src/read/read-tools.ts";
import { problemsOf, project } from "./project.ts";

/** What is wrong with a function: what it is, its text with the comment left out, and what is said. */
const PARAMETERS: readonly (readonly [
  what: string,
  parameters: string,
  parameter: string | undefined,
  message: string,
])[] = [
  [
    "a bigint",
    "a: bigint",
    "a",
    "it is a bigint, and JSON has none. Take a number, or a string of digits.",
  ],
  [
    "a symbol",
    "a: symbol",
    "a",
    "it is a symbol, and JSON has none. Take a string.",
  ],
  ["a function", "a: () => void", "a", "it is a function, and JSON has none."],
  [
    "a constructor",
    "a: new () => object",
    "a",
    "it is a function, and JSON has none.",
  ],
  [
    "nested functions",
    "a: { list: { f?: () => void }[] }",
    "a",
    "a.list[] is { f?: () => void; }, which has functions (f), and JSON has none.",
  ],
  [
    "a method",
    "a: { run(): void }",
    "a",
    "it is { run(): void; }, which has functions (run)",
  ],
  [
    "a Date",
    "a: string, b?: { since: Date | null }",
    "b",
    "b.since is Date, which has functions (toString), and JSON has none. Take plain data, such as a string for a Date",
  ],
  [
    "a Map",
    "a: Map<string, number>",
    "a",
    "it is Map<string, number>, which has functions (clear)",
  ],
  [
    "bytes",
    "a: Record<string, Uint8Array>",
    "a",
    "a[key] is Uint8Array<ArrayBufferLike>, which has functions",
  ],
  [
    "an instance",
    "a: Point",
    "a",
    "it is an instance of the class Point, and JSON has none. Take an interface",
  ],
  ["a class", "a: typeof Point", "a", "it is a function, and JSON has none."],
  [
    "a list of what may be undefined",
    "a: (string | undefined)[]",
    "a",
    "a[] can be undefined, and JSON cannot. Take null",
  ],
  [
    "a tuple of what may be undefined",
    "a: [string, undefined | 1]",
    "a",
    "a[] can be undefined",
  ],
  ["void", "a: void", "a", "it can be undefined"],
  ["never", "a: never", "a", "it is never, which no value fits."],
  [
    "an empty default",
    "a = []",
    "a",
    "a[] is never, which no value fits. Give it a type.",
  ],
  [
    "a pattern of text",
    `a: \`id-\${string}\``,
    "a",
    "it is a text of a pattern, which a schema does not follow. Take a string, with @pattern",
  ],
  [
    "upper case",
    "a: { b: Uppercase<string> }",
    "a",
    "a.b is a text of a pattern",
  ],
  [
    "keys of a pattern",
    `a: { [key: \`x-\${string}\`]: number }`,
    "a",
    "it has keys of a pattern, which a schema does not follow. Take string for the keys.",
  ],
  [
    "a name with a quote",
    `a: { 'it"s': string }`,
    "a",
    `it has the property 'it"s', which cannot stand in a schema. Give it another name.`,
  ],
  [
    "a prototype",
    "a: { __proto__: string }",
    "a",
    "it has the property __proto__, which cannot stand in a schema.",
  ],
  [
    "a name that is not known",
    "a: Misspelt",
    "a",
    "it has a type that cannot be found. Import it, or correct its name.",
  ],
  [
    "a nested name that is not known",
    "a: { b: Misspelt[] }",
    "a",
    "a.b[] has a type that cannot be found.",
  ],
  [
    "a type without an end",
    "a: Endless<string>",
    "a",
    "has a type without an end.",
  ],
  ["no type", "a", "a", "it has no type. Write one."],
  [
    "a rest parameter",
    "...a: string[]",
    "a",
    "it is a rest parameter, and a model fills parameters by their names. Take an array.",
  ],
  ["this", "this: object", "this", "a tool is called without a this."],
  [
    "taken apart without a type",
    "{ a }",
    "{ a }",
    "it is taken apart and has no type. Write one after it, such as { query }: { query: string }.",
  ],
  [
    "taken apart beside another",
    "a: string, { b }: { b: string }",
    "{ b }",
    "it is taken apart beside other parameters, and so has no name.",
  ],
  [
    "a union that is taken apart",
    "{ a }: { a: string } | { a: string, b: string }",
    "{ a }",
    "it is taken apart and is not an object with known properties only. Give it a name.",
  ],
  [
    "ToolRun before the end",
    "info: ToolRun, a: string",
    "info",
    "ToolRun comes last. Move it to the end.",
  ],
  [
    "a name that models refuse",
    "$a: string",
    "$a",
    "models refuse this name, which may have 1 to 64 letters, digits, _, . and -.",
  ],
  [
    "such a name in the one object",
    "a: { 'b c': string }",
    "b c",
    "models refuse this name",
  ],
  [
    "a parameter that is a prototype",
    "__proto__: string",
    "__proto__",
    "it has a type (__proto__) that a schema cannot follow.",
  ],
  [
    "a type of the library that has no end of overloads",
    "a: Intl.NumberFormatOptions",
    "a",
    "it has a type (a.style) that a schema cannot follow. Write the type out.",
  ],
  [
    "a nested type that the generator cannot read",
    "a: Nested",
    "a",
    "its type has no schema: Unknown node of kind",
  ],
  [
    "two types of one name",
    "a: Same, b: import('./other.ts').Same",
    undefined,
    'its parameters have no schema together: Type "Same" has multiple definitions. Give one of the types another name.',
  ],
];

const FUNCTIONS: readonly (readonly [
  what: string,
  text: string,
  message: string,
])[] = [
  [
    "without a comment",
    "/***/ export function $() {}",
    "it has no description, which the model chooses tools by and the service refuses to do without. Write a TSDoc comment above it, or mark it with @ignore.",
  ],
  [
    "with an empty comment",
    "/** @timeoutMs 5 */ export const $ = () => {};",
    "it has no description",
  ],
  [
    "with overloads",
    "/** Does it. */ export function $(a: string): void; export function $(a: number): void; export function $(a: unknown) {}",
    "it has overloads, and a tool has one form. Export a function with one signature instead",
  ],
  [
    "that is generic",
    "/** Does it. */ export const $ = <T,>(a: T) => a;",
    "it is generic, and a model needs to know what to send.",
  ],
  [
    "that is a generator",
    "/** Does it. */ export function* $() {}",
    "it is a generator, and a tool answers once. Return an array, or a text.",
  ],
  [
    "that something has made",
    "/** Does it. */ export const $ = hidden.bind(undefined);",
    "it can be called and is not written as a function, so its parameters cannot be read. Export a function that calls it",
  ],
  [
    "that is only declared",
    "/** Does it. */ export declare const $: () => void;",
    "it can be called and is not written as a function",
  ],
  [
    "whose name Bedrock refuses",
    "/** Does it. */ export const $ö = () => {};",
    `ö" cannot be the name of a tool, which has 1 to 64 letters, digits, _ and -. Give it one with @toolName.`,
  ],
  [
    "whose name is too long",
    `/** Does it. */ export const $${"o".repeat(64)} = () => {};`,
    "cannot be the name of a tool",
  ],
  [
    "whose @toolName Bedrock refuses",
    "/** Does it.\n * @toolName do it */ export const $ = () => {};",
    `"do it" cannot be the name of a tool`,
  ],
  [
    "whose @toolName is empty",
    "/** Does it.\n * @toolName */ export const $ = () => {};",
    `"" cannot be the name of a tool`,
  ],
  [
    "whose timeout is no number",
    "/** Does it.\n * @timeoutMs 5s */ export const $ = () => {};",
    `@timeoutMs takes a whole number of milliseconds, not "5s".`,
  ],
  [
    "whose timeout is 0",
    "/** Does it.\n * @timeoutMs 0 */ export const $ = () => {};",
    `@timeoutMs takes a whole number of milliseconds, not "0".`,
  ],
  [
    "whose approval depends",
    "/** Does it.\n * @needsApproval when it is large */ export const $ = () => {};",
    `@needsApproval stands alone, or with true or false, not with "when it is large".`,
  ],
  [
    "with @approval",
    "/** Does it.\n * @approval */ export const $ = () => {};",
    "there is no tag @approval: write @needsApproval.",
  ],
  ...["needsAproval", "needApproval", "needsApporval", "requiresaprooval"].map(
    (tag): [string, string, string] => [
      `with @${tag}`,
      `/** Does it.\n * @${tag} */ export const $ = () => {};`,
      `there is no tag @${tag}: write @needsApproval.`,
    ],
  ),
  [
    "with @timoutMs",
    "/** Does it.\n * @timoutMs 5 */ export const $ = () => {};",
    "there is no tag @timoutMs: write @timeoutMs.",
  ],
  [
    "with @timeout",
    "/** Does it.\n * @timeout 5 */ export const $ = () => {};",
    "there is no tag @timeout: write @timeoutMs.",
  ],
  [
    "with @toolname",
    "/** Does it.\n * @toolname a */ export const $ = () => {};",
    "there is no tag @toolname: write @toolName.",
  ],
  [
    "with @ignored",
    "/** Does it.\n * @ignored */ export const $ = () => {};",
    "there is no tag @ignored: write @ignore.",
  ],
  [
    "with a @param of another name",
    "/** Does it.\n * @param b text */ export const $ = (a: string) => a;",
    "@param names a parameter that does not exist. There is a.",
  ],
  [
    "with a @param of none",
    "/** Does it.\n * @param b text */ export const $ = () => {};",
    "@param names a parameter that does not exist. There are none.",
  ],
];

const BEFORE = `
import type { ToolRun } from "@lambdallm/agent";
class Point { x = 0; }
type Endless<T> = { value: T; next?: Endless<T[]> };
interface Same { a: string }
interface Nested { b: ReturnType<() => string> }
const hidden = () => new Point() as unknown as [ToolRun, Endless<1>, Same, Nested];
`;
const HEAD = BEFORE.split("\n").length + 1;

describe("What cannot be a tool is refused with its place and what to do", () => {
  let refused: ToolGenerationError;
  const problemOf = (line: number) =>
    refused.problems.find((one) => one.line === HEAD + line);

  beforeAll(() => {
    // One line a function: the line tells which it is. A comment's lines would shift the others.
    const lines = [
      ...PARAMETERS.map(
        ([, parameters], index) =>
          `/** Does it. */ export function f${index}(${parameters}) {}`,
      ),
      ...FUNCTIONS.map(([, text], index) =>
        text.replaceAll("\n", " ").replaceAll("$", `g${index}`),
      ),
    ];
    const { generate } = project({
      "tools.ts": [BEFORE, ...lines].join("\n"),
      "other.ts": "export interface Same { b: string }",
    });
    refused = problemsOf(generate);
  });

  test.each(PARAMETERS.map((row, index) => [...row, index] as const))(
    "%s: (%s)",
    (_what, _text, parameter, message, index) => {
      const problem = problemOf(index);
      expect(problem).toMatchObject({ functionName: `f${index}`, parameter });
      expect(problem?.message).toContain(message);
    },
  );

  test.each(FUNCTIONS.map((row, index) => [...row, index] as const))(
    "a function %s",
    (_what, _text, message, index) => {
      const problem = problemOf(PARAMETERS.length + index);
      expect(problem?.functionName).toMatch(`g${index}`);
      expect(problem?.message).toContain(message);
    },
  );

  test("each once, with a line of the message", () => {
    expect(refused.problems).toHaveLength(PARAMETERS.length + FUNCTIONS.length);
    expect(refused.message.split("\n")[0]).toMatch(
      /tools\.ts:\d+ f0, parameter "a": it is a bigint, and JSON has none\. Take a number, or a string of digits\.$/,
    );
  });
});

describe("Names", () => {
  const messages = (files: Record<string, string>) => {
    const { generate, path } = project(files);
    const names = Object.keys(files).filter((name) => name.endsWith(".ts"));
    return problemsOf(() => generate({ files: names.map(path) })).problems.map(
      ({ functionName, message }) => `${functionName}: ${message}`,
    );
  };

  test("that two files export are refused, and so are two tools of a name", () => {
    expect(
      messages({
        "a.ts": `
          /** A. */
          export const same = () => {};
          /** B. */
          export const other = () => {};`,
        "b.ts": `
          /** C. */
          export const same = () => {};
          /** D.
           * @toolName other */
          export const another = () => {};`,
      }),
    ).toEqual([
      "same: another file exports a function of this name. Rename one of them, or mark it with @ignore.",
      'another: another tool is called "other". Give one of them another @toolName.',
    ]);
  });

  test("that the written module cannot export are refused", () => {
    expect(
      messages({
        "a.ts": `
          /** A. */
          export const tools = () => {};
          /** B. */
          export const source1 = () => {};
          /** C. */
          function remove() {}
          export { remove as delete };
          /** D. */
          function wait() {}
          export { wait as await };
          /** E. */
          export default () => {};`,
      }).sort(),
    ).toEqual([
      'await: the written module cannot export it as "await". Export it by another name; @toolName says what the model calls it.',
      "default: it has no name. Give the function one.",
      expect.stringMatching(/^delete: the written module cannot export it/),
      expect.stringMatching(/^source1: the written module cannot export it/),
      expect.stringMatching(/^tools: the written module cannot export it/),
    ]);
  });

  test("of which there are none are missed, and so is a file that the compiler cannot read", () => {
    expect(
      messages({
        "a.ts": "const a = 1;",
        "b.ts": "export const b = 1;",
        // Where a file without exports is no module.
        "tsconfig.json": '{ "compilerOptions": { "module": "preserve" } }',
      }),
    ).toEqual([
      "undefined: it exports no function that could be a tool. Export one.",
      "undefined: it exports no function that could be a tool. Export one.",
    ]);
    const { generate, write } = project({
      "tools.ts": "\n/** A. */\nexport function a( {",
    });
    expect(problemsOf(generate).message).toMatch(
      /tools\.ts:3: ['"].*expected\./,
    );
    write("tools.ts", "/** A. */ export const a = () => {};");
    expect(generate().names).toEqual(["a"]);
  });
});

test("What is wrong with this package itself is no refusal", () => {
  const { path } = project({
    "tools.ts": "/** One. */\nexport const one = (a: string) => a;",
  });
  const file = path("tools.ts");
  const program = ts.createProgram([file], {});
  program.getTypeChecker().getTypeAtLocation = () => {
    throw new RangeError("a bug");
  };
  expect(() => readTools(program, [file])).toThrow("a bug");
});
