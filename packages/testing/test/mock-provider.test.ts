import { runInNewContext } from "node:vm";
import { describe, expect, jest, test } from "@jest/globals";
import {
  ConfigurationError,
  type Delta,
  type LLMContext,
  Model,
} from "@lambdallm/core";
import {
  MockLambdaContext,
  MockProvider,
  type MockResponse,
} from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { answerOf, request } from "./support.ts";

describe.each(middyMajors)("MockProvider.middleware on %s", (_name, middy) => {
  test("is the model of a handler, and remembers what it was asked", async () => {
    const model = new MockProvider({ responses: ["Bonjour", "Salut"] });
    expect(model.lastPrompt).toBeUndefined();
    const handler = middy<{ text: string }>()
      .use(model.middleware())
      .handler(async ({ text }, context) =>
        (context as unknown as LLMContext).invoke("Translate: {text}", {
          text,
        }),
      );
    expect(await handler({ text: "Hello" }, new MockLambdaContext())).toBe(
      "Bonjour",
    );
    expect(await handler({ text: "Hi" }, new MockLambdaContext())).toBe(
      "Salut",
    );
    expect(model.totalCalls).toBe(2);
    expect(model.lastPrompt).toBe("Translate: Hi");
    expect(model.calls.map(({ prompt }) => prompt)).toEqual([
      "Translate: Hello",
      "Translate: Hi",
    ]);
    expect(model.calls[0]?.request.model).toBe(Model.CLAUDE_HAIKU_4_5);
  });
});

describe("MockProvider", () => {
  test("answers something when it was told nothing", async () => {
    expect(await new MockProvider().call(request())).toMatchObject({
      text: "Mock response",
    });
  });

  test("refuses an empty list", () => {
    expect(() => new MockProvider({ responses: [] })).toThrow(
      new ConfigurationError(
        "MockProvider: `responses` is empty; give at least one, or leave it out.",
      ),
    );
  });

  test("answers in order, and with the last response for ever", async () => {
    const provider = new MockProvider({ responses: ["one", "two"] });
    const texts: string[] = [];
    for (let call = 0; call < 4; call++)
      texts.push((await provider.call(request())).text);
    expect(texts).toEqual(["one", "two", "two", "two"]);
  });

  test("answers a string with usage, model and latency", async () => {
    jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask"] });
    const answer = answerOf({ text: "Hello!", delayMs: 70 });
    await jest.advanceTimersByTimeAsync(100);
    jest.useRealTimers();
    expect(await answer).toEqual({
      message: { role: "assistant", content: [{ text: "Hello!" }] },
      text: "Hello!",
      stopReason: "end_turn",
      usage: {
        inputTokens: 3,
        outputTokens: 2,
        totalTokens: 5,
        cacheReadInputTokens: 0,
        cacheWriteInputTokens: 0,
      },
      model: Model.NOVA_LITE,
      latencyMs: 70,
      deltas: [{ kind: "text", text: "Hello!" }],
    });
  });

  test("answers with the usage it was given, and adds up the total", async () => {
    const given = {
      inputTokens: 100,
      outputTokens: 0,
      cacheReadInputTokens: 5,
    };
    expect((await answerOf({ text: "a", usage: given })).usage).toEqual({
      ...given,
      totalTokens: 100,
      cacheWriteInputTokens: 0,
    });
    const total = { totalTokens: 7 };
    expect(
      (await answerOf({ text: "a", usage: total })).usage.totalTokens,
    ).toBe(7);
  });

  test("answers an empty object with nothing", async () => {
    expect(await answerOf({})).toMatchObject({
      message: { content: [] },
      text: "",
      stopReason: "end_turn",
      deltas: [],
    });
  });

  test("answers with blocks, and shows tool calls and reasoning as they stream", async () => {
    const content = [
      { reasoningContent: { reasoningText: { text: "Hm." } } },
      { reasoningContent: { redactedContent: new Uint8Array(1) } },
      { text: "Let me look." },
      { toolUse: { toolUseId: "t1", name: "search", input: { q: "x" } } },
    ];
    const answer = await answerOf({ content });
    expect(answer).toMatchObject({
      text: "Let me look.",
      stopReason: "tool_use",
      message: { content },
    });
    expect(answer.deltas).toEqual([
      { kind: "text", text: "Let " },
      { kind: "text", text: "me " },
      { kind: "text", text: "look." },
      { kind: "reasoning", text: "Hm." },
      { kind: "tool", toolUseId: "t1", name: "search", input: "" },
      { kind: "tool", toolUseId: "t1", name: "search", input: '{"q":"x"}' },
    ]);
    expect(
      await answerOf({ content, stopReason: "max_tokens" }),
    ).toHaveProperty("stopReason", "max_tokens");
  });

  test("streams the pieces it was given, and is their text", async () => {
    const answer = await answerOf({ pieces: ["On", "ce"] });
    expect(answer.text).toBe("Once");
    expect(answer.deltas).toEqual([
      { kind: "text", text: "On" },
      { kind: "text", text: "ce" },
    ]);
  });

  test("fails with an error, and streams what comes before one", async () => {
    const error = new Error("no");
    await expect(answerOf(error)).rejects.toBe(error);
    const seen: Delta[] = [];
    const failing = answerOf(
      { pieces: ["On", "ce"], error },
      {
        onDelta: (delta) => {
          seen.push(delta);
        },
      },
    );
    await expect(failing).rejects.toBe(error);
    expect(seen).toHaveLength(2);
    const provider = new MockProvider({ responses: [{ text: "Once", error }] });
    await expect(provider.call(request())).rejects.toBe(error);
  });

  test("asks a function, which sees the request and may answer with anything", async () => {
    const responses: MockResponse[] = [
      ({ model }) => model,
      async ({ messages }) => ({ text: `${messages.length} messages` }),
      () => ({}),
      () => async () => new Error("from a function"),
    ];
    const provider = new MockProvider({ responses });
    expect(await provider.call(request())).toHaveProperty(
      "text",
      Model.NOVA_LITE,
    );
    expect(await provider.call(request())).toHaveProperty("text", "1 messages");
    expect(await provider.call(request())).toHaveProperty("text", "");
    await expect(provider.call(request())).rejects.toThrow("from a function");
  });

  test("remembers the text of the last message, whatever is in it", async () => {
    const provider = new MockProvider();
    const user = (...content: { text: string }[]) => ({
      role: "user" as const,
      content,
    });
    await provider.call(
      request({
        messages: [user({ text: "a" }), user({ text: "b" }, { text: "c" })],
      }),
    );
    expect(provider.lastPrompt).toBe("bc");
    await provider.call(request({ messages: [] }));
    expect(provider.lastPrompt).toBe("");
  });

  test("counts tokens by estimating them", async () => {
    expect(await new MockProvider().countTokens(request())).toBe(3);
  });
});

