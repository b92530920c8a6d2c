import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import { type Delta, estimateTokens } from "@lambdallm/core";
import type { LocalBedrock, Reply, StreamEvent } from "@lambdallm/local";
import { failureOf, invocation, start } from "./support.ts";

let local: LocalBedrock;
let reply: Reply;
beforeAll(async () => {
  local = await start({ respond: () => reply });
});
beforeEach(() => {
  local.reset();
  reply = "One two three four five six seven eight nine ten";
});
afterAll(() => local.close());

const events = (...list: [type: string, payload: object][]): StreamEvent[] =>
  list.map(([type, payload]) => ({ type, payload }));
const delta = (contentBlockIndex: number, delta: object): [string, object] => [
  "contentBlockDelta",
  { contentBlockIndex, delta },
];
const stop: [string, object] = ["messageStop", { stopReason: "end_turn" }];

const answerTo = (rawEvents: StreamEvent[]) => {
  reply = { content: [], rawEvents };
  return invocation(local, (context) =>
    context.converse({
      messages: [{ role: "user", content: [{ text: "Go" }] }],
      onDelta: () => {},
    }),
  );
};

describe("A stream", () => {
  test("yields the text piece by piece, and then knows usage, cost and times", async () => {
    const { pieces, response, total } = await invocation(
      local,
      async (context) => {
        const stream = context.stream("Count to {n}", { n: 10 });
        const pieces: string[] = [];
        await stream.started;
        for await (const piece of stream) pieces.push(piece);
        return {
          pieces,
          response: await stream.response,
          total: context.totalCostUsd,
        };
      },
    );
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.join("")).toBe(reply);
    expect(response).toMatchObject({
      text: reply,
      stopReason: "end_turn",
      usage: { outputTokens: estimateTokens(response.text) },
      requestId: expect.any(String),
    });
    expect(response.usage.estimated).toBeUndefined();
    expect(response.timeToFirstTokenMs).toBeGreaterThan(0);
    expect(response.timeToFirstTokenMs).toBeLessThanOrEqual(response.latencyMs);
    expect(total).toBeGreaterThan(0);
    expect(local.requests[0]?.operation).toBe("ConverseStream");
  });

  test("shows tool calls and reasoning to an observer that asks for them", async () => {
    reply = {
      content: [
        {
          reasoningContent: {
            reasoningText: { text: "Hm, rain", signature: "s" },
          },
        },
        { text: "Let me look." },
        {
          toolUse: {
            toolUseId: "t1",
            name: "weather",
            input: { city: "Rome" },
          },
        },
      ],
    };
    const ask = async (deltas?: Delta["kind"][]) => {
      const seen: Delta[] = [];
      await invocation(local, (context) =>
        context.converse({
          model: "my.model",
          messages: [{ role: "user", content: [{ text: "Rain?" }] }],
          onDelta: (delta) => {
            seen.push(delta);
          },
          ...(deltas && { deltas }),
        }),
      );
      return seen;
    };
    const all = await ask();
    expect(new Set(all.map(({ kind }) => kind))).toEqual(
      new Set(["reasoning", "text", "tool"]),
    );
    const calls = all.filter((delta) => delta.kind === "tool");
    expect(calls[0]).toEqual({
      kind: "tool",
      toolUseId: "t1",
      name: "weather",
      input: "",
    });
    expect(JSON.parse(calls.map(({ input }) => input).join(""))).toEqual({
      city: "Rome",
    });
    expect((await ask(["tool"])).every(({ kind }) => kind === "tool")).toBe(
      true,
    );
    expect(await ask([])).toEqual([]);
  });

  test("passes an observer's own error on, and ends the request", async () => {
    local.setFaults([{ tokenDelayMs: 20 }]);
    const mine = new Error("mine");
    await invocation(local, (context) =>
      expect(
        context.converse({
          messages: [{ role: "user", content: [{ text: "Go" }] }],
          onDelta: () => {
            throw mine;
          },
        }),
      ).rejects.toBe(mine),
    );
    await expect(local.requests[0]?.closed).resolves.toMatchObject({
      byClient: true,
    });
  });

  test("closes the HTTP request when the reader leaves the loop", async () => {
    local.setFaults([{ tokenDelayMs: 20 }]);
    const { first, usage } = await invocation(local, async (context) => {
      let first = "";
      for await (const piece of context.stream("Count")) {
        first = piece;
        break;
      }
      return { first, usage: context.usage };
    });
    expect(first).toContain("One");
    await expect(local.requests[0]?.closed).resolves.toMatchObject({
      byClient: true,
    });
    // What was generated until then is counted, as an estimate.
    expect(usage).toMatchObject({ estimated: true });
  });

  test("shows nothing more once it was aborted, even of what had arrived already", async () => {
    const controller = new AbortController();
    let seen = 0;
    const error = await failureOf(
      invocation(local, (context) =>
        context.converse({
          messages: [{ role: "user", content: [{ text: "Count" }] }],
          signal: controller.signal,
          onDelta: () => {
            seen += 1;
            controller.abort();
          },
        }),
      ),
    );
    expect(error).toMatchObject({ reason: "aborted" });
    await local.requests[0]?.closed;
    expect(seen).toBe(1);
  });

  test("closes the HTTP request when the caller's signal aborts", async () => {
    local.setFaults([{ tokenDelayMs: 20 }]);
    const controller = new AbortController();
    const error = await failureOf(
      invocation(local, async (context) => {
        for await (const _ of context.stream("Count", undefined, {
          signal: controller.signal,
        }))
          controller.abort();
      }),
    );
    expect(error).toMatchObject({ reason: "aborted", retryable: false });
    await expect(local.requests[0]?.closed).resolves.toMatchObject({
      byClient: true,
    });
  });
});

