import { readdir, readFile } from "node:fs/promises";
import {
  installAwslambda,
  startBedrock,
  startFunctionUrl,
} from "@lambdallm/local";

/*
 * Runs the handler as Lambda would: behind a function URL, with the real AWS SDK over HTTP. The model is the local
 * Bedrock, which picks sentences instead of writing them; tokens are its count and prices are Bedrock's own.
 */

const documents = new URL("./documents/", import.meta.url);
const WORDS = 60;

await using bedrock = await startBedrock();
process.env["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = bedrock.url;
process.env["AWS_REGION"] ??= "us-east-1";
process.env["AWS_ACCESS_KEY_ID"] ??= "local";
process.env["AWS_SECRET_ACCESS_KEY"] ??= "local";

installAwslambda();
const { handler } = await import("./src/handler.ts");
const functionUrl = await startFunctionUrl(handler);

console.log(`Function URL   ${functionUrl.url}`);
console.log(`Local Bedrock  ${bedrock.url}`);

interface Facts {
  readonly usage: {
    readonly inputTokens: number;
    readonly outputTokens: number;
  };
  readonly costUsd: number;
}

function printFacts({ usage, costUsd }: Facts, startedAt: number): void {
  const ms = Math.round(performance.now() - startedAt);
  console.log(
    `\n  ${usage.inputTokens} tokens in, ${usage.outputTokens} out · $${costUsd.toFixed(6)} · ${ms} ms`,
  );
}

async function post(name: string, query: string): Promise<Response> {
  const text = await readFile(new URL(name, documents), "utf8");
  console.log(
    `\nPOST /${query}  { text: ${name} (${text.length} characters), words: ${WORDS} }\n`,
  );
  return fetch(`${functionUrl.url}${query}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text, words: WORDS }),
  });
}

async function printSummary(name: string): Promise<void> {
  const startedAt = performance.now();
  const response = await post(name, "");
  const { summary, ...facts } = (await response.json()) as Facts & {
    readonly summary: string;
  };
  console.log(`  ${summary}`);
  printFacts(facts, startedAt);
}

async function printStream(name: string): Promise<void> {
  const startedAt = performance.now();
  const response = await post(name, "?stream=true");
  let record = "";
  process.stdout.write("  ");
  for await (const chunk of (response.body ??
    []) as AsyncIterable<Uint8Array>) {
    record += Buffer.from(chunk).toString();
    const records = record.split("\n\n");
    record = records.pop() ?? "";
    for (const lines of records) {
      const data = JSON.parse(lines.slice(lines.indexOf("data: ") + 6));
      if (lines.startsWith("event: done")) printFacts(data, startedAt);
      else process.stdout.write(data.text);
    }
  }
}

const names = (await readdir(documents)).sort();
for (const name of names) await printSummary(name);
console.log("\nNow the same, streamed.");
for (const name of names.slice(0, 1)) await printStream(name);

const { connections, requests } = bedrock;
console.log(
  `\n${requests.length} model calls over ${connections} connection${connections === 1 ? "" : "s"}.`,
);
await functionUrl.close();
