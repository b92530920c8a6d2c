import { existsSync, globSync, readFileSync } from "node:fs";
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
