import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";

const ROOT = new URL("../../", import.meta.url);
const DOCUMENT = new URL("docs/benchmarks.md", ROOT);
const HEADING = "## overhead";

const METHOD = `\`node --conditions=@lambdallm/source benchmarks/overhead/run.ts\` answers one API Gateway event with three handlers:
\`hand-written\` is the AWS SDK as it comes, \`keep-alive\` the AWS SDK with \`NodeHttpHandler\`, \`lambdallm\` is
\`context.invoke\`; all with Middy, its JSON body parser and its error handler. Each is bundled and minified by esbuild
and calls a local Bedrock, which has a process of its own. Cold starts take a fresh process each, from its start to its
first answer; warm calls are blocks of calls in long-lived processes. The contenders take turns, and ratios are taken
within a turn of all three: a cell is the median ratio to \`hand-written\`, [the quartiles of the ratio] and (the
median). A turn in which any of them took longer than 1.5 times its own median is thrown away for all. CPU is
\`process.cpuUsage()\`, all threads. Ratios carry over to other machines within about a tenth, absolute times do not.`;

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
export function environmentLine(): string {
  const date = new Date().toISOString().slice(0, 10);
  const versions = PACKAGES.map(versionOf).join(", ");
  return `${date}, ${process.platform} ${process.arch}, ${availableParallelism()} cores, Node ${process.versions.node}, ${versions}.`;
}

/** Replaces the section of docs/benchmarks.md, or adds it. */
export async function writeSection(results: string): Promise<void> {
  const text = await readFile(DOCUMENT, "utf8").catch(() => "# Benchmarks\n");
  const [before = "", rest = ""] = text.split(`${HEADING}\n`);
  const next = rest.search(/^## /m);
  const after = next < 0 ? "" : `\n${rest.slice(next)}`;
  await writeFile(
    DOCUMENT,
    `${before.trimEnd()}\n\n${HEADING}\n\n${METHOD}\n\n${results}\n${after}`,
  );
}
