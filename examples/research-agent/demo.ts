import { setTimeout as wait } from "node:timers/promises";
import { describeRun } from "@lambdallm/checkpoint";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import { startLocally } from "./local.ts";

/*
 * Runs the functions in processes of their own, as Lambda would, with the real AWS SDK over HTTP. The model is a script on the
 * local Bedrock, and the table is in dynalite; tokens are its count and prices are Bedrock's own.
 */

await using local = await startLocally();
const { invoke, letters, bedrock } = local;
const store = dynamoDBStore({ tableName: "research" });

const awsRequestId = "the-first-invocation";
const event = { question: "Does a new oven pay for itself?" };
console.log(event.question);

title("The process is killed while it waits for the model's second answer");
await invoke("research", event, { awsRequestId, killAt: 2 });

title(
  "Lambda tries the same event again: the run goes on, until somebody has to approve",
);
let answer = await invoke("research", event, { awsRequestId });
if (answer.retryAfterMs !== undefined) {
  const seconds = Math.ceil(answer.retryAfterMs / 1_000);
  console.log(
    `  409, again in ${seconds} s: the process that was killed might still live`,
  );
  await wait(answer.retryAfterMs);
  answer = await invoke("research", event, { awsRequestId });
}
// A 202, as checkpoint answers.
const { statusCode, body } = answer.result as {
  readonly statusCode: number;
  readonly body: string;
};
const { runId, waitingFor } = JSON.parse(body);
console.log(`  ${statusCode}: waits for "${waitingFor}"`);
await printSteps();

title("What waits");
const { result: page } = await invoke("waiting", {});
console.log(`  ${JSON.stringify(page)}`);

const [question] = letters;
title(`The desk is asked: may "${question?.body["tool"]}" run?`);
console.log(`  ${JSON.stringify(question?.body["input"])}`);
const decided = { decision: "approve" };
await invoke("decide", { token: question?.body["token"], answer: decided });
console.log(`  ${JSON.stringify(decided)}`);

title("Somebody sends the run's id: it is published, and the run ends");
const { result } = await invoke("research", { runId });
console.log(`  ${JSON.stringify(result)}`);
const reports = letters.filter(({ path }) => path === "/reports");
console.log(`  published: ${reports.map((one) => one.body["title"])}`);
await printSteps();
console.log(
  `\n  4 answers in the journal, ${bedrock.requests.length} requests to the model: the one that was killed came twice.`,
);

function title(text: string): void {
  console.log(`\n${text}`);
}

async function printSteps(): Promise<void> {
  const { steps, costUsd } = await describeRun({ store, runId });
  for (const { name = "", state, starts, costUsd } of steps) {
    if (name === "") continue;
    const started = starts > 1 ? `, started ${starts} times` : "";
    const cost = costUsd ? `$${costUsd.toFixed(6)}` : "";
    console.log(`    ${name.padEnd(18)} ${cost.padEnd(10)} ${state}${started}`);
  }
  console.log(`    ${"".padEnd(18)} $${costUsd?.toFixed(6)}`);
}
