import { existsSync, globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, test } from "@jest/globals";

const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const root = new URL("..", import.meta.url).pathname;
const names = globSync("packages/*/package.json", { cwd: root })
  .map((path) => path.split("/")[1] ?? "")
  .sort();

/** Packages that a file imports at run time or for its types, without Node's own. */
function importsOf(path: string): string[] {
  const source = readFileSync(path, "utf8");
  return [
    ...source.matchAll(/^(?:import|export)\b[^;]*?from "([^".][^"]*)"/gms),
  ]
    .map(([, name = ""]) => name)
    .filter((name) => !name.startsWith("node:"))
    .map((name) =>
      name
        .split("/")
        .slice(0, name.startsWith("@") ? 2 : 1)
        .join("/"),
    );
}

describe.each(names)("The package %s", (name) => {
  const folder = `${root}packages/${name}`;
  const manifest = json(`${folder}/package.json`);
  const declared = {
    ...manifest.dependencies,
    ...manifest.peerDependencies,
  } as Record<string, string>;

  test("has a README and the licence", () => {
    expect(readFileSync(`${folder}/README.md`, "utf8")).toContain(
      `# @lambdallm/${name}`,
    );
    expect(readFileSync(`${folder}/LICENSE`, "utf8")).toBe(
      readFileSync(`${root}LICENSE`, "utf8"),
    );
  });

  test("has the version that all packages share, for itself and for its siblings", () => {
    const { version } = json(`${root}lerna.json`);
    expect(manifest.version).toBe(version);
    for (const [dependency, range] of Object.entries(declared))
      if (dependency.startsWith("@lambdallm/")) expect(range).toBe(version);
  });

  test("is built by the root's tsconfig, and ships its sources but no tests", () => {
    expect(json(`${root}tsconfig.json`).references).toContainEqual({
      path: `./packages/${name}`,
    });
    expect(manifest.files).toEqual(["dist", "!dist/**/*.tsbuildinfo", "src"]);
    expect(manifest.sideEffects).toBe(false);
    expect(existsSync(`${folder}/src/index.ts`)).toBe(true);
  });

  test("declares every package that it imports, and no others", () => {
    const imported = new Set(
      globSync("src/**/*.ts", { cwd: folder }).flatMap((file) =>
        importsOf(`${folder}/${file}`),
      ),
    );
    // The types of "aws-lambda" are @types/aws-lambda; Middy is the chain that the middlewares go into.
    imported.delete("aws-lambda");
    const expected = Object.keys(declared).filter(
      (dependency) =>
        !["@types/aws-lambda", "@middy/core"].includes(dependency),
    );
    expect([...imported].sort()).toEqual(expected.sort());
  });
});

/** The files that a file imports, also for their types only; paths from the root. */
function filesImportedBy(path: string): string[] {
  const source = readFileSync(`${root}${path}`, "utf8");
  return [...source.matchAll(/(?:\bfrom|\bimport\(?)\s*"(\.[^"]+\.ts)"/g)].map(
    ([, name = ""]) => posix.join(posix.dirname(path), name),
  );
}

const sources = globSync("packages/*/src/**/*.ts", { cwd: root }).sort();

