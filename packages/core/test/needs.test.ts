import { describe, expect, test } from "@jest/globals";
import type { Message } from "@lambdallm/core";
import { needsOf } from "@lambdallm/core/feature";

const bytes = new Uint8Array([1]);
const nothing = {
  tools: false,
  streaming: false,
  images: false,
  documents: false,
  pdf: false,
  video: false,
  audio: false,
  prefill: false,
};

const image = { image: { format: "png", source: { bytes } } } as const;
const pdf = {
  document: { name: "Report", format: "pdf", source: { bytes } },
} as const;
const csv = {
  document: { name: "Table", format: "csv", source: { bytes } },
} as const;
const toolResult = (content: readonly object[]) => ({
  toolResult: { toolUseId: "1", content },
});

function messageOf(...content: readonly object[]): Message {
  // The blocks above are content blocks.
  return { role: "user", content: content as Message["content"] };
}

describe("What a request needs", () => {
  test.each([
    ["text", [messageOf({ text: "Hi" })], {}],
    ["an image", [messageOf(image)], { images: true }],
    ["a PDF", [messageOf(pdf)], { documents: true, pdf: true }],
    ["another document", [messageOf(csv)], { documents: true }],
    ["video", [messageOf({ video: { format: "mp4" } })], { video: true }],
    ["audio", [messageOf({ audio: { format: "mp3" } })], { audio: true }],
    [
      "an image in a tool's result",
      [messageOf(toolResult([image]))],
      { tools: true, images: true },
    ],
    [
      "a guarded image",
      [messageOf({ guardContent: { image: image.image } })],
      { images: true },
    ],
    [
      "a tool call in the history",
      [messageOf({ toolUse: { toolUseId: "1", name: "clock", input: {} } })],
      { tools: true },
    ],
    ["a member that is undefined", [messageOf({ image: undefined })], {}],
  ] as const)("is read off its messages: %s", (_name, messages, needs) => {
    expect(needsOf({ messages })).toEqual({ ...nothing, ...needs });
  });

  test.each<[object, object]>([
    [{ toolResult: {} }, { tools: true }],
    [{ toolResult: { content: null } }, { tools: true }],
    [{ toolResult: { content: "text" } }, { tools: true }],
    [{ toolResult: { content: [null, "text"] } }, { tools: true }],
    [{ toolResult: { content: [{ document: null }] } }, { tools: true }],
    [{ document: null }, {}],
    [{ text: null }, {}],
    [{ guardContent: { image: null } }, {}],
  ])(
    "is no reason to fail for %j: the service says what is wrong",
    (block, needs) => {
      expect(needsOf({ messages: [messageOf(block)] })).toEqual({
        ...nothing,
        ...needs,
      });
    },
  );

  test("is no more than what can be in a result or in guarded content, also where it goes round in a circle", () => {
    const circle: Record<string, unknown> = {};
    circle["toolResult"] = { content: [circle] };
    circle["guardContent"] = circle;
    expect(needsOf({ messages: [messageOf(circle)] })).toEqual({
      ...nothing,
      tools: true,
    });
  });

  test.each<
    [string, readonly (readonly [Message["role"], ...object[]])[], boolean]
  >([
    ["no message", [], false],
    ["a question", [["user", { text: "Hi" }]], false],
    [
      "the beginning of an answer",
      [
        ["user", { text: "Hi" }],
        ["assistant", { text: "{" }],
      ],
      true,
    ],
    [
      "a question after it",
      [
        ["assistant", { text: "{" }],
        ["user", { text: "Hi" }],
      ],
      false,
    ],
    [
      "an answer of which nothing is sent",
      [
        ["user", { text: "Hi" }],
        ["assistant", { text: " \n" }, { cachePoint: { type: "default" } }],
        ["assistant"],
      ],
      false,
    ],
    [
      "an answer, and one of which nothing is sent",
      [
        ["assistant", { toolUse: { toolUseId: "1" } }],
        ["assistant", { text: "" }],
      ],
      true,
    ],
  ])(
    "is an answer to continue when the conversation ends with one: %s",
    (_name, turns, prefill) => {
      const messages = turns.map(([role, ...content]) => ({
        ...messageOf(...content),
        role,
      }));
      expect(needsOf({ messages })).toMatchObject({ prefill });
    },
  );

  test("is no reason to fail for what is no block at all", () => {
    const content = [null, "text"] as unknown as Message["content"];
    expect(needsOf({ messages: [{ role: "user", content }] })).toEqual(nothing);
  });

  test("is tools when it offers some, and streaming when it observes", () => {
    const tools = [
      { toolSpec: { name: "clock", inputSchema: { json: {} } } },
    ] as const;
    expect(needsOf({ messages: [], tools, onDelta: () => {} })).toEqual({
      ...nothing,
      tools: true,
      streaming: true,
    });
  });
});
