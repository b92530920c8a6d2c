import { describe, expect, test } from "@jest/globals";
import { estimateTokens, textOf } from "@lambdallm/core";
import { estimateRequestTokens } from "@lambdallm/core/feature";

describe("estimateTokens", () => {
  test.each([
    ["", 0],
    ["a", 1],
    ["abcd", 1],
    ["abcde", 2],
    ["x".repeat(4_000), 1_000],
    ["ä", 1],
    ["日本語", 3],
    ["\u007f", 1],
    ["\u0080\u0080", 2],
    ["abc ä", 2],
  ])("of %j is %d", (text, tokens) => {
    expect(estimateTokens(text)).toBe(tokens);
  });
});

describe("estimateRequestTokens", () => {
  const user = (...content: { readonly text: string }[]) => ({
    role: "user" as const,
    content,
  });

  test("adds messages, system prompt and tools", () => {
    const text = "x".repeat(40);
    const messages = [user({ text }), user({ text }, { text })];
    const system = [{ text }];
    const tools = [
      {
        toolSpec: {
          name: text,
          inputSchema: { json: { type: text, maxItems: 5, required: [text] } },
          strict: true,
        },
      },
    ];
    expect(estimateRequestTokens({ messages })).toBe(30);
    expect(estimateRequestTokens({ messages, system })).toBe(40);
    expect(estimateRequestTokens({ messages, system, tools })).toBe(70);
  });

  test("counts an image by what an image costs, other bytes by their size", () => {
    const bytes = new Uint8Array(400);
    const image = { image: { format: "png", source: { bytes } } };
    const document = { document: { name: "abcd", source: { bytes } } };
    const of = (...content: (typeof image | typeof document)[]) =>
      estimateRequestTokens({ messages: [{ role: "user", content }] });
    expect(of(image)).toBe(1_600);
    expect(of(document)).toBe(101);
    expect(of(image, document)).toBe(1_701);
  });

  test("counts no image where there is none", () => {
    const block = { text: "1234", image: undefined };
    expect(
      estimateRequestTokens({ messages: [{ role: "user", content: [block] }] }),
    ).toBe(1);
  });

  test("passes over what is no text", () => {
    const content = [{ toolUse: { toolUseId: "", name: "", input: null } }];
    expect(
      estimateRequestTokens({ messages: [{ role: "assistant", content }] }),
    ).toBe(0);
  });
});

describe("textOf", () => {
  test("joins texts and cited texts, and leaves the rest out", () => {
    expect(
      textOf([
        { reasoningContent: { reasoningText: { text: "Hm." } } },
        { text: "One" },
        { toolUse: { toolUseId: "t", name: "now", input: {} } },
        {
          citationsContent: {
            content: [{ text: ", two" }, { text: ", three" }],
          },
        },
        { citationsContent: {} },
      ]),
    ).toBe("One, two, three");
    expect(textOf([])).toBe("");
  });
});
