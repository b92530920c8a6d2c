import { describe, expect, test } from "@jest/globals";
import {
  ConfigurationError,
  GuardrailError,
  InvocationTimeoutError,
  type ModelResponse,
  type TextStream,
} from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockProvider, type MockResponse } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  before,
  readText,
  rejection,
  run,
  settled,
  writingProvider,
} from "./support.ts";

describe.each(middyMajors)("a text stream on %s", (_name, middy) => {
  const streaming = (
    response: MockResponse,
    handler: (stream: TextStream) => Promise<void>,
  ) =>
    run(
      middy,
      [new MockProvider({ responses: [response] }).middleware()],
      async ({ stream }) => handler(stream("Tell {what}", { what: "a tale" })),
    );

  test("brings the pieces in order, and then the whole response", async () => {
    const pieces = ["Once", "", " upon", " a time"];
    await streaming({ pieces }, async (stream) => {
      expect(await readText(stream)).toEqual(pieces);
      expect(await stream.response).toMatchObject({
        text: "Once upon a time",
        stopReason: "end_turn",
        attempts: 1,
      } satisfies Partial<ModelResponse>);
    });
  });

  test("brings text only, whatever else the model writes", async () => {
    const content = [
      { reasoningContent: { reasoningText: { text: "Hm." } } },
      { text: "Yes" },
      { toolUse: { toolUseId: "t", name: "now", input: {} } },
    ];
    await streaming({ content }, async (stream) => {
      expect(await readText(stream)).toEqual(["Yes"]);
    });
  });

  test("brings text only, also when an interceptor asks for more", async () => {
    const content = [
      { reasoningContent: { reasoningText: { text: "Hm." } } },
      { text: "Yes" },
    ];
    const model = new MockProvider({ responses: [{ content }] });
    const curious = before(async ({ context }) => {
      invocationOf(context).intercept(
        "call",
        "curious",
        async (request, next) =>
          next({ ...request, deltas: ["text", "reasoning"] }),
      );
    });
    await run(middy, [model.middleware(), curious], async ({ stream }) => {
      expect(await readText(stream("Hi"))).toEqual(["Yes"]);
    });
  });

  test("calls the model at once, and once", async () => {
    const model = new MockProvider();
    await run(middy, [model.middleware()], async ({ stream }) => {
      const answer = stream("Hi", undefined, { maxTokens: 9 });
      await settled();
      expect(model.totalCalls).toBe(1);
      expect(model.calls[0]?.request).toMatchObject({
        maxTokens: 9,
        deltas: ["text"],
      });
      await readText(answer);
    });
    expect(model.totalCalls).toBe(1);
  });

  test("waits for a slow model", async () => {
    const { middleware, write, end } = writingProvider();
    await run(middy, [middleware], async ({ stream }) => {
      const reading = readText(stream("Hi"));
      for (const text of ["a", "b"]) {
        await settled();
        await write(text);
      }
      await settled();
      end.resolve(answerOf("ab"));
      expect(await reading).toEqual(["a", "b"]);
    });
  });

  test("keeps everything for a slow reader", async () => {
    const pieces = Array.from({ length: 1_000 }, (_, index) => `${index} `);
    await streaming({ pieces }, async (stream) => {
      await stream.response;
      let text = "";
      for await (const piece of stream) {
        text += piece;
        if (piece.endsWith("00 ")) await settled();
      }
      expect(text).toBe(pieces.join(""));
    });
  });

  test("serves two readers of one iterator", async () => {
    const { middleware, write, end } = writingProvider();
    await run(middy, [middleware], async ({ stream }) => {
      const iterator = stream("Hi")[Symbol.asyncIterator]();
      expect(iterator[Symbol.asyncIterator]()).toBe(iterator);
      const both = [iterator.next(), iterator.next()];
      await write("a");
      await settled();
      await write("b");
      end.resolve(answerOf("ab"));
      expect(await Promise.all(both)).toEqual([
        { done: false, value: "a" },
        { done: false, value: "b" },
      ]);
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
    });
  });

  describe("has started", () => {
    test("when the first text is there", async () => {
      const { middleware, write, end } = writingProvider();
      await run(middy, [middleware], async ({ stream }) => {
        const answer = stream("Hi");
        let started = false;
        const watching = answer.started.then(() => {
          started = true;
        });
        await settled();
        expect(started).toBe(false);
        await write("a");
        await watching;
        end.resolve(answerOf("a"));
        await answer.response;
      });
    });

    test("when the answer ends without any text", async () => {
      await streaming({ content: [] }, async (stream) => {
        expect(await stream.started).toBeUndefined();
        expect(await readText(stream)).toEqual([]);
      });
    });

    test("not when the call fails before: then it rejects, and so does everything else", async () => {
      const failure = new Error("no");
      await streaming(failure, async (stream) => {
        expect(await rejection(stream.started)).toBe(failure);
        expect(await rejection(stream.response)).toBe(failure);
        expect(await readText(stream)).toEqual([failure]);
      });
    });

    test("even when the call fails afterwards", async () => {
      const error = new Error("broke off");
      await streaming({ pieces: ["On", "ce"], error }, async (stream) => {
        await stream.started;
        expect(await readText(stream)).toEqual(["On", "ce", error]);
        expect(await rejection(stream.response)).toBe(error);
      });
    });
  });

  test("ends with an InvocationTimeoutError after the text that was in time", async () => {
    await streaming({ text: "Once", stopReason: "timeout" }, async (stream) => {
      const [text, error] = await readText(stream);
      expect(text).toBe("Once");
      expect(error).toBeInstanceOf(InvocationTimeoutError);
      expect(error).toHaveProperty("partial.text", "Once");
    });
  });

  test("ends with a GuardrailError when a guardrail intervened", async () => {
    const stopReason = "guardrail_intervened";
    await streaming({ text: "No.", stopReason }, async (stream) => {
      expect(await readText(stream)).toEqual([
        "No.",
        expect.any(GuardrailError),
      ]);
    });
  });

  test("can be iterated once", async () => {
    await streaming("Once", async (stream) => {
      expect(await readText(stream)).toEqual(["Once"]);
      const [error] = await readText(stream);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toHaveProperty(
        "message",
        "The stream has been read already: its pieces arrive once. Take the whole answer from `await stream.response`.",
      );
    });
  });
});
