import { afterEach, describe, expect, test } from "@jest/globals";
import {
  type LocalBedrock,
  type Reply,
  type StreamEvent,
  startBedrock,
} from "../src/index.ts";
import { ask, clientOf, collect, converse, kindsOf, post } from "./helpers.ts";

/* Answers that the service has been seen to give, and that a reply can give, too. */

const GPT_OSS = "openai.gpt-oss-120b-1:0";
const CALL = { toolUse: { toolUseId: "t1", name: "find", input: {} } };
const usage = { inputTokens: 7, outputTokens: 0 };

let bedrock: LocalBedrock;

afterEach(() => bedrock.close());

async function answer(reply: Reply) {
  bedrock = await startBedrock({ respond: () => reply });
  return converse(clientOf(bedrock), ask("Hi"));
}

async function stream(reply: Reply) {
  bedrock = await startBedrock({ respond: () => reply });
  const { events, error } = await collect(clientOf(bedrock), ask("Hi"));
  expect(error).toBeUndefined();
  return events;
}

async function raw(reply: Reply): Promise<string> {
  bedrock = await startBedrock({ respond: () => reply });
  return (await post(bedrock, GPT_OSS, "converse", ask("Hi"))).text;
}

function delta(contentBlockIndex: number, part: object): StreamEvent {
  return {
    type: "contentBlockDelta",
    payload: { contentBlockIndex, delta: part },
  };
}

describe("A guardrail that comes first", () => {
  const stopReason = "guardrail_intervened";

  test.each([
    ["no message at all", {}],
    ["a message without content", { message: { role: "assistant" } }],
  ])("leaves %s, with its usage", async (_what, rawOutput) => {
    const reply = { content: [], rawOutput, stopReason, usage };
    const text = await raw(reply);
    expect(JSON.parse(text)).toMatchObject({
      stopReason,
      usage: { ...usage, totalTokens: 7 },
    });
    expect(JSON.parse(text).output).toEqual(rawOutput);
    await bedrock.close();
    const { output, ...facts } = await answer(reply);
    expect(output?.message?.content).toBeUndefined();
    expect(facts).toMatchObject({ stopReason, usage });
  });

  test("ends a stream before its first block", async () => {
    const events = await stream({ content: [], stopReason, usage });
    expect(kindsOf(events)).toEqual([
      "messageStart",
      "messageStop",
      "metadata",
    ]);
    expect(events[1]).toEqual({ messageStop: { stopReason } });
    expect(events[2]).toMatchObject({ metadata: { usage } });
  });
});

describe("A stop reason that does not fit", () => {
  test.each([
    ["end_turn beside a tool call", "end_turn", [CALL]],
    ["tool_use without one", "tool_use", [{ text: "Let me see." }]],
  ])("is sent as it is: %s", async (_what, stopReason, content) => {
    const plain = await answer({ content, stopReason });
    expect(plain.stopReason).toBe(stopReason);
    expect(plain.output?.message?.content).toEqual(content);
    await bedrock.close();
    const events = await stream({ content, stopReason });
    expect(events).toContainEqual({ messageStop: { stopReason } });
    expect(kindsOf(events).includes("contentBlockStart")).toBe(
      "toolUse" in Object(content[0]),
    );
  });
});

describe("Thoughts that nobody may read", () => {
  const redactedContent = Uint8Array.of(0, 255, 128, 7);

  test("are base64 on the wire", async () => {
    const content = [{ reasoningContent: { redactedContent } }];
    expect(await raw({ content })).toContain('{"redactedContent":"AP+ABw=="}');
  });

  test("are the same bytes in an answer and in a stream", async () => {
    const content = [{ reasoningContent: { redactedContent } }];
    const plain = await answer({ content });
    expect(plain.output?.message?.content).toEqual(content);
    await bedrock.close();
    expect(await stream({ content })).toContainEqual({
      contentBlockDelta: { contentBlockIndex: 0, delta: content[0] },
    });
  });

  test("come in long stretches", async () => {
    const pieces = Array.from({ length: 40 }, (_, index) =>
      delta(0, {
        reasoningContent: { redactedContent: Uint8Array.of(index) },
      }),
    );
    const events = await stream({
      content: [],
      rawEvents: [
        { type: "messageStart", payload: { role: "assistant" } },
        ...pieces,
        { type: "contentBlockStop", payload: { contentBlockIndex: 0 } },
        { type: "messageStop", payload: { stopReason: "end_turn" } },
      ],
    });
    expect(
      events.flatMap(({ contentBlockDelta }) => [
        ...(contentBlockDelta?.delta?.reasoningContent?.redactedContent ?? []),
      ]),
    ).toEqual(Array.from({ length: 40 }, (_, index) => index));
  });
});

test("Citations are streamed between the texts that they belong to", async () => {
  const citation = {
    title: "Rules",
    sourceContent: [{ text: "No dogs." }],
    location: { documentChar: { documentIndex: 0, start: 0, end: 8 } },
  };
  const events = await stream({
    content: [
      {
        citationsContent: {
          content: [{ text: "Dogs may not enter." }],
          citations: [citation, citation],
        },
      },
    ],
  });
  expect(
    events.flatMap(({ contentBlockDelta }) =>
      contentBlockDelta === undefined ? [] : [contentBlockDelta.delta],
    ),
  ).toEqual([{ text: "Dogs may not enter." }, { citation }, { citation }]);
});

describe("A stream without usage", () => {
  const rawEvents = [
    { type: "messageStart", payload: { role: "assistant" } },
    delta(0, { text: "Hello" }),
    { type: "contentBlockStop", payload: { contentBlockIndex: 0 } },
    { type: "messageStop", payload: { stopReason: "end_turn" } },
  ];

  test("may end without its last event", async () => {
    const events = await stream({ content: [], rawEvents });
    expect(kindsOf(events).at(-1)).toBe("messageStop");
  });

  test("or with one that has no usage", async () => {
    const metrics = { latencyMs: 5 };
    const last = { type: "metadata", payload: { metrics } };
    const events = await stream({
      content: [],
      rawEvents: [...rawEvents, last],
    });
    expect(events.at(-1)).toEqual({ metadata: { metrics } });
  });
});

describe("Half an emoji", () => {
  test("ends a piece of a stream, and begins the next one", async () => {
    const chunks = ["Hello \ud83d", "\ude00!"];
    const events = await stream({ content: [{ text: "unused" }], chunks });
    const pieces = events.flatMap(({ contentBlockDelta }) =>
      contentBlockDelta === undefined ? [] : [contentBlockDelta.delta?.text],
    );
    expect(pieces).toEqual(chunks);
    expect(pieces.join("")).toBe("Hello 😀!");
  });

  test("is an escape on the wire", async () => {
    expect(await raw({ content: [{ text: "Hello \ud83d" }] })).toContain(
      '{"text":"Hello \\ud83d"}',
    );
  });
});

test("The tool's name of gpt-oss has a channel behind it", async () => {
  const name = "find<|channel|>commentary";
  const content = [{ toolUse: { ...CALL.toolUse, name } }];
  const plain = await answer({ content });
  expect(plain.output?.message?.content).toEqual(content);
  expect(plain.stopReason).toBe("tool_use");
  await bedrock.close();
  expect(await stream({ content })).toContainEqual({
    contentBlockStart: {
      contentBlockIndex: 0,
      start: { toolUse: { toolUseId: "t1", name } },
    },
  });
});
