import { describe, expect, test } from "@jest/globals";
import {
  type Delta,
  type InvocationMetrics,
  invocationOf,
  type ModelRequest,
} from "@lambdallm/core";
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

describe("Whatever an observer throws, it reaches the caller as it is, and what was used is counted", () => {
  const hostile = new Proxy(
    {},
    {
      get: () => {
        throw new Error("do not look");
      },
    },
  );
  const thrown = [
    ["an Error", new Error("mine")],
    ["a text", "text"],
    ["null", null],
    ["undefined", undefined],
    ["zero", 0],
    ["a frozen object", Object.freeze({})],
    ["what throws when it is looked at", hostile],
  ] as const;

  async function failing(
    error: unknown,
    request: Partial<ModelRequest>,
    swallows = false,
  ): Promise<{
    readonly caught: unknown;
    readonly metrics: InvocationMetrics;
    readonly heard: unknown;
  }> {
    let heard: unknown = "nothing";
    const stop = () => {
      throw error;
    };
    const result = await run(
      middy,
      [showing([text("a"), text("b")], swallows)],
      async (context) => {
        invocationOf(context).events.on("attempt-error", (event) => {
          heard = event.error;
        });
        const invocation = invocationOf(context);
        const caught = await invocation
          .callModel({
            model: "m",
            messages,
            ...("onActivity" in request
              ? { onDelta: () => {}, onActivity: stop }
              : { onDelta: stop }),
          })
          .then(
            () => "nothing",
            (failure: unknown) => ({ failure }),
          );
        return { caught, metrics: context.metrics };
      },
    );
    return { ...result, heard };
  }

  test.each(thrown)("%s", async (_what, error) => {
    const { caught, metrics, heard } = await failing(error, {});
    expect(Object.is(Object(caught).failure, error)).toBe(true);
    expect(Object.is(heard, error)).toBe(true);
    // Nobody knows what the attempt had used until then: it is an estimate from here on.
    expect(metrics.usage.estimated).toBe(true);
  });

  test.each(thrown)(
    "%s, also when the provider goes on",
    async (_what, error) => {
      const { caught, metrics } = await failing(error, {}, true);
      expect(Object.is(Object(caught).failure, error)).toBe(true);
      expect(metrics.usage).toMatchObject({ inputTokens: 7, outputTokens: 3 });
    },
  );

  test("an observer of signs of life is one, too", async () => {
    const { caught } = await failing("stop", { onActivity: () => {} });
    expect(caught).toEqual({ failure: "stop" });
  });
});
