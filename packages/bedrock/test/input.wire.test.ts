import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import type { LocalBedrock } from "@lambdallm/local";
import fc from "fast-check";
import { bodyOf, invocation, start } from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await start({ respond: () => "fine" });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

const sentText = () => {
  const [message] = bodyOf(local)["messages"] as {
    content: { text: string }[];
  }[];
  return message?.content[0]?.text;
};

describe("Input from outside", () => {
  test.each([
    "{x}",
    "$&",
    "$1 $$",
    "{{",
    "}}",
    "{",
    '{"a": {"b": 1}}',
    "\\n\\",
    "\u0000",
    "🙂",
    "{text}",
  ])("the value %j reaches the model as it is", async (text) => {
    await invocation(local, (context) =>
      context.invoke("Say: {text}", { text }),
    );
    expect(sentText()).toBe(`Say: ${text}`);
  });

  test("any value reaches the model as it is; lone surrogates as replacement characters", async () => {
    const anything = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .array(
          fc.constantFrom(
            "{",
            "}",
            "{{",
            "}}",
            "$&",
            "{text}",
            "\ud800",
            "\udc00",
            "a",
            "\n",
          ),
          { maxLength: 30 },
        )
        .map((parts) => parts.join("")),
      // Any UTF-16 code units, paired or not.
      fc
        .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
        .map((units) => String.fromCharCode(...units)),
    );
    await invocation(local, (context) =>
      fc.assert(
        fc.asyncProperty(anything, async (text) => {
          await context.invoke("Say: {text}.", { text });
          expect(sentText()).toBe(`Say: ${text}.`.toWellFormed());
        }),
        { numRuns: 100 },
      ),
    );
  });

  test("a megabyte of text is one request", async () => {
    const text = "{x} $& ".repeat(150_000);
    await invocation(local, (context) =>
      context.invoke("{text}", { text }, { model: "my.model" }),
    );
    expect(sentText()).toBe(text);
  });

  test.each([
    ["an empty prompt", "", undefined, "the prompt is empty"],
    ["a blank prompt", " \n\t", undefined, "the prompt is empty"],
    [
      "a prompt that its variables leave blank",
      "{text}",
      { text: " " },
      "the prompt is empty",
    ],
    ["a missing variable", "Say {text}", {}, 'The variable "text" is missing'],
    [
      "no variables at all",
      "Say {text}",
      undefined,
      'The variable "text" is missing',
    ],
    [
      "options in the place of variables",
      "Say hello",
      { maxTokens: 5 },
      'the prompt has no variables, but was given "maxTokens". Options are the third argument',
    ],
  ])(
    "%s is refused before anything is sent",
    async (_, prompt, variables, message) => {
      await invocation(local, async (context) => {
        // Typed as plain strings, the prompts get past the compiler as JavaScript would.
        await expect(
          context.invoke(prompt as string, variables),
        ).rejects.toThrow(message);
        await expect(
          context.stream(prompt as string, variables).started,
        ).rejects.toThrow(message);
      });
      expect(local.requests).toHaveLength(0);
    },
  );

  test.each([
    [{ maxTokens: 0 }, '"maxTokens" must be a positive integer'],
    [{ maxTokens: 1.5 }, '"maxTokens" must be a positive integer'],
    [{ temperature: Number.NaN }, '"temperature" must be a finite number'],
    [{ topP: 2 }, '"topP" must be a number from 0 to 1'],
    [{ stopSequences: "END" }, '"stopSequences" must be an array of strings'],
    [{ maxTokns: 5 }, 'there is no option "maxTokns"'],
    [{ model: "" }, '"model" must be a non-empty string'],
  ])("the options %j are refused by name", async (options, message) => {
    await invocation(local, (context) =>
      expect(
        context.invoke("Hello", undefined, options as object),
      ).rejects.toThrow(message),
    );
    expect(local.requests).toHaveLength(0);
  });

  test.each([
    [[], "messages is empty"],
    [[{ role: "user", content: [] }], "messages[0].content must be an array"],
    [
      [{ role: "user", content: "Hello" }],
      "messages[0].content must be an array",
    ],
    [[null], "messages[0].content must be an array"],
    [
      [{ role: "user", content: [{ text: "a" }, { text: " " }] }],
      "messages[0].content[1].text must be a text",
    ],
    [
      [{ role: "user", content: [{ text: 5 }] }],
      "messages[0].content[0].text must be a text",
    ],
    [
      [{ role: "user", content: ["Hello"] }],
      "messages[0].content[0] must be an object",
    ],
  ])(
    "converse refuses the messages %j and names the place",
    async (messages, message) => {
      await invocation(local, (context) =>
        expect(context.converse({ messages: messages as [] })).rejects.toThrow(
          message,
        ),
      );
      expect(local.requests).toHaveLength(0);
    },
  );
});
