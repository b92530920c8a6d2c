import { describe, expect, test } from "@jest/globals";
import type { Delta } from "@lambdallm/core";
import middy from "@middy/core";
import fc from "fast-check";
import { answerOf, providerOf, run } from "./support.ts";

const messages = [{ role: "user" as const, content: [{ text: "Well?" }] }];
const HALF = /[\ud800-\udbff]$/;
const OTHER_HALF = /^[\udc00-\udfff]/;

/** A provider that shows these pieces and then answers. */
const showing = (deltas: readonly Delta[], swallows = false) =>
  providerOf(async ({ onDelta, onActivity }) => {
    for (const delta of deltas) {
      try {
        onActivity?.();
        onDelta?.(delta);
      } catch (error) {
        if (!swallows) throw error;
      }
    }
    return answerOf("Yes", {
      usage: {
        inputTokens: 7,
        outputTokens: 3,
        totalTokens: 10,
        cacheReadInputTokens: 0,
        cacheWriteInputTokens: 0,
      },
    });
  });

const text = (piece: string): Delta => ({ kind: "text", text: piece });

describe("Half a character at the end of a piece waits for its other half", () => {
  async function shown(deltas: readonly Delta[]): Promise<readonly Delta[]> {
    const seen: Delta[] = [];
    await run(middy, [showing(deltas)], async (context) => {
      await context.converse({
        messages,
        onDelta: (delta) => seen.push(delta),
      });
    });
    return seen;
  }

  test("wherever a text is cut", async () => {
    const piece = fc
      .array(fc.constantFrom("a", "\ud83d", "\ude00", "😀", ""), {
        maxLength: 4,
      })
      .map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(fc.array(piece), async (pieces) => {
        const seen = (await shown(pieces.map(text))).map((delta) =>
          delta.kind === "text" ? delta.text : "",
        );
        expect(seen.join("")).toBe(pieces.join(""));
        // No pair is torn: where a piece ends in a half, the other one never came.
        for (const [index, part] of seen.slice(1).entries())
          expect(HALF.test(seen[index] ?? "") && OTHER_HALF.test(part)).toBe(
            false,
          );
      }),
    );
  });

  test("for each kind of piece and each call of a tool alone", async () => {
    const call = (toolUseId: string, input: string): Delta => ({
      kind: "tool",
      toolUseId,
      name: "look",
      input,
    });
    const seen = await shown([
      text("a\ud83d"),
      { kind: "reasoning", text: "b\ud83d" },
      call("1", "c\ud83d"),
      call("2", "d"),
      text("\ude00"),
      call("1", "\ude00"),
      { kind: "reasoning", text: "\ude00" },
    ]);
    expect(seen).toEqual([
      text("a"),
      { kind: "reasoning", text: "b" },
      call("1", "c"),
      call("2", "d"),
      text("😀"),
      call("1", "😀"),
      { kind: "reasoning", text: "😀" },
    ]);
  });

  test("in context.stream", async () => {
    const pieces: string[] = [];
    await run(
      middy,
      [showing([text("a\ud83d"), text("\ude00b")])],
      async (context) => {
        for await (const piece of context.stream("Well?")) pieces.push(piece);
      },
    );
    expect(pieces).toEqual(["a", "😀b"]);
  });
});

test("A provider that goes on in spite of what an observer has thrown shows it no more, and its usage counts", async () => {
  const error = { mine: true };
  let shown = 0;
  const { caught, usage } = await run(
    middy,
    [showing([text("a"), text("b")], true)],
    async (context) => {
      const caught = await context
        .converse({
          messages,
          onDelta: () => {
            shown += 1;
            throw error;
          },
        })
        .catch((failure: unknown) => failure);
      return { caught, usage: context.usage };
    },
  );
  expect(caught).toBe(error);
  expect(shown).toBe(1);
  expect(usage).toMatchObject({ inputTokens: 7, outputTokens: 3 });
});
