import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { memoryStores } from "@lambdallm/core/stores";
import {
  type LocalBedrock,
  type LocalDurable,
  startBedrock,
  startDurable,
  startFunctionUrl,
} from "@lambdallm/local";
import { reviewHandler } from "../src/on-store.ts";

let bedrock: LocalBedrock;
let durable: LocalDurable;
let functionUrl: Awaited<ReturnType<typeof startFunctionUrl>>;
/** What was asked, by the beginning of the prompt. */
const asked: string[] = [];
/** The risks are written when it is opened. */
let risks = Promise.withResolvers<void>();

beforeAll(async () => {
  bedrock = await startBedrock({
    // The example's model will reach its end of life one day; this test will not.
    now: () => Date.UTC(2026, 10, 28),
    respond: async ({ messages }) => {
      const text = JSON.stringify(messages);
      const [, begin = ""] = /"text":"(\w+ \w+)/.exec(text) ?? [];
      asked.push(begin);
      if (begin === "Name the") await risks.promise;
      return begin === "List the"
        ? JSON.stringify({ parties: ["Ada"], amounts: [], dates: [] })
        : `${begin}.`;
    },
  });
  durable = await startDurable({
    invoke: async (event, { context }) => {
      const { handler } = await import("../src/on-durable.ts");
      // The runtime's context has what the SDK reads.
      return handler(event as never, context as never);
    },
    skipTime: true,
  });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: bedrock.url,
    AWS_ENDPOINT_URL_LAMBDA: durable.url,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  });
  const handler = reviewHandler({
    store: memoryStores(),
    bufferMs: 1_000,
    reserveMs: 700,
  });
  // Enough for all that answers, on a busy machine as well.
  functionUrl = await startFunctionUrl(handler, { timeoutMs: 8_000 });
});
beforeEach(() => {
  asked.length = 0;
  risks = Promise.withResolvers();
});
afterAll(async () => {
  await functionUrl.close();
  await durable.close();
  await bedrock.close();
});

const post = (body: object) =>
  fetch(functionUrl.url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

const resume = (runId: string) =>
  fetch(functionUrl.url, { method: "POST", headers: { "x-run-id": runId } });

test("a review that the time was too short for goes on where it was, and asks for nothing twice that was answered", async () => {
  const cut = await post({ text: "A contract.", language: "German" });
  expect(cut.status).toBe(202);
  const runId = cut.headers.get("x-run-id") ?? "";
  expect(await cut.json()).toMatchObject({ runId, status: "suspended" });
  expect([...asked].sort()).toEqual(["List the", "Name the", "Summarize this"]);
  asked.length = 0;
  risks.resolve();
  const ended = await resume(runId);
  expect(ended.status).toBe(200);
  expect(await ended.json()).toEqual({
    briefing: "Translate into.",
    costUsd: expect.any(Number),
  });
  expect(asked).toEqual(["Name the", "Write a", "Translate into"]);
});

test("the same review ends on durable functions", async () => {
  risks.resolve();
  const { status, result } = await durable.start({ text: "A contract." })
    .result;
  expect({ status, result }).toEqual({
    status: "SUCCEEDED",
    result: { briefing: "Write a.", costUsd: expect.any(Number) },
  });
  expect(asked).toHaveLength(4);
});

test("a document that is none fails there, too", async () => {
  const { status, error } = await durable.start({ text: 5 }).result;
  expect(status).toBe("FAILED");
  expect(error?.ErrorMessage).toContain("Send { text");
  expect(asked).toEqual([]);
});
