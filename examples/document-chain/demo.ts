import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describeRun } from "@lambdallm/checkpoint";
import { createTable, dynamoDBStore } from "@lambdallm/dynamodb";
import { startBedrock, startDurable, startFunctionUrl } from "@lambdallm/local";
import dynalite from "dynalite";
import { reviewHandler } from "./src/on-store.ts";
import { review } from "./src/review.ts";

/*
 * A review that is cut off by the timeout of its Lambda and resumed, with the real AWS SDK over HTTP: the model is the local Bedrock,
 * the table is in dynalite. Then the same review as a durable function.
 */
const TEXT =
  "Ada's bakery rents the oven of Bob's from 1 May for 400 euros a month. Who is late pays a tenth more.";

// The error handler logs what went wrong; here the answers say it.
console.error = () => {};

const table = dynalite({ createTableMs: 0 });
table.listen(0, "127.0.0.1");
await once(table, "listening");
// A TCP server has an address object.
const { port } = table.address() as AddressInfo;
await using bedrock = await startBedrock();
await using durable = await startDurable({
  invoke: async (event, { context }) => {
    const { handler } = await import("./src/on-durable.ts");
    // The runtime's context has what the SDK reads.
    return handler(event as never, context as never);
  },
  skipTime: true,
});
Object.assign(process.env, {
  AWS_ENDPOINT_URL_BEDROCK_RUNTIME: bedrock.url,
  AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${port}`,
  AWS_ENDPOINT_URL_LAMBDA: durable.url,
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "local",
  AWS_SECRET_ACCESS_KEY: "local",
});
await createTable({ tableName: "runs" });
const store = dynamoDBStore({ tableName: "runs" });
const times = { bufferMs: 1_000, reserveMs: 700 };
const handler = reviewHandler({ store, ...times });
await using functionUrl = await startFunctionUrl(handler, { timeoutMs: 3_500 });

console.log(review.toMermaid());

console.log("A model that is slow with the risks, in a function with 3.5 s:");
bedrock.setFaults(({ body }) =>
  JSON.stringify(body).includes("Name the three")
    ? { latencyMs: 10_000 }
    : undefined,
);
const cut = await fetch(functionUrl.url, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ text: TEXT, language: "German" }),
});
const runId = cut.headers.get("x-run-id") ?? "";
console.log(`  ${cut.status}, run ${runId}, ${bedrock.requests.length} calls`);
await printSteps();

bedrock.reset();
console.log("\nThe run goes on when its id comes back:");
const ended = await fetch(functionUrl.url, {
  method: "POST",
  headers: { "x-run-id": runId },
});
console.log(`  ${ended.status}, ${bedrock.requests.length} calls`);
await printSteps();
console.log(`  ${await ended.text()}`);

bedrock.reset();
console.log("\nThe same chain as a durable function:");
const { status, result } = await durable.start({ text: TEXT }).result;
console.log(`  ${status}, ${bedrock.requests.length} calls`);
console.log(`  ${JSON.stringify(result)}`);

table.close();
table.closeAllConnections();

async function printSteps(): Promise<void> {
  const { steps } = await describeRun({ store, runId });
  for (const { name, state, costUsd } of steps)
    console.log(
      `    ${String(name).padEnd(12)} ${state.padEnd(10)} ${typeof costUsd === "number" ? `$${costUsd.toFixed(6)}` : ""}`,
    );
}
