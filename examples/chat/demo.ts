import { dynamoDBStore } from "@lambdallm/dynamodb";
import type { Faults } from "@lambdallm/local";
import { startLocally } from "./local.ts";
import { chatHandler, chatStreamHandler } from "./src/chat.ts";
import { startTracing, traceTree } from "./trace-tree.ts";

/*
 * Runs both handlers as Lambda would: behind function URLs, with the real AWS SDK over HTTP. The model is the local Bedrock,
 * which answers from the conversation alone, and the table is in dynalite; tokens are its count and prices are Bedrock's own.
 */

// The error handler logs what went wrong; here the answers say it.
console.error = () => {};

const spans = startTracing();
const nothing = () => {};
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };
/** What CloudWatch would read of stdout. */
const documents: string[] = [];
const options = () => ({
  store: dynamoDBStore({ tableName: "chat" }),
  dailyBudgetUsd: 0.05,
  // On Lambda both go to stdout.
  logging: { logger: silent },
  metrics: { write: (line: string) => documents.push(line) },
});
await using local = await startLocally({
  dailyBudgetUsd: 0.05,
  handlers: async () => ({
    chat: chatHandler(options()),
    chatStream: chatStreamHandler(options()),
  }),
});
const { bedrock, chatUrl, chatStreamUrl, hastyChatStreamUrl } = local;

console.log(`chat        ${chatUrl}`);
console.log(`chatStream  ${chatStreamUrl}`);

title("A conversation, over both functions");
await say("acme", "My name is Ada, and my bakery opens at seven.");
await say("acme", "When does my bakery open?", chatStreamUrl);

title("The same session id of another tenant is another session");
await say("globex", "When does my bakery open?");

title("A model that is throttled: one retry, then the fallback");
const throttled: Faults = ({ modelId }) =>
  modelId?.includes("claude") ? { error: "ThrottlingException" } : undefined;
spans.reset();
documents.length = 0;
await say("acme", "What is my name?", chatUrl, throttled);

title("That call as a trace, and as metrics: one document of those on stdout");
console.log(`\n${traceTree(spans.getFinishedSpans())}`);
console.log(`  ${documents.find((line) => line.includes('"Calls"'))}`);

title("A slow model: at the deadline the stream ends with the text so far");
const slow: Faults = () => ({ tokenDelayMs: 900 });
await say("acme", "When does it open, again?", hastyChatStreamUrl, slow);

title("A tenant's budget of $0.05 a day, and the one of another tenant");
const manual = "Heat the oven before you knead the dough. ".repeat(400);
for (let status = 200; status === 200; )
  status = await say("globex", `Summarize this: ${manual}`);
await say("acme", "What is my name?");

function title(text: string): void {
  console.log(`\n${text}`);
}

/** Sends a message and prints the answer. Returns the status. */
async function say(
  tenant: string,
  text: string,
  url = chatUrl,
  faults: Faults = [],
): Promise<number> {
  bedrock.reset();
  bedrock.setFaults(faults);
  const short = text.length > 60 ? `${text.slice(0, 60)}...` : text;
  console.log(`\n  ${tenant}: ${short}`);
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: tenant },
    body: JSON.stringify({ sessionId: "s1", text }),
  });
  process.stdout.write(`  ${response.status}: `);
  const type = response.headers.get("content-type");
  if (type === "text/event-stream") await printStream(response);
  else if (type === "application/json") await printAnswer(response);
  else console.log(await response.text());
  return response.status;
}

async function printAnswer(response: Response): Promise<void> {
  const { answer, ...facts } = (await response.json()) as Facts & {
    readonly answer: string;
  };
  process.stdout.write(answer);
  printFacts(facts);
}

async function printStream({ body }: Response): Promise<void> {
  let rest = "";
  // A web stream is one in Node.js.
  for await (const bytes of (body ?? []) as AsyncIterable<Uint8Array>) {
    const records = (rest + Buffer.from(bytes).toString()).split("\n\n");
    rest = records.pop() ?? "";
    for (const record of records) {
      const data = JSON.parse(record.slice(record.indexOf("data: ") + 6));
      if (record.startsWith("event: done")) printFacts(data);
      else process.stdout.write(data.text);
    }
  }
}

interface Facts {
  readonly costUsd: number;
  readonly stopReason?: string;
}

function printFacts({ costUsd, stopReason }: Facts): void {
  const models = bedrock.requests.map(({ modelId }) => modelId).join(", ");
  const facts = [models, `$${costUsd.toFixed(6)}`, stopReason ?? ""];
  console.log(`\n       ${facts.filter(Boolean).join(" · ")}`);
}
