import { describe, expect, test } from "@jest/globals";
import {
  type ContentBlock,
  type Message,
  Model,
  type ToolResultContent,
} from "@lambdallm/core";
import { fitFiles } from "../src/fit-files.ts";
import { keepToolResults } from "../src/keep-results.ts";

const user = (...content: readonly ContentBlock[]): Message => ({
  role: "user",
  content,
});
const calls = (...ids: readonly string[]): Message => ({
  role: "assistant",
  content: [
    { text: "Looking" },
    ...ids.map((toolUseId) => ({
      toolUse: { toolUseId, name: "look", input: {} },
    })),
  ],
});
const result = (
  toolUseId: string,
  ...content: readonly ToolResultContent[]
): ContentBlock => ({ toolResult: { toolUseId, content } });
const seen = (id: string) => result(id, { text: `Saw ${id}` });
const CLEARED = { text: "(This result was cleared to save room.)" };
const cleared = (id: string) => result(id, CLEARED);

const question = user({ text: "Where?" });

describe("Old results of tools", () => {
  const messages = [
    question,
    calls("a"),
    user(seen("a")),
    calls("b", "c"),
    user(seen("b"), seen("c"), { text: "Two steps are left." }),
    calls("d"),
    user(seen("d")),
  ];

  test("become a note, and the last ones stay", () => {
    expect(keepToolResults(messages, 2)).toEqual([
      question,
      calls("a"),
      user(cleared("a")),
      calls("b", "c"),
      user(cleared("b"), seen("c"), { text: "Two steps are left." }),
      calls("d"),
      user(seen("d")),
    ]);
  });

  test("keep their status", () => {
    const failed: ContentBlock = {
      toolResult: {
        toolUseId: "a",
        content: [{ text: "no" }],
        status: "error",
      },
    };
    const [, , first] = keepToolResults(
      [question, calls("a"), user(failed), calls("b"), user(seen("b"))],
      1,
    );
    expect(first).toEqual(
      user({
        toolResult: { toolUseId: "a", content: [CLEARED], status: "error" },
      }),
    );
  });

  test("stay while the model has not seen them, however many they are", () => {
    const unseen = [question, calls("a", "b", "c")];
    const results = user(seen("a"), seen("b"), seen("c"));
    expect(keepToolResults([...unseen, results], 0).at(-1)).toBe(results);
  });

  test("are the same objects where nothing is cleared, and cleared once", () => {
    expect(keepToolResults(messages, 4)).toBe(messages);
    const once = keepToolResults(messages, 1);
    expect(once[6]).toBe(messages[6]);
    expect(keepToolResults(once, 1)).toEqual(once);
  });
});

describe("Files in results of tools", () => {
  const bytes = new Uint8Array([1]);
  const pdf = (name: string) => ({
    document: { name, format: "pdf", source: { bytes } },
  });
  const image = { image: { format: "png", source: { bytes } } };
  const SONNET = Model.CLAUDE_SONNET_4_6;

  test("are the last five documents, those of the caller counted", () => {
    const messages = [
      user({ text: "Compare" }, pdf("mine")),
      calls("a"),
      user(result("a", pdf("1"), pdf("2"), { text: "two" })),
      calls("b"),
      user(result("b", pdf("3"), pdf("4"), pdf("5"))),
    ];
    expect(fitFiles(messages, SONNET)).toEqual([
      ...messages.slice(0, 2),
      user(
        result(
          "a",
          { text: "(The document is left out: a request takes 5.)" },
          pdf("2"),
          { text: "two" },
        ),
      ),
      ...messages.slice(3),
    ]);
  });

  test("are twenty images a message", () => {
    const images = Array.from({ length: 12 }, () => image);
    const messages = [
      question,
      calls("a", "b"),
      user(result("a", ...images), result("b", ...images)),
    ];
    const fitting = fitFiles(
      [...messages, ...structuredClone(messages)],
      SONNET,
    );
    const note = { text: "(The image is left out: a message takes 20.)" };
    const first = result("a", ...Array(4).fill(note), ...images.slice(4));
    expect(fitting[2]).toEqual(user(first, result("b", ...images)));
    expect(fitting[5]).toEqual(fitting[2]);
  });

  test("are those that the model can read", () => {
    const messages = [question, calls("a"), user(result("a", image, pdf("1")))];
    expect(fitFiles(messages, Model.NOVA_MICRO).at(-1)).toEqual(
      user(
        result(
          "a",
          { text: "(The image is left out: this model reads no images.)" },
          { text: "(The document is left out: this model reads no PDF.)" },
        ),
      ),
    );
    expect(fitFiles(messages, "acme.model-v1")).toBe(messages);
  });
});
