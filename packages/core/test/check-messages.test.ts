import { describe, expect, test } from "@jest/globals";
import {
  ConfigurationError,
  type ConverseRequest,
  type Message,
} from "@lambdallm/core";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { answerOf, providerOf, rejection, run } from "./support.ts";

const user = (...content: object[]) => ({ role: "user", content });
const assistant = (...content: object[]) => ({ role: "assistant", content });
const system = (...content: object[]) => ({ role: "system", content });
const text = (words: string) => ({ text: words });
const call = (toolUseId: string, more: object = {}) => ({
  toolUse: { toolUseId, name: "look", input: {}, ...more },
});
const result = (toolUseId: string, more: object = {}) => ({
  toolResult: { toolUseId, content: [{ text: "ok" }], ...more },
});
const source = { bytes: new Uint8Array(3) };
const point = { cachePoint: { type: "default" } };
const thought = {
  reasoningContent: { reasoningText: { text: "", signature: "c2ln" } },
};

function nested(levels: number): unknown {
  let value: unknown = {};
  for (let level = 1; level < levels; level++) value = { in: value };
  return value;
}

function circle(): object {
  const value: Record<string, unknown> = {};
  value["list"] = [value];
  return value;
}

describe.each(middyMajors)("a conversation on %s", (_name, middy) => {
  const converse = async (
    messages: readonly object[],
    more: Partial<ConverseRequest> = {},
  ) => {
    const model = new MockProvider();
    await run(middy, [model.middleware()], async (context) =>
      // Messages as a JavaScript caller, or whoever reads them from a store, may give them.
      context.converse({ ...more, messages: messages as readonly Message[] }),
    );
    return model.calls[0]?.request.messages;
  };

  const refusal = async (
    messages: readonly object[],
    more?: Partial<ConverseRequest>,
  ) => {
    const error = await rejection(converse(messages, more));
    expect(error).toBeInstanceOf(ConfigurationError);
    return error instanceof Error ? error.message : "";
  };

  describe("a block is refused, with its place,", () => {
    test.each<[what: string, block: unknown, message: string]>([
      ["that has no key", {}, " must have exactly one key."],
      [
        "whose only key is undefined",
        { text: undefined },
        " must have exactly one key.",
      ],
      [
        "that has two keys",
        { text: "a", ...point },
        " must have exactly one key.",
      ],
      ["that is a list", [point], " must be an object."],
      [
        "of a kind that nobody knows without an object",
        { secret: "words" },
        " must have an object under its key.",
      ],
      ["that is no object", { image: null }, ".image must be an object."],
      ["that is a list in it", { video: [] }, ".video must be an object."],
      ["an image without a format", { image: { source } }, ".image.format"],
      ["a video without a format", { video: { source } }, ".video.format"],
      ["audio without a format", { audio: { source } }, ".audio.format"],
      [
        "an image without a source",
        { image: { format: "png" } },
        ".image.source must be an object.",
      ],
      [
        "a video with an empty source",
        { video: { format: "mp4", source: {} } },
        ".video.source must have exactly one key.",
      ],
      [
        "audio with two sources",
        { audio: { format: "mp3", source: { ...source, s3Location: {} } } },
        ".audio.source must have exactly one key.",
      ],
      [
        "a document without a name",
        { document: { source } },
        ".document.name must be a text.",
      ],
      [
        "a document without a source",
        { document: { name: "notes" } },
        ".document.source must be an object.",
      ],
      [
        "a result without an id",
        { toolResult: { content: [] } },
        ".toolResult.toolUseId must be a text.",
      ],
      [
        "a result without content",
        { toolResult: { toolUseId: "a" } },
        ".toolResult.content must be an array.",
      ],
      [
        "reasoning without anything",
        { reasoningContent: {} },
        ".reasoningContent must have exactly one key.",
      ],
      [
        "reasoning of a kind that nobody knows",
        { reasoningContent: { text: "Hm" } },
        ".reasoningContent must have one of reasoningText, redactedContent, $unknown.",
      ],
      [
        "reasoning whose text stands in the wrong place",
        { reasoningContent: { reasoningText: "Hm" } },
        ".reasoningContent must have an object under its key.",
      ],
      [
        "a guarded text in the wrong place",
        { guardContent: { text: "words" } },
        ".guardContent must have an object under its key.",
      ],
      [
        "a guarded image without a source",
        { guardContent: { image: { format: "png" } } },
        ".guardContent.image.source must be an object.",
      ],
    ])("%s", async (_what, block, message) => {
      expect(await refusal([user(text("Hi"), Object(block))])).toContain(
        `converse: messages[0].content[1]${message}`,
      );
    });

    test.each<[what: string, use: object, message: string]>([
      ["a call without an id", { name: "look" }, "toolUseId must be a text."],
      ["a call without a name", { toolUseId: "a" }, "name must be a text."],
    ])("%s", async (_what, toolUse, message) => {
      expect(await refusal([user(text("Hi")), assistant({ toolUse })])).toBe(
        `converse: messages[1].content[0].toolUse.${message}`,
      );
    });

    test.each<[what: string, part: unknown, message: string]>([
      ["that is a text", "words", " must be an object."],
      ["without a key", { json: undefined }, " must have exactly one key."],
      ["with two keys", { json: 1, text: "a" }, " must have exactly one key."],
      ["with a text that is none", { text: 7 }, ".text must be a text."],
      ["with no object", { image: "png" }, ".image must be an object."],
      [
        "of a kind that nobody knows without an object",
        { hologram: 3 },
        " must have an object under its key.",
      ],
      [
        "with an image without a source",
        { image: { format: "png" } },
        ".image.source must be an object.",
      ],
      [
        "with a document without a name",
        { document: { source } },
        ".document.name must be a text.",
      ],
      [
        "with another result",
        result("b"),
        ".toolResult cannot be in the result of a tool.",
      ],
    ])("a part of a result %s", async (_what, part, message) => {
      expect(
        await refusal([
          user(text("Hi")),
          assistant(call("a")),
          user(result("a", { content: [{ text: "ok" }, part] })),
        ]),
      ).toBe(
        `converse: messages[2].content[0].toolResult.content[1]${message}`,
      );
    });

    test("whatever stands in it is not quoted", async () => {
      const secret = "4929 1234";
      for (const block of [
        { [secret]: secret },
        { text: secret, [secret]: secret },
        { toolResult: { toolUseId: secret, content: secret } },
        result(secret),
        { image: { format: secret, source: secret } },
        { reasoningContent: { [secret]: secret } },
      ])
        expect(await refusal([user(block)])).not.toContain(secret);
    });
  });

  describe("that is nested", () => {
    const inCall = (input: unknown) => [
      user(text("Hi")),
      assistant(call("a", { input })),
      user(result("a")),
    ];
    const inResult = (json: unknown) => [
      user(text("Hi")),
      assistant(call("a")),
      user(result("a", { content: [{ json }] })),
    ];

    test("1,000 levels deep goes to the model", async () => {
      const messages = [...inCall(nested(1_000)), ...inResult(nested(1_000))];
      expect(await converse(messages)).toBe(messages);
    });

    test.each<[what: string, value: unknown]>([
      ["deeper than that", nested(1_010)],
      ["deeper than the stack", nested(100_000)],
      ["in itself", circle()],
    ])("%s is refused, with its place", async (_what, value) => {
      const why =
        " is nested too deeply, or contains itself: JSON can have 1000 levels at most.";
      expect(await refusal(inCall(value))).toBe(
        `converse: messages[1].content[0]${why}`,
      );
      expect(await refusal(inResult(value))).toBe(
        `converse: messages[2].content[0]${why}`,
      );
      expect(
        await refusal([user(text("Hi"), { $unknown: ["x", value] })]),
      ).toBe(`converse: messages[0].content[1]${why}`);
    });

    test("results in results and guards in guards, deeper than the stack, are refused", async () => {
      let inner: object = text("a");
      let guarded: object = text("a");
      for (let level = 0; level < 100_000; level++) {
        inner = result("a", { content: [inner] });
        guarded = { guardContent: guarded };
      }
      expect(await refusal([user(inner)])).toContain("messages[0].content[0]");
      expect(await refusal([user(guarded)])).toContain(
        "messages[0].content[0]",
      );
    });

    test("with the same part at many places is looked through in no time", async () => {
      let input: unknown = {};
      // Written down, it would fill any memory.
      for (let level = 1; level < 60; level++) input = { a: input, b: input };
      let asked: unknown;
      // The mock would count its tokens, one by one.
      const provider = providerOf(async ({ messages }) => {
        asked = messages;
        return answerOf("Well");
      });
      // Checked by the function that is tested.
      const messages = inCall(input) as unknown as Message[];
      await run(middy, [provider], async (context) =>
        context.converse({ messages }),
      );
      expect(asked).toBe(messages);
    });
  });

  describe("is refused", () => {
    test.each<[what: string, messages: object[], message: string]>([
      [
        "that begins with the assistant",
        [assistant(text("Hello")), user(text("Hi"))],
        "messages[0] is of the assistant: a conversation must begin with a message of the user.",
      ],
      [
        "that begins with the assistant once what cannot be sent is left out",
        [user(point), assistant(text("Hello")), user(text("Hi"))],
        "messages[1] is of the assistant: a conversation must begin with a message of the user.",
      ],
      [
        "with a role that there is not",
        [user(text("Hi")), { role: "tool", content: [text("ok")] }],
        "messages[1].role must be one of user, assistant, system.",
      ],
      [
        "that holds nothing to send",
        [user(point), assistant()],
        "messages[0].content and all others hold nothing to send.",
      ],
      [
        "that ends with a call",
        [user(text("Hi")), assistant(text("Well"), call("a"))],
        "messages[1].content[1].toolUse needs its toolResult in the user's message behind it.",
      ],
      [
        "with a call that has no result",
        [user(text("Hi")), assistant(call("a")), user(text("Well?"))],
        "messages[1].content[0].toolUse needs its toolResult in the user's message behind it.",
      ],
      [
        "with a call whose result comes too late",
        [
          user(text("Hi")),
          assistant(call("a"), call("b")),
          user(result("a")),
          assistant(text("One moment")),
          user(result("b")),
        ],
        "messages[1].content[1].toolUse needs its toolResult in the user's message behind it.",
      ],
      [
        "with a result of no call",
        [user(text("Hi"), result("a"))],
        "messages[0].content[1].toolResult answers no toolUse of the assistant's message before it.",
      ],
      [
        "with a result of another call",
        [user(text("Hi")), assistant(call("a")), user(result("b"))],
        "messages[2].content[0].toolResult answers no toolUse of the assistant's message before it.",
      ],
      [
        "with a result of a call of an older answer",
        [
          user(text("Hi")),
          assistant(call("a")),
          user(result("a")),
          assistant(call("b")),
          user(result("a"), result("b")),
        ],
        "messages[4].content[0].toolResult answers no toolUse of the assistant's message before it.",
      ],
      [
        "with two results of one call",
        [
          user(text("Hi")),
          assistant(call("a")),
          user(result("a")),
          user(result("a")),
        ],
        "messages[3].content[0].toolResult answers a toolUse that has a result already.",
      ],
      [
        "with a result that the assistant gives",
        [user(text("Hi")), assistant(call("a"), result("a"))],
        "messages[1].content[1].toolResult can be in a message of the user only.",
      ],
      [
        "with two calls of one answer that have the same id",
        [
          user(text("Hi")),
          assistant(call("a"), text("and"), call("a")),
          user(result("a")),
        ],
        "messages[1].content[2].toolUse.toolUseId is that of another call of the same answer.",
      ],
      [
        "with the same in two messages that are joined",
        [
          user(text("Hi")),
          assistant(call("a")),
          user(point),
          assistant(call("a")),
          user(result("a")),
        ],
        "messages[3].content[0].toolUse.toolUseId is that of another call of the same answer.",
      ],
    ])("%s", async (_what, messages, message) => {
      expect(await refusal(messages)).toBe(`converse: ${message}`);
    });

    test("also when its tokens are counted, in the name of what was called", async () => {
      const error = await rejection(
        run(middy, [new MockProvider().middleware()], async (context) =>
          context.countTokens({
            messages: [{ role: "assistant", content: [{ text: "Hello" }] }],
          }),
        ),
      );
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toHaveProperty(
        "message",
        expect.stringMatching(/^countTokens: messages\[0\] is of the assist/),
      );
    });
  });

  describe("goes to the provider as it is", () => {
    test.each<[what: string, messages: object[]]>([
      [
        "with everything that can be said in another way",
        [
          user(text("Hi"), { document: { name: "ä.b", source } }),
          user(text("Again")),
          assistant(
            text(" "),
            { reasoningContent: { reasoningText: { text: null } } },
            call("", { input: "{ cut" }),
            call("a b!", { input: undefined }),
            call("c", { name: "" }),
          ),
          user(result("", { content: [{ text: " " }] })),
          user(
            result("a b!", { content: [{ json: [1] }, { json: null }] }),
            result("c", { content: [] }),
          ),
          assistant(),
        ],
      ],
      [
        "with fields that are undefined beside the one that is there",
        [user({ text: "Hi", image: undefined })],
      ],
      [
        "with every kind of file, in results too",
        [
          user(
            text("Hi"),
            { image: { format: "jpg", source } },
            { video: { format: "mp4", source: { s3Location: { uri: "s3" } } } },
            { audio: { format: "mp3", source } },
            { document: { name: "", source: { text: "a" } } },
            { guardContent: { image: { format: "png", source } } },
            { guardContent: { text: { text: "a" } } },
          ),
          assistant(call("a")),
          user(
            result("a", {
              content: [
                { image: { format: "png", source } },
                { document: { name: "a", source } },
                { searchResult: { source: "s", title: "t", content: [] } },
                { $unknown: ["hologram", 3] },
              ],
            }),
          ),
        ],
      ],
      [
        "with kinds that nobody knows",
        [
          user({ hologram: { depth: 3 } }, { $unknown: ["hologram", 3] }),
          assistant(
            { reasoningContent: { redactedContent: new Uint8Array(2) } },
            { reasoningContent: { $unknown: ["x", 1] } },
          ),
        ],
      ],
      [
        "with the results of one answer in several messages",
        [
          user(text("Hi")),
          assistant(call("a"), call("b")),
          user(point),
          user(result("b")),
          assistant(text("")),
          user(text("and"), result("a")),
        ],
      ],
      [
        "with an answer in several messages",
        [
          user(text("Hi")),
          assistant(call("a")),
          assistant(call("b")),
          user(result("a"), result("b")),
        ],
      ],
      [
        "with thoughts between, which some models do not get",
        [
          user(text("Hi")),
          assistant(call("a"), call("b")),
          user(result("a")),
          assistant(thought),
          user(result("b")),
        ],
      ],
      [
        "with the same id in two answers",
        [
          user(text("Hi")),
          assistant(call("a")),
          user(result("a")),
          assistant(call("a")),
          user(result("a")),
        ],
      ],
      [
        "with calls that the service makes and answers itself",
        [
          user(text("Hi")),
          assistant(
            call("a", { type: "server_tool_use" }),
            result("a", { type: "web_search_tool_result" }),
            text("Found"),
          ),
        ],
      ],
      [
        "with messages of the system, also at its beginning and before results",
        [
          system(text("Be brief")),
          assistant(call("a")),
          system(text("Be exact")),
          user(result("a")),
        ],
      ],
      [
        "with an answer to continue, behind an empty one",
        [assistant(), user(text("Hi")), assistant(text("{"))],
      ],
    ])("%s", async (_what, messages) => {
      expect(await converse(messages)).toBe(messages);
    });

    test.each<[what: string, more: Partial<ConverseRequest>]>([
      ["a managed prompt", { model: "arn:aws:bedrock:us-east-1:1:prompt/A:1" }],
      [
        "a prompt with variables",
        { bedrock: { promptVariables: { name: { text: "Ada" } } } },
      ],
    ])("behind %s, whose messages come first", async (_what, more) => {
      const messages = [assistant(text("Hello")), user(text("Hi"))];
      expect(await converse(messages, more)).toBe(messages);
      expect(await refusal([user(result("a"))], more)).toContain(
        "messages[0].content[0].toolResult answers no toolUse",
      );
    });
  });
});
