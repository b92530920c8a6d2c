import { spawn } from "node:child_process";
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import ts from "typescript";

const root = fileURLToPath(new URL("../../../", import.meta.url));
let folder: string;

/** The package as it is published, in the project's node_modules. */
function install(name: string): void {
  const source = join(root, "packages", name);
  const target = join(folder, "node_modules", "@lambdallm", name);
  mkdirSync(join(target, "dist"), { recursive: true });
  cpSync(join(source, "package.json"), join(target, "package.json"));
  for (const file of globSync("**/*.ts", { cwd: join(source, "src") })) {
    const { outputText } = ts.transpileModule(
      readFileSync(join(source, "src", file), "utf8"),
      {
        fileName: file,
        compilerOptions: {
          target: ts.ScriptTarget.ES2023,
          module: ts.ModuleKind.ESNext,
          verbatimModuleSyntax: true,
          rewriteRelativeImportExtensions: true,
        },
      },
    );
    const output = join(target, "dist", file.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(output), { recursive: true });
    writeFileSync(output, outputText);
  }
}

/** A project of this folder's fixtures, with a Middy of its own. */
function project(fixture: string, middy: string, name = fixture): string {
  const target = join(folder, name);
  cpSync(join(root, "packages/testing/test/fixtures", fixture), target, {
    recursive: true,
  });
  const link = join(target, "node_modules", "@middy", "core");
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(root, "node_modules", middy), link, "dir");
  return target;
}

async function node(cwd: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, args, {
    cwd,
    // Nothing of the Jest that runs this test.
    env: { PATH: process.env["PATH"], NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const code = new Promise((resolve) => child.once("close", resolve));
  const [out, err] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code: await code, output: out + err };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lambdallm-testing-"));
  install("core");
  install("testing");
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("structured output says which package to install where ajv is missing", async () => {
  const { output } = await node(
    project("node-test", "middy7", "without-ajv"),
    "--input-type=module",
    "--eval",
    `import middy from "@middy/core";
     import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
     const handler = middy().use(new MockProvider().middleware()).handler(async (event, context) =>
       context.invokeStructured("Go", { title: "string" }));
     await handler({}, new MockLambdaContext()).catch((error) => console.log(error.message));`,
  );
  expect(output).toContain(
    'Validation by a JSON Schema needs the package "ajv": npm install ajv.',
  );
});

describe("mockModel needs no module mocks", () => {
  test("under node --test", async () => {
    const cwd = project("node-test", "middy7");
    const { code, output } = await node(cwd, "--test");
    expect(output).toContain("pass 3");
    expect(code).toBe(0);
  });

  test("under Jest, in a project of CommonJS modules", async () => {
    const cwd = project("cjs", "middy6");
    const jest = join(root, "node_modules/jest/bin/jest.js");
    const { code, output } = await node(
      cwd,
      "--experimental-vm-modules",
      jest,
      `--cacheDirectory=${join(folder, "cache")}`,
    );
    expect(output).toContain("Tests:       2 passed, 2 total");
    expect(code).toBe(0);
  });
});

describe("the conformance suites need nothing of a runner but its test function", () => {
  test("under node --test, where a store without a clock shows what is not run", async () => {
    const cwd = project("store", "middy7");
    const { code, output } = await node(cwd, "--test", "store.test.js");
    expect(output).toContain("pass 157");
    expect(output).toContain("skipped 6");
    expect(output).toContain(
      'a summary that has expired is not read and covers nothing (not run: give the option "clock")',
    );
    expect(code).toBe(0);
  });

  test("under Jest, in a CommonJS module", async () => {
    const cwd = project("store", "middy7", "store-jest");
    const { code, output } = await node(
      cwd,
      "--experimental-vm-modules",
      join(root, "node_modules/jest/bin/jest.js"),
      `--cacheDirectory=${join(folder, "cache")}`,
    );
    expect(output).toContain("Tests:       6 skipped, 38 passed, 44 total");
    expect(code).toBe(0);
  });
});
