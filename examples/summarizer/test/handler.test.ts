import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import {
  installAwslambda,
  type LocalBedrock,
  startBedrock,
  startFunctionUrl,
} from "@lambdallm/local";
import { printed } from "../../../test-support/quiet.ts";

let bedrock: LocalBedrock;
let functionUrl: Awaited<ReturnType<typeof startFunctionUrl>>;

beforeAll(async () => {
  bedrock = await startBedrock({
    respond: () => "The light was kept.",
    // The example's model will reach its end of life one day; this test will not.
    now: () => Date.UTC(2026, 10, 22),
  });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: bedrock.url,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  });
  installAwslambda();
  const { handler } = await import("../src/handler.ts");
  functionUrl = await startFunctionUrl(handler);
});
beforeEach(() => bedrock.reset());
afterAll(async () => {
  await functionUrl.close();
  await bedrock.close();
});

const post = (body: unknown, query = "") =>
  fetch(`${functionUrl.url}${query}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

test("answers with the summary, its tokens and what it cost", async () => {
  const response = await post({
    text: "A long story about a light.",
    words: 5,
  });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    summary: "The light was kept.",
    usage: { inputTokens: expect.any(Number), outputTokens: 5 },
    costUsd: expect.any(Number),
  });
  expect(bedrock.requests[0]).toMatchObject({
    modelId: "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
    body: {
      messages: [
        {
          content: [
            {
              text: "Summarize the document in at most 5 words.\n\nA long story about a light.",
            },
          ],
        },
      ],
    },
  });
});

test("streams when asked, and says at the end what it cost", async () => {
  const response = await post({ text: "A long story." }, "?stream=true");
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const records = (await response.text()).trim().split("\n\n");
  const pieces = records
    .slice(0, -1)
    .map((record) => JSON.parse(record.replace("data: ", "")).text);
  expect(pieces.join("")).toBe("The light was kept.");
  expect(records.at(-1)).toMatch(/^event: done\ndata: .*"costUsd":0\.0000/);
});

test.each([
  ["no text", {}],
  ["a blank text", { text: " " }],
  ["words that are no number", { text: "a", words: "five" }],
  ["too many words", { text: "a", words: 501 }],
  ["a body that is no object", "null"],
])("refuses %s with 400 and calls no model", async (_, body) => {
  const response = await post(body);
  expect(response.status).toBe(400);
  expect(bedrock.requests).toHaveLength(0);
});

test("a body that is no JSON is the client's mistake", async () => {
  expect((await post("{oops")).status).toBeGreaterThanOrEqual(400);
  expect((await post("{oops")).status).toBeLessThan(500);
  const logged =
    "UnprocessableEntityError: Invalid or malformed JSON was provided";
  expect(printed()).toEqual([logged, logged]);
});

test.each(["", "?stream=true"])(
  "a throttled model is a 503, also for a stream that has not begun (%j)",
  async (query) => {
    bedrock.setFaults([{ error: "ThrottlingException" }]);
    const response = await post({ text: "A story." }, query);
    expect(response.status).toBe(503);
    expect(await response.text()).toContain("was throttled");
    expect(printed()).toEqual([expect.stringContaining("was throttled")]);
  },
);

test("a model that fails in the middle of a stream leaves a well-formed end", async () => {
  bedrock.setFaults([
    { streamError: { name: "modelStreamErrorException", afterEvents: 3 } },
  ]);
  const text = await (await post({ text: "A story." }, "?stream=true")).text();
  expect(text).toMatch(
    /^data: .*\n\n(data: .*\n\n)*event: error\ndata: \{"code":"MODEL_INVOCATION","message":".*"\}\n\n$/,
  );
  expect(printed()).toEqual([
    expect.stringContaining("failed: ModelInvocationError: The model"),
  ]);
});