describe("The message of a stream is what Converse would have answered", () => {
  test("blocks are ordered by their index, whatever order they end in", async () => {
    const { message } = await answerTo(
      events(
        ["messageStart", { role: "assistant" }],
        delta(1, { text: "b" }),
        delta(0, { text: "a" }),
        stop,
      ),
    );
    expect(message).toEqual({
      role: "assistant",
      content: [{ text: "a" }, { text: "b" }],
    });
  });

  test.each([
    ["", {}],
    ['{"a":', '{"a":'],
    ['{"__proto__":{"x":1}}', JSON.parse('{"__proto__":{"x":1}}')],
  ])("the tool input %j becomes %j", async (input, expected) => {
    const { message } = await answerTo(
      events(
        [
          "contentBlockStart",
          {
            contentBlockIndex: 0,
            start: { toolUse: { toolUseId: "1", name: "f" } },
          },
        ],
        delta(0, { toolUse: { input } }),
        stop,
      ),
    );
    expect(message.content).toEqual([
      { toolUse: { toolUseId: "1", name: "f", input: expected } },
    ]);
    expect(Object.prototype).not.toHaveProperty("x");
  });

  test("citations, redacted reasoning, server tool results and images are put together", async () => {
    const citation = { title: "t", source: "s" };
    const { message } = await answerTo(
      events(
        delta(0, { reasoningContent: { redactedContent: "AQI=" } }),
        delta(0, { reasoningContent: { redactedContent: "Aw==" } }),
        delta(1, { text: "cited" }),
        delta(1, { citation }),
        [
          "contentBlockStart",
          {
            contentBlockIndex: 2,
            start: { toolResult: { toolUseId: "1", status: "success" } },
          },
        ],
        delta(2, { toolResult: [{ text: "a" }] }),
        delta(2, { toolResult: [{ text: "b" }, { json: { n: 1 } }] }),
        [
          "contentBlockStart",
          { contentBlockIndex: 3, start: { image: { format: "png" } } },
        ],
        delta(3, { image: { source: { bytes: "AQI=" } } }),
        delta(3, { image: { source: { bytes: "Aw==" } } }),
        [
          "contentBlockStart",
          { contentBlockIndex: 4, start: { image: { format: "png" } } },
        ],
        delta(4, { image: { source: { s3Location: { uri: "s3://b/k" } } } }),
        delta(4, { image: { error: { message: "cut" } } }),
        [
          "contentBlockStart",
          { contentBlockIndex: 5, start: { hologram: { depth: 3 } } },
        ],
        delta(6, { reasoningContent: { aura: "blue" } }),
        delta(7, { reasoningContent: { signature: "only" } }),
        stop,
      ),
    );
    const bytes = new Uint8Array([1, 2, 3]);
    expect(message.content).toEqual([
      { reasoningContent: { redactedContent: bytes } },
      {
        citationsContent: {
          content: [{ text: "cited" }],
          citations: [citation],
        },
      },
      {
        toolResult: {
          toolUseId: "1",
          status: "success",
          content: [{ text: "ab" }, { json: { n: 1 } }],
        },
      },
      { image: { format: "png", source: { bytes } } },
      {
        image: {
          format: "png",
          source: { s3Location: { uri: "s3://b/k" } },
          error: { message: "cut" },
        },
      },
      { $unknown: ["hologram", { depth: 3 }] },
      { reasoningContent: { $unknown: ["aura", "blue"] } },
      { reasoningContent: { reasoningText: { text: "", signature: "only" } } },
    ]);
  });

  test("empty events and missing fields do no harm", async () => {
    const response = await answerTo(
      events(
        ["messageStart", {}],
        ["contentBlockDelta", {}],
        ["contentBlockStart", {}],
        ["contentBlockStop", {}],
        ["contentBlockStart", { start: { toolUse: {} } }],
        ["contentBlockDelta", { delta: { toolUse: {} } }],
        ["contentBlockDelta", { delta: { image: {} } }],
        ["contentBlockDelta", { contentBlockIndex: 9, delta: { toolUse: {} } }],
        ["contentBlockDelta", { contentBlockIndex: 9, delta: {} }],
        ["messageStop", {}],
        ["metadata", { usage: {} }],
      ),
    );
    expect(response).toMatchObject({
      text: "",
      // There is a call, however little is known of it.
      stopReason: "tool_use",
      usage: { inputTokens: 0, totalTokens: 0 },
    });
  });
});
