import { describe, expect, test } from "@jest/globals";
import { estimateTokens, type ToolResultContent } from "@lambdallm/core";
import fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";
import {
  READ_RESULT,
  readResult,
  readResultTool,
  shownResult,
} from "../src/large-results.ts";

const text = "abcdefgh".repeat(10);
const fullTexts = new Map([["call-1", text]]);
const textsIn = (content: readonly ToolResultContent[]) =>
  content.map((part) => ("text" in part ? part.text : part));

describe("A result that is too long", () => {
  test("is shown in its beginning, and how to read on", () => {
    expect(shownResult([{ text }], "call-1", 5)).toEqual({
      content: [
        { text: text.slice(0, 20) },
        {
          text: '(Characters 0 to 20 of 80. Read on with read_result({"id":"call-1","offset":20}).)',
        },
      ],
      fullText: text,
    });
  });

  test("is what it is as long as it fits", () => {
    const content = [{ text }, { json: { a: 1 } }];
    expect(shownResult(content, "call-1", 23)).toEqual({ content });
    expect(shownResult(content, "call-1", 22)).toHaveProperty("fullText");
  });

  test("is all of its texts, and keeps its files", () => {
    const image = {
      image: { format: "png", source: { bytes: new Uint8Array([1]) } },
    };
    const found = {
      searchResult: {
        source: "https://example.com",
        title: "Lambda",
        content: [{ text: "Runs code" }],
      },
    };
    const { content, fullText } = shownResult(
      [{ json: { a: 1 } }, image, found, { text }],
      "call-1",
      2,
    );
    expect(fullText).toBe(
      `{"a":1}\n\nLambda\nhttps://example.com\nRuns code\n\n${text}`,
    );
    expect(content).toEqual([
      { text: '{"a":1}\n' },
      { text: expect.stringContaining('"offset":8') },
      image,
    ]);
  });

  test("is not cut in the middle of a character", () => {
    const { content } = shownResult([{ text: "a🙂🙂" }], "call-1", 2);
    expect(textsIn(content)).toEqual([
      "a",
      expect.stringContaining('"offset":1'),
    ]);
  });
});

describe(`The tool ${READ_RESULT}`, () => {
  test("has a schema that every model takes", () => {
    expect(readResultTool).toMatchObject({
      toolSpec: {
        name: "read_result",
        inputSchema: { json: { type: "object", required: ["id", "offset"] } },
      },
    });
  });

  test("reads on to the end", () => {
    expect(readResult(fullTexts, { id: "call-1", offset: 60 }, 5)).toEqual({
      content: [
        { text: text.slice(60) },
        { text: "(Characters 60 to 80 of 80: the end.)" },
      ],
      status: "success",
    });
  });

  test("begins in front of a character in whose middle the offset is", () => {
    const texts = new Map([["a", "🙂🙂"]]);
    const { content } = readResult(texts, { id: "a", offset: 1 }, 100);
    expect(textsIn(content)[0]).toBe("🙂🙂");
  });

  test("shows a character of more tokens than it may, and halves of none", () => {
    const texts = new Map([["a", "🙂🙂\ud83d"]]);
    expect(textsIn(readResult(texts, { id: "a" }, 1).content)[0]).toBe("🙂");
    const { content } = readResult(texts, { id: "a", offset: 4 }, 1);
    expect(textsIn(content)[0]).toBe("\ud83d");
  });

  test("says of blanks only where they end", () => {
    const texts = new Map([["a", `${" ".repeat(40)}end`]]);
    expect(readResult(texts, { id: "a", offset: 0 }, 5).content).toEqual([
      { text: expect.stringContaining('"offset":20') },
    ]);
  });

  test.each([
    [
      { id: "call-9", offset: 0 },
      'There is no result "call-9" to read on in. There are: call-1.',
    ],
    [
      undefined,
      'There is no result "undefined" to read on in. There are: call-1.',
    ],
    ...[-1, 80, 1.5, "many", null].map(
      (offset) =>
        [
          { id: "call-1", offset: offset === null ? {} : offset },
          "offset must be a whole number from 0 to 79: the result has 80 characters.",
        ] as const,
    ),
  ])("tells the model what is wrong with %j", (input, said) => {
    expect(readResult(fullTexts, input, 5)).toEqual({
      content: [{ text: said }],
      status: "error",
    });
  });

  test("tells the model that there is nothing to read on in", () => {
    expect(readResult(new Map(), { id: "a" }, 5).content).toEqual([
      { text: 'There is no result "a" to read on in. There are: none.' },
    ]);
  });

  test("gives all of a result, piece by piece, whatever is in it", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }),
        fc.integer({ min: 1, max: 20 }),
        (given, maxTokens) => {
          const { fullText = given } = shownResult([{ text: given }], "a", 0);
          let read = "";
          while (read.length < given.length) {
            const { content, status } = readResult(
              new Map([["a", fullText]]),
              { id: "a", offset: read.length },
              maxTokens,
            );
            expect(status).toBe("success");
            const [, start, end] =
              /Characters (\d+) to (\d+)/.exec(
                String(textsIn(content).at(-1)),
              ) ?? [];
            expect(Number(start)).toBe(read.length);
            const part = given.slice(Number(start), Number(end));
            if (content.length > 1) expect(textsIn(content)[0]).toBe(part);
            else expect(part.trim()).toBe("");
            expect(part).not.toBe("");
            // A character of two units has two tokens.
            expect(estimateTokens(part)).toBeLessThanOrEqual(
              Math.max(maxTokens, 2),
            );
            expect(part.isWellFormed()).toBe(true);
            read += part;
          }
          expect(read).toBe(given);
        },
      ),
      { numRuns: rounds(200, 2_000) },
    );
  });
});