describe("Imports go down, and nowhere else", () => {
  /** A package, and the packages of the suite that it may import. */
  const PACKAGES: Readonly<Record<string, readonly string[]>> = {
    core: [],
    agent: ["core"],
    bedrock: ["core"],
    chain: ["core"],
    checkpoint: ["core"],
    "cost-tracking": ["core"],
    dynamodb: ["core"],
    local: ["core"],
    logging: ["core"],
    metrics: ["core"],
    "retry-fallback": ["core"],
    router: ["core"],
    session: ["core"],
    testing: ["core"],
    "timeout-guard": ["core"],
    tools: [],
    tracing: ["core"],
  };
  /** One door for each of them: its package. The durable SDK has two: a journal, and a plugin that only has its types. */
  const DOORS: Readonly<Record<string, string | readonly string[]>> = {
    "@aws-sdk/client-bedrock-runtime": "bedrock",
    "@aws-sdk/client-dynamodb": "dynamodb",
    "@aws-sdk/lib-dynamodb": "dynamodb",
    "@aws/durable-execution-sdk-js": ["checkpoint", "tracing"],
    "@modelcontextprotocol/client": "agent",
    "ts-json-schema-generator": "tools",
    typescript: "tools",
  };

  test("every package has its row", () => {
    expect(Object.keys(PACKAGES).sort()).toEqual(names);
  });

  test.each(names)("%s imports what its row says", (name) => {
    const imported = globSync(`packages/${name}/src/**/*.ts`, {
      cwd: root,
    }).flatMap((file) => importsOf(`${root}${file}`));
    const allowed = PACKAGES[name]?.map((one) => `@lambdallm/${one}`);
    for (const one of imported) {
      if (one.startsWith("@lambdallm/")) expect(allowed).toContain(one);
      expect([DOORS[one] ?? name].flat()).toContain(name);
    }
  });

  /** The folders of core in layers: each imports those that stand in its row, and itself. */
  const FOLDERS: Readonly<Record<string, readonly string[]>> = {
    contract: [],
    time: ["contract"],
    network: ["time"],
    checks: ["contract"],
    models: ["contract", "checks"],
    stores: ["contract", "checks"],
    schema: ["contract", "checks"],
    journal: ["contract", "time", "checks", "stores", "call"],
    call: ["contract", "time", "checks", "models"],
    stream: ["contract", "time", "checks", "call"],
    context: [
      "contract",
      "time",
      "checks",
      "models",
      "stores",
      "schema",
      "call",
      "stream",
    ],
    prompt: ["contract", "checks", "schema", "context"],
    middy: [
      "contract",
      "time",
      "checks",
      "models",
      "stores",
      "schema",
      "call",
      "stream",
      "context",
      "prompt",
    ],
  };
  const core = sources.filter((path) => path.startsWith("packages/core/src/"));
  const folderOf = (path: string) => path.split("/").at(3) ?? "";

  test.each(Object.keys(FOLDERS))(
    "core's folder %s imports what stands below it",
    (folder) => {
      const files = core.filter((path) => folderOf(path) === folder);
      expect(files).not.toEqual([]);
      const allowed = [folder, ...(FOLDERS[folder] ?? [])];
      for (const file of files)
        for (const imported of filesImportedBy(file))
          expect([file, allowed]).toEqual([
            file,
            expect.arrayContaining([folderOf(imported)]),
          ]);
    },
  );

  test("core has no other folders, and no files beside them but its entry points", () => {
    const beside = core.filter((path) => path.split("/").length === 4);
    expect(beside).toEqual(
      ["feature", "index", "stores"].map(
        (entry) => `packages/core/src/${entry}.ts`,
      ),
    );
    expect(
      new Set(core.filter((path) => !beside.includes(path)).map(folderOf)),
    ).toEqual(new Set(Object.keys(FOLDERS)));
  });

  test("no file but an entry point only hands on what others export", () => {
    const barrels = sources.filter((path) => {
      const code = readFileSync(`${root}${path}`, "utf8");
      return (
        path.endsWith("/index.ts") &&
        path.split("/").length > 4 &&
        code.includes("export {")
      );
    });
    expect(barrels).toEqual([]);
  });

  test("timers have one home, beside the tools that are servers and clocks themselves", () => {
    const others = sources.filter(
      (path) =>
        !/^packages\/(?:core\/src\/time|local|testing)\//.test(path) &&
        /\bsetTimeout\b/.test(readFileSync(`${root}${path}`, "utf8")),
    );
    expect(others).toEqual([]);
  });

  test("no two files import each other", () => {
    const imports = new Map(
      sources.map((path) => [path, new Set(filesImportedBy(path))]),
    );
    const circles = sources.flatMap((path) =>
      [...(imports.get(path) ?? [])]
        .filter((other) => path < other && imports.get(other)?.has(path))
        .map((other) => `${path} and ${other}`),
    );
    expect(circles).toEqual([]);
  });
});
