import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import type { InvocationTimeoutError } from "@lambdallm/core";
import { estimateRequestTokens } from "@lambdallm/core/feature";
import type { LocalBedrock, Reply } from "@lambdallm/local";
import { failureOf, invocation, start } from "./support.ts";

let local: LocalBedrock;
let reply: Reply;
beforeAll(async () => {
  local = await start({ respond: () => reply });
  // The first call of a process takes longest, and is none of a test's.
  reply = "Ready";
  await invocation(local, (context) => context.invoke("Ready?"));
});
beforeEach(() => {
  local.reset();
  reply = "One two three four five six seven eight nine ten";
});
afterAll(() => local.close());

const message = { role: "user", content: [{ text: "Count" }] } as const;
const INPUT_TOKENS = estimateRequestTokens({ messages: [message] });
const inMs = (ms: number) => Date.now() + ms;
const HOUR_MS = 3_600_000;

describe("At the deadline the request is stopped and the call resolves", () => {
  test("without text when nothing had arrived", async () => {
    local.setFaults([{ latencyMs: HOUR_MS }]);
    const response = await invocation(local, (context) =>
      context.converse({ messages: [message], deadline: inMs(1_000) }),
    );
    expect(response).toMatchObject({
      stopReason: "timeout",
      text: "",
      usage: {
        estimated: true,
        inputTokens: INPUT_TOKENS,
        outputTokens: 0,
      },
    });
    await expect(local.requests[0]?.closed).resolves.toMatchObject({
      byClient: true,
    });
  });

  test("with the text so far", async () => {
    reply = {
      content: [],
      rawEvents: [
        {
          type: "contentBlockDelta",
          payload: { contentBlockIndex: 0, delta: { text: "One two" } },
        },
        { type: "contentBlockStop", payload: { contentBlockIndex: 0 } },
      ],
    };
    local.setFaults([{ tokenDelayMs: HOUR_MS }]);
    const response = await invocation(local, (context) =>
      context.converse({
        messages: [message],
        deadline: inMs(1_000),
        onDelta: () => {},
      }),
    );
    expect(response).toMatchObject({
      stopReason: "timeout",
      text: "One two",
      usage: {
        estimated: true,
        inputTokens: INPUT_TOKENS,
        outputTokens: 2,
        totalTokens: INPUT_TOKENS + 2,
      },
    });
    await expect(local.requests[0]?.closed).resolves.toMatchObject({
      byClient: true,
    });
  });

  test("with the whole answer when only its usage was still missing", async () => {
    reply = {
      content: [],
      rawEvents: [
        { type: "messageStop", payload: { stopReason: "end_turn" } },
        { type: "metadata", payload: {} },
      ],
    };
    local.setFaults([{ tokenDelayMs: HOUR_MS }]);
    const response = await invocation(local, (context) =>
      context.converse({
        messages: [message],
        deadline: inMs(1_000),
        onDelta: () => {},
      }),
    );
    expect(response).toMatchObject({
      stopReason: "end_turn",
      usage: { estimated: true, inputTokens: INPUT_TOKENS },
    });
  });

  test("without a request when it has passed already", async () => {
    const response = await invocation(local, (context) =>
      context.converse({ messages: [message], deadline: 1 }),
    );
    expect(response).toMatchObject({ stopReason: "timeout", text: "" });
    expect(local.requests).toHaveLength(0);
  });
});

describe("Lambda's own timeout is the deadline when nothing tightens it", () => {
  test("invoke fails with InvocationTimeoutError in time to answer", async () => {
    local.setFaults([{ latencyMs: HOUR_MS }]);
    const timeoutMs = 900;
    const error = await failureOf(
      invocation(local, (context) => context.invoke("Count"), {}, timeoutMs),
    );
    expect(error).toMatchObject({
      name: "InvocationTimeoutError",
      statusCode: 504,
    });
  });

  test("a stream yields what it got and then fails, keeping the text out of logs", async () => {
    // Also for a request of the test before that arrives after its end.
    local.setFaults([{ tokenDelayMs: HOUR_MS, repeat: 2 }]);
    const error = (await failureOf(
      invocation(
        local,
        async (context) => {
          for await (const _ of context.stream("Count"));
        },
        {},
        900,
      ),
    )) as unknown as InvocationTimeoutError;
    expect(error.name).toBe("InvocationTimeoutError");
    expect(Object.keys(error)).not.toContain("partial");
    expect(error.partial).toMatchObject({ stopReason: "timeout" });
  });
});
