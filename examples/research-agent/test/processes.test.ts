import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startLocally } from "../local.ts";

// Everything is real but AWS: processes that are killed, the SDK over HTTP, a DynamoDB, a Bedrock.
let local: Awaited<ReturnType<typeof startLocally>>;

beforeAll(async () => {
  local = await startLocally();
});
afterAll(() => local[Symbol.asyncDispose]());

test("a run that was killed goes on, waits for its approval and ends", async () => {
  const { invoke, letters, bedrock } = local;
  const awsRequestId = "first";
  const event = { question: "Does a new oven pay for itself?" };
  expect(await invoke("research", event, { awsRequestId, killAt: 2 })).toEqual(
    {},
  );
  let answer = await invoke("research", event, { awsRequestId });
  if (answer.retryAfterMs !== undefined) {
    await wait(answer.retryAfterMs);
    answer = await invoke("research", event, { awsRequestId });
  }
  expect(answer.result).toMatchObject({ statusCode: 202 });
  const [{ body }] = letters as [(typeof letters)[number]];
  const { token, runId } = body;
  await invoke("decide", { token, answer: { decision: "approve" } });
  expect(await invoke("research", { runId })).toMatchObject({
    result: {
      answer: "Yes, in about ten years: it saves 1,116 euros a year.",
      status: "completed",
    },
  });
  expect(letters.map(({ path }) => path)).toEqual(["/approvals", "/reports"]);
  expect(bedrock.requests).toHaveLength(5);
});
