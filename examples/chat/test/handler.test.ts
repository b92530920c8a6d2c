import {
  afterAll,
  beforeAll,
  beforeEach,
  expect,
  jest,
  test,
} from "@jest/globals";
import { startLocally } from "../local.ts";

// Everything is real but AWS: the SDK over HTTP, a DynamoDB, a Bedrock, function URLs.
const lines: string[] = [];
let local: Awaited<ReturnType<typeof startLocally>>;

beforeAll(async () => {
  jest.spyOn(console, "error").mockImplementation(() => {});
  // Logs and metrics, as CloudWatch reads them.
  for (const level of ["debug", "info", "warn"] as const)
    jest.spyOn(console, level).mockImplementation((line) => lines.push(line));
  jest.spyOn(process.stdout, "write").mockImplementation((line) => {
    lines.push(String(line));
    return true;
  });
  local = await startLocally({
    dailyBudgetUsd: 0.05,
    // The models will reach their end of life one day; this test will not.
    bedrock: { now: () => Date.UTC(2026, 10, 22) },
  });
});
beforeEach(() => local.bedrock.reset());
afterAll(() => local[Symbol.asyncDispose]());

async function post(url: string, tenant: string, text: string) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: tenant },
    body: JSON.stringify({ sessionId: "s1", text }),
  });
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    body: await response.text(),
  };
}

/** The text of a stream, and its last record. */
function read(body: string) {
  const records = body.trim().split("\n\n");
  const last = records.pop();
  const pieces = records.map((line) => JSON.parse(line.replace("data: ", "")));
  return { text: pieces.map(({ text }) => text).join(""), last };
}

test("a conversation goes on from one function to the other", async () => {
  const first = await post(
    local.chatUrl,
    "ada",
    "My name is Ada, and my bakery opens at seven.",
  );
  expect(first).toMatchObject({ status: 200, type: "application/json" });
  const second = await post(
    local.chatStreamUrl,
    "ada",
    "When does my bakery open?",
  );
  expect(second).toMatchObject({ status: 200, type: "text/event-stream" });
  const { text, last } = read(second.body);
  expect(text).toContain("seven");
  expect(last).toMatch(/^event: done\ndata: .*"stopReason":"end_turn"/);
});

test("a tenant knows nothing of another one's session", async () => {
  await post(local.chatUrl, "bob", "My bakery opens at nine.");
  const { body } = await post(
    local.chatUrl,
    "eve",
    "When does my bakery open?",
  );
  expect(body).not.toContain("nine");
});

test.each(["chatUrl", "chatStreamUrl"] as const)(
  "nobody gets past IAM without a signature (%s)",
  async (url) => {
    expect(await post(local[url], "", "Hello.")).toMatchObject({ status: 403 });
    expect(local.bedrock.requests).toHaveLength(0);
  },
);

test.each(["chatUrl", "chatStreamUrl"] as const)(
  "another model answers when the first one is throttled (%s)",
  async (url) => {
    local.bedrock.setFaults(({ modelId }) =>
      modelId?.includes("claude")
        ? { error: "ThrottlingException" }
        : undefined,
    );
    expect(await post(local[url], "carol", "Hello.")).toMatchObject({
      status: 200,
    });
    expect(local.bedrock.requests.at(-1)?.modelId).toContain("nova-lite");
  },
);

test("a stream ends before the function's deadline, and the next turn knows what there was of it", async () => {
  const facts = "My name is Dan, and my bakery opens at ten.";
  await post(local.chatUrl, "dan", facts);
  local.bedrock.setFaults([{ tokenDelayMs: 900 }]);
  const question = "When does my bakery open?";
  const stream = await post(local.hastyChatStreamUrl, "dan", question);
  const { text, last } = read(stream.body);
  expect(text).toMatch(/^Your/);
  expect(last).toMatch(/^event: done\ndata: .*"stopReason":"timeout"/);
  await post(local.chatUrl, "dan", "Go on.");
  expect(local.bedrock.requests.at(-1)?.body).toMatchObject({
    messages: [
      { content: [{ text: facts }] },
      {},
      { content: [{ text: question }] },
      { role: "assistant", content: [{ text }] },
      { content: [{ text: "Go on." }] },
    ],
  });
});

test.each(["chatUrl", "chatStreamUrl"] as const)(
  "a budget that is used up is a 429 before anything is streamed (%s)",
  async (url) => {
    // It could cost more than the whole budget.
    const long = "A very long document. ".repeat(3_000);
    expect(await post(local[url], "frank", long)).toMatchObject({
      status: 429,
      body: expect.stringContaining("budget"),
    });
    expect(local.bedrock.requests).toHaveLength(0);
  },
);

test("logs and metrics are lines of JSON on stdout, without what was said", async () => {
  lines.length = 0;
  await post(local.chatUrl, "grace", "My bakery is in Harbour Street.");
  const records = lines.map((line): object => JSON.parse(line));
  expect(records).toContainEqual(
    expect.objectContaining({ event: "call-end", attempts: 1 }),
  );
  expect(records).toContainEqual(
    expect.objectContaining({ _aws: expect.anything(), Calls: 1 }),
  );
  expect(lines.join()).not.toMatch(/bakery|Harbour/);
});