describe("MockProvider refuses, instead of an empty answer,", () => {
  // The types forbid most of it.
  const make = (response: unknown) => () =>
    new MockProvider({ responses: ["fine", response as MockResponse] });

  test("an answer with a field that does not exist", () => {
    expect(make({ txt: "x" })).toThrow(ConfigurationError);
    expect(make({ txt: "x" })).toThrow(
      'MockProvider responses[1]: there is no option "txt". Options: text, value,',
    );
    expect(make({ usage: { inputToken: 5 } })).toThrow(
      'MockProvider responses[1].usage: there is no option "inputToken"',
    );
  });

  test.each([
    ["text", 1],
    ["content", "x"],
    ["stopReason", ""],
    ["usage", 5],
    ["pieces", [1]],
    ["delayMs", Number.NaN],
    ["delayMs", -1],
    ["pieceDelayMs", "5"],
    ["error", "failed"],
  ])("a wrong value of %s: %p", (name, value) => {
    expect(make({ [name]: value })).toThrow(
      `MockProvider responses[1]: the option "${name}" must be`,
    );
  });

  test.each([undefined, null, 5, ["x"]])("%p as an answer", (response) => {
    expect(make(response)).toThrow(
      "MockProvider responses[1] must be a string, an answer, an Error or a function.",
    );
  });

  test("what a function returns, at its call", async () => {
    const provider = new MockProvider({
      responses: [
        // See above.
        (() => ({ txt: "x" })) as () => MockResponse,
        async () => undefined as unknown as MockResponse,
      ],
    });
    for (const problem of [
      'there is no option "txt"',
      "must be a string, an answer",
    ])
      await expect(provider.call(request())).rejects.toThrow(problem);
  });
});

test("MockProvider fails with an error of another realm, too", async () => {
  const foreign = runInNewContext("new RangeError('elsewhere')");
  const provider = new MockProvider({
    responses: [foreign, { text: "Once", error: foreign }],
  });
  for (let call = 0; call < 2; call++)
    await expect(provider.call(request())).rejects.toBe(foreign);
});
