import { describe, expect, test } from "@jest/globals";
import { toolOf, toolsOf } from "./project.ts";

describe("An exported function becomes a tool", () => {
  test("with its name, the summary of its comment and its parameters", async () => {
    const tool = toolOf(`
      /**
       * Searches the documents
       * of the {@link Archive | archive} by {@link author},
       * see {@link search}, {@link search | this} and {@link https://example.com}.
       *
       * Titles come first:
       * - a list
       *
       * \`\`\`
       * a
       * b
       * \`\`\`
       * Or
       * not.
       *
       * @remarks Slow.
       * @param query - What to look for,
       *   in a few words.
       * @param limit How many
       * @returns Titles.
       */
      export async function search(query: string, limit = 10) {
        return [query, limit];
      }`);
    expect(tool).toEqual({
      name: "search",
      description:
        "Searches the documents of the archive by author, see search, this and https://example.com.\n\nTitles come first:\n- a list\n\n```\na\nb\n```\nOr not.",
      input: {
        type: "object",
        properties: {
          query: {
            type: "string",
            description: "What to look for, in a few words.",
          },
          limit: { type: "number", description: "How many" },
        },
        required: ["query"],
        additionalProperties: false,
      },
      run: expect.any(Function),
    });
    expect(await tool.run({ query: "a", limit: 3 })).toEqual(["a", 3]);
    expect(await tool.run({ query: "a" })).toEqual(["a", 10]);
  });

  test("however it is written and exported", async () => {
    const tools = toolsOf(
      `
      /** One. */
      export function one() { return 1; }
      /** Two. */
      export const two = async () => 2;
      /** Three. */
      export const three = (function () { return 3; }) satisfies () => number;
      /** Four. */
      function inner() { return 4; }
      export { inner as four };
      /** Five. */
      export default function five() { return 5; }
      export { six } from "./more.ts";
      export * from "./more.ts";
      /** Eight. */
      export const eight = ((): number => 8) as () => number;
      /** Nine. */
      export const nine = (() => 9)!;
      `,
      {
        "more.ts": `
          /** Six. */
          export const six = () => 6;
          /** Seven. */
          export function seven() { return 7; }`,
      },
    );
    // In the order of the text, then of the other file.
    expect(tools.map(({ name }) => name)).toEqual([
      "one",
      "two",
      "three",
      "four",
      "five",
      "eight",
      "nine",
      "six",
      "seven",
    ]);
    const results = await Promise.all(tools.map(({ run }) => run({})));
    expect(results.sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("and what else is exported does not", () => {
    const tools = toolsOf(`
      export const LIMIT = 10;
      export let later: string;
      export interface Options { readonly a: string }
      export type Name = string;
      export enum Color { Red }
      export class Box {}
      export namespace inside { export const a = 1; }
      function hidden() {}
      /**
       * For tests.
       * @ignore
       */
      export function helper<T>(a: T) { return a; }
      /** @ignore */
      export const wrapped = helper(() => {});
      /** Does it. */
      export const run = () => hidden();
    `);
    expect(tools.map(({ name }) => name)).toEqual(["run"]);
  });

  test("the tags of its comment say the rest", () => {
    const [a, b] = toolsOf(`
      /**
       * Deletes it.
       * @toolName delete-document
       * @timeoutMs 5_000
       * @needsApproval
       */
      export const remove = () => {};
      /**
       * Reads it.
       * @needsApproval false
       */
      export const read = () => {};`);
    expect(a).toMatchObject({
      name: "delete-document",
      timeoutMs: 5000,
      needsApproval: true,
    });
    expect(b).toEqual({
      name: "read",
      description: "Reads it.",
      input: { type: "object", properties: {}, additionalProperties: false },
      run: expect.any(Function),
    });
  });

  test("a last parameter of the type ToolRun is passed on and is no input", () => {
    const tools = toolsOf(
      `
      import type { ToolRun } from "@lambdallm/agent";
      import type { ToolRun as Told } from "@lambdallm/agent";
      import type { Info } from "./types.ts";
      /** One. */
      export const one = (a: string, b?: number, info?: ToolRun) => [a, b, info];
      /** Two. */
      export const two = (info: Told) => [info];
      /** Three. */
      export const three = ({ a }: { a: string }, info: Info) => [a, info];`,
      {
        "types.ts": `export type { ToolRun as Info } from "@lambdallm/agent";`,
      },
    );
    const info = { key: "k" };
    expect(tools.map(({ run }) => run({ a: "x" }, info))).toEqual([
      ["x", undefined, info],
      [info],
      ["x", info],
    ]);
    expect(
      tools.map(({ input }) => Object.keys(Object(input["properties"]))),
    ).toEqual([["a", "b"], [], ["a"]]);
  });

  test("a type of one's own that is called ToolRun is an input like others", () => {
    const { input } = toolOf(`
      interface ToolRun { key: string }
      /** Does it. */
      export const run = (a: string, info: ToolRun) => [a, info];`);
    expect(input["required"]).toEqual(["a", "info"]);
  });

  test("one object for all parameters is the input itself", () => {
    const tool = toolOf(
      `
      import { type Options } from "./options.ts";
      /** Does it. */
      export const run = ({ query, limit = 5 }: Options) => [query, limit];`,
      {
        "options.ts": `
          /** Not for the model. */
          export interface Options {
            /** What to look for. */
            query: string;
            /**
             * How many.
             * @minimum 1
             */
            limit?: number;
          }`,
      },
    );
    expect(tool.input).toEqual({
      type: "object",
      properties: {
        query: { type: "string", description: "What to look for." },
        limit: { type: "number", description: "How many.", minimum: 1 },
      },
      required: ["query"],
      additionalProperties: false,
    });
    expect(tool.run({ query: "a" })).toEqual(["a", 5]);
  });
});
