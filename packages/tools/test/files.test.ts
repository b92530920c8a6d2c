import { rmSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { generateTools, ToolsUsageError } from "../src/index.ts";
import { project } from "./project.ts";

const tool = (name: string) =>
  `/** ${name}. */\nexport const ${name} = () => 1;\n`;

/** A run in the folder of a project. */
function inFolder<T>(folder: string, run: () => T): T {
  const before = process.cwd();
  process.chdir(folder);
  try {
    return run();
  } finally {
    process.chdir(before);
  }
}

describe("The files with the functions", () => {
  const files = {
    "src/a.ts": tool("a"),
    "src/deep/b.mts": tool("b"),
    "src/c.d.ts": "export declare const c: number;",
    "src/d.js": "",
    "node_modules/e/e.ts": tool("e"),
    "src/generated.ts": tool("old"),
  };
  const names = (...patterns: string[]) => {
    const { folder } = project(files);
    return inFolder(folder, () =>
      generateTools({ files: patterns, outFile: "src/generated.ts" }),
    ).names;
  };

  test.each([
    [["src/a.ts"], ["a"]],
    [["src/*.ts"], ["a"]],
    [["src/**/*"], ["a", "b"]],
    [
      ["**/*.?ts", "src/a.ts"],
      ["a", "b"],
    ],
    [["./src/deep/../a.ts", "src/a.ts"], ["a"]],
  ])("%j are those of %j, without what is written", (patterns, expected) => {
    expect(names(...patterns)).toEqual(expected);
  });

  test.each([
    [["src"], 'src is a directory: give files, or a glob such as "src/*.ts".'],
    [["src/d.js"], "src/d.js is not a TypeScript file."],
    [["src/c.d.ts"], "src/c.d.ts is not a TypeScript file."],
    [["src/x.ts"], "src/x.ts does not exist."],
    [["lib/*.ts"], "No TypeScript file matches lib/*.ts."],
    [
      ["src/generated.ts"],
      "The only file is the one to write: give those with the functions.",
    ],
  ])("%j are refused", (patterns, message) => {
    expect(() => names(...patterns)).toThrow(new ToolsUsageError(message));
  });
});

describe("What has been read already", () => {
  test("is not made a second tool where another file exports it again", () => {
    const { generate, path } = project({
      "a.ts": 'export * from "./b.ts";',
      "b.ts": tool("b"),
    });
    const files = [path("b.ts"), path("a.ts")];
    const { text, names } = generate({ files });
    expect(names).toEqual(["b"]);
    expect(text).toContain('import * as source1 from "./a.ts";');
  });
});

describe("The options", () => {
  test("that do not exist are refused by their names", () => {
    const options = { files: ["a.ts"], outFile: "b.ts", watch: true };
    expect(() => generateTools(options)).toThrow(
      'There is no option "watch"; there are files, outFile, tsconfig, importExtension.',
    );
  });

  test("have a tsconfig that is there and can be read", () => {
    const { generate, path, write } = project({ "tools.ts": tool("a") });
    const tsconfig = path("other.json");
    expect(() => generate({ tsconfig })).toThrow(
      `The tsconfig ${tsconfig} does not exist.`,
    );
    write("other.json", '{ "compilerOptions": { "target": "es1" } }');
    expect(() => generate({ tsconfig })).toThrow(
      /other\.json: Argument for '--target' option must be/,
    );
    write("other.json", "{ compilerOptions");
    expect(() => generate({ tsconfig })).toThrow(/other\.json: /);
    write("other.json", '{ "files": [], "references": [{ "path": "./no" }] }');
    expect(generate({ tsconfig }).names).toEqual(["a"]);
  });

  test("may go without a tsconfig", () => {
    const { generate, path, folder } = project({ "tools.ts": tool("a") });
    rmSync(path("tsconfig.json"));
    const { text, sources } = generate();
    expect(text).toContain('from "./tools.ts"');
    expect(sources.filter((file) => file.startsWith(folder))).toEqual([
      path("tools.ts"),
    ]);
  });
});
