import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";

const ROOT = new URL("../../", import.meta.url);
const DOCUMENT = new URL("docs/benchmarks.md", ROOT);

const PACKAGES = [
  "@aws-sdk/client-bedrock-runtime",
  "@smithy/node-http-handler",
  "@middy/core",
  "@lambdallm/bedrock",
  "esbuild",
];

function versionOf(name: string): string {
  const file = new URL(`node_modules/${name}/package.json`, ROOT);
  // Every package has a version.
  const { version } = JSON.parse(readFileSync(file, "utf8")) as {
    version: string;
  };
  return `${name} ${version}`;
}

/** When, on what and with which versions. */
export function environmentLine(
  quick = false,
  morePackages: readonly string[] = [],
): string {
  const date = new Date().toISOString().slice(0, 10);
  const versions = [...PACKAGES, ...morePackages].map(versionOf).join(", ");
  const rough = quick
    ? " A quick run: few samples, so the numbers are rough."
    : "";
  return `${date}, ${process.platform} ${process.arch}, ${availableParallelism()} cores, Node ${process.versions.node}, ${versions}.${rough}`;
}

/** Replaces the section of docs/benchmarks.md, or adds it. */
export async function writeSection(name: string, body: string): Promise<void> {
  const text = await readFile(DOCUMENT, "utf8").catch(() => "# Benchmarks\n");
  const heading = `## ${name}`;
  const [before = "", rest = ""] = text.split(`${heading}\n`);
  const next = rest.search(/^## /m);
  const after = next < 0 ? "" : `\n${rest.slice(next)}`;
  await writeFile(
    DOCUMENT,
    `${before.trimEnd()}\n\n${heading}\n\n${body}\n${after}`,
  );
}
