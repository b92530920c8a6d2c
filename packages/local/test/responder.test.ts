import { describe, expect, test } from "@jest/globals";
import type { ContentBlock, Message, Tool } from "@lambdallm/core";
import fc from "fast-check";
import { type BedrockRequest, defaultResponder } from "../src/index.ts";
import { NOTHING_FOUND } from "../src/responder/conversation.ts";
import { sentencesOf } from "../src/responder/text.ts";

const user = (...content: (string | ContentBlock)[]): Message => ({
  role: "user",
  content: content.map((part) =>
    typeof part === "string" ? { text: part } : part,
  ),
});
const assistant = (...content: (string | ContentBlock)[]): Message => ({
  ...user(...content),
  role: "assistant",
});

function answer(
  messages: readonly Message[] | string,
  more: Partial<BedrockRequest> = {},
) {
  return defaultResponder({
    operation: "Converse",
    modelId: "acme.model",
    messages: typeof messages === "string" ? [user(messages)] : messages,
    system: [],
    inferenceConfig: {},
    streaming: false,
    body: {},
    signal: new AbortController().signal,
    ...more,
  });
}

const TEXT = `The James Webb Space Telescope was launched on 25 December 2021 from French Guiana. It observes the universe in infrared light. The telescope's mirror is 6.5 metres wide and made of 18 segments. Engineers worked on the telescope for more than 20 years, and it cost $10 billion. Because infrared light passes through dust, the telescope can see stars being born. Dr. Jane Smith of NASA called it a dream. Many people watched the launch on TV.`;

describe("asked to summarise, it", () => {
  test("picks sentences of the text, in their order, that fit into the words", () => {
    const summary = String(answer(`Summarize in 30 words:\n\n${TEXT}`));
    expect(summary.split(/\s+/).length).toBeLessThanOrEqual(30);
    const sentences = sentencesOf(TEXT);
    const picked = sentencesOf(summary).map((sentence) =>
      sentences.indexOf(sentence),
    );
    expect(picked.length).toBeGreaterThan(1);
    expect(picked).toEqual([...picked].sort((left, right) => left - right));
    expect(picked).not.toContain(-1);
  });

  test.each([
    ["Summarise the following in two sentences: ", 2],
    ["Give me a summary of this in 1 sentence.\n", 1],
    ["Summary please, 4 lines:\n", 4],
    ["TL;DR\n", 3],
    ["Please condense this.\n", 3],
    ["Tell me in a sentence what this says:\n", 1],
  ])("%j gives %d sentences", (prompt, count) => {
    expect(sentencesOf(String(answer(prompt + TEXT)))).toHaveLength(count);
  });

  test.each([
    ["Summarize with 2 bullet points:\n", 2],
    ["Summarize this as bullets:\n", 3],
  ])("%j gives %d bullets", (prompt, count) => {
    const lines = String(answer(prompt + TEXT)).split("\n");
    expect(lines).toHaveLength(count);
    for (const line of lines) expect(line).toMatch(/^- /);
  });

  test("cuts a sentence when not even one fits", () => {
    expect(answer(`Summarize in 4 words: ${TEXT}`)).toBe(
      "The James Webb Space…",
    );
    expect(answer("Summarize in 0 words: Nothing.")).toMatch(/…$/);
  });

  test("takes the length from the system prompt, and the text from the message", () => {
    const summary = answer(TEXT, {
      system: [{ text: "You summarize texts in one sentence." }],
    });
    expect(sentencesOf(TEXT)).toContain(summary);
  });

  test("summarises what was said before when the request has no text of its own", () => {
    const summary = answer([
      user(TEXT),
      assistant("Interesting!"),
      user("Summarize that in one sentence"),
    ]);
    expect(sentencesOf(TEXT)).toContain(summary);
    expect(answer("Summarize.")).toBe("Summarize.");
  });

  test("reads documents", () => {
    const document = { name: "d", source: { text: TEXT } };
    expect(sentencesOf(TEXT)).toContain(
      answer([user("Summarize this in one sentence", { document })]),
    );
  });

  test("leaves the text alone when it speaks of summaries itself", () => {
    const text =
      "A summary is short. Nobody reads long summaries of summaries any more these days.";
    expect(answer(`Summarize in one sentence:\n${text}`)).toMatch(
      /^(A summary|Nobody)/,
    );
  });
});

describe("in a conversation, it", () => {
  test("remembers a name that was said earlier", () => {
    const history = [
      user("Hi, my name is Ada and I live in London."),
      assistant("Nice!"),
    ];
    expect(answer([...history, user("What is my name?")])).toBe(
      "Your name is Ada.",
    );
    expect(answer([...history, user("Hello again")])).toBe(
      "Hello, Ada! How can I help you?",
    );
    expect(answer([...history, user("Where do I live?")])).toMatch(
      /^Hi, your name is Ada and you live in London\.$/,
    );
  });

  test("greets, and is pleased to meet somebody", () => {
    expect(answer("Hello")).toBe("Hello! How can I help you?");
    expect(answer("I am called Grace Hopper.")).toBe(
      "Nice to meet you, Grace Hopper.",
    );
  });

  test("remembers facts, the last one said", () => {
    const history = [
      user("My favourite colour is red."),
      assistant("ok"),
      user("No, my favourite colour is dark green."),
    ];
    expect(
      answer([
        ...history,
        assistant("ok"),
        user("What is my favourite colour?"),
      ]),
    ).toBe("Your favourite colour is dark green.");
  });

  test("says of the user what the user said of himself", () => {
    const history = [
      user("I was born in 1815. I've a sister, and my cat sleeps."),
      assistant("ok"),
    ];
    expect(answer([...history, user("When was I born?")])).toBe(
      "You were born in 1815.",
    );
    expect(answer([...history, user("Who has a sister?")])).toBe(
      "You have a sister, and your cat sleeps.",
    );
  });

  test("answers from the system prompt, documents and the message itself", () => {
    expect(
      answer("How wide is the mirror?", { system: [{ text: TEXT }] }),
    ).toContain("6.5 metres");
    expect(answer(`${TEXT}\nHow wide is the mirror?`)).toContain("6.5 metres");
    expect(answer(`Tell me who called it a dream.\n${TEXT}`)).toContain(
      "Dr. Jane Smith",
    );
  });

  test("says so when it knows nothing", () => {
    expect(answer("What is the capital of Peru?")).toBe(NOTHING_FOUND);
    expect(answer("What is my name?")).toBe(NOTHING_FOUND);
    expect(answer("What is my shoe size?")).toBe(NOTHING_FOUND);
    expect(answer("my name is lower case")).toBe(NOTHING_FOUND);
    expect(answer([])).toBe(NOTHING_FOUND);
  });
});

const weather: Tool = {
  toolSpec: {
    name: "get_weather",
    description: "Current weather of a city",
    inputSchema: {
      json: {
        type: "object",
        properties: {
          city: { type: "string" },
          unit: { enum: ["celsius", "fahrenheit"] },
        },
        required: ["city"],
      },
    },
  },
};
const calculator: Tool = {
  toolSpec: {
    name: "calculator",
    description: "Calculates an arithmetic expression",
    inputSchema: {
      json: {
        type: "object",
        properties: { expression: { type: "string" } },
        required: ["expression"],
      },
    },
  },
};
const clock: Tool = {
  toolSpec: { name: "clock", inputSchema: { json: { type: "object" } } },
};

function toolCallOf(reply: unknown) {
  const [block] = (
    reply as {
      content: {
        toolUse: { toolUseId: string; name: string; input: unknown };
      }[];
    }
  ).content;
  return block?.toolUse;
}

describe("with tools, it", () => {
  const tools = [{ systemTool: { name: "s" } }, weather, calculator, clock];

  test("calls the tool that the question speaks of", () => {
    const reply = answer("What is the weather in New York in fahrenheit?", {
      toolConfig: { tools },
    });
    expect(toolCallOf(reply)).toEqual({
      toolUseId: expect.stringMatching(/^tooluse_[\w-]{22}$/),
      name: "get_weather",
      input: { city: "New York", unit: "fahrenheit" },
    });
    expect(
      toolCallOf(answer("Calculate 12 * (3 + 4)", { toolConfig: { tools } })),
    ).toMatchObject({
      name: "calculator",
      input: { expression: "12 * (3 + 4)" },
    });
    expect(
      toolCallOf(answer("Look at the clock", { toolConfig: { tools } })),
    ).toMatchObject({ input: {} });
  });

  test("calls one whose description alone speaks of the question", () => {
    const reply = answer("Which value has the arithmetic expression 1+2?", {
      toolConfig: { tools },
    });
    expect(toolCallOf(reply)?.name).toBe("calculator");
  });

  test("calls none when none matches, or when an argument is missing", () => {
    expect(answer("Tell me a joke", { toolConfig: { tools } })).toBe(
      NOTHING_FOUND,
    );
    expect(answer("How is the weather?", { toolConfig: { tools } })).toBe(
      NOTHING_FOUND,
    );
    expect(answer("Hello", { toolConfig: { tools: [] } })).toBe(
      "Hello! How can I help you?",
    );
  });

  test("calls the forced one, or the best one when it must call any", () => {
    const forced = answer("Tell me a joke", {
      toolConfig: { tools, toolChoice: { tool: { name: "calculator" } } },
    });
    expect(toolCallOf(forced)?.name).toBe("calculator");
    const any = answer("Weather?", {
      toolConfig: { tools, toolChoice: { any: {} } },
    });
    expect(toolCallOf(any)).toMatchObject({
      name: "get_weather",
      input: { city: "Weather?" },
    });
    const gone = answer("Hello", {
      toolConfig: { tools, toolChoice: { tool: { name: "gone" } } },
    });
    expect(gone).toBe("Hello! How can I help you?");
  });

  test("takes arguments from earlier messages when the last one has none", () => {
    const reply = answer(
      [user("I am in Oslo."), assistant("ok"), user("And the weather?")],
      {
        toolConfig: { tools, toolChoice: { any: {} } },
      },
    );
    expect(toolCallOf(reply)?.input).toEqual({ city: "Oslo" });
  });

  test("a schema that makes no object gives empty arguments", () => {
    const odd: Tool = {
      toolSpec: { name: "odd", inputSchema: { json: { type: "string" } } },
    };
    expect(
      toolCallOf(
        answer("x", { toolConfig: { tools: [odd], toolChoice: { any: {} } } }),
      )?.input,
    ).toEqual({});
  });

  test("answers with the results, however they come", () => {
    const results = (...content: ContentBlock[]) =>
      answer(
        [
          user("Weather?"),
          assistant({
            toolUse: { toolUseId: "t1", name: "get_weather", input: {} },
          }),
          user(...content),
        ],
        { toolConfig: { tools } },
      );
    const result = (more: object) => ({
      toolResult: { toolUseId: "t1", content: [], ...more },
    });
    expect(results(result({ content: [{ text: "Sunny, 21 degrees" }] }))).toBe(
      "Sunny, 21 degrees.",
    );
    expect(
      results(
        result({
          content: [
            {
              json: { temperatureNow: 21, sky: ["clear", "blue"], wind: null },
            },
          ],
        }),
      ),
    ).toBe("temperature now is 21, sky is clear; blue, wind is none.");
    expect(
      results(result({ status: "error", content: [{ text: "no such city" }] })),
    ).toBe("The tool get_weather failed: no such city.");
    expect(
      results(
        result({
          content: [
            { image: { format: "png", source: { bytes: new Uint8Array() } } },
          ],
        }),
      ),
    ).toBe("The tool get_weather returned nothing.");
    expect(results(result({}))).toBe("The tool get_weather returned nothing.");
    expect(results({ toolResult: { toolUseId: "t9", content: [] } })).toBe(
      "The tool t9 returned nothing.",
    );
    expect(
      results(
        result({ content: [{ text: "A." }] }),
        result({ content: [{ text: "B!" }] }),
      ),
    ).toBe("A. B!");
  });
});

test("whatever it is asked, it answers, the same twice", () => {
  const words = fc.constantFrom(
    "my",
    "name",
    "is",
    "Ada",
    "summarize",
    "in",
    "3",
    "words",
    ":",
    "what",
    "?",
    ".",
    "\n",
    "I",
    "weather",
    "__proto__",
    "(",
    "[a-z",
    "\\",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(words, { maxLength: 30 }).map((parts) => parts.join(" ")),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), text, (texts, system) => {
      const messages = texts.map((part, index) =>
        index % 2 === 0 ? user(part) : assistant(part),
      );
      const more = {
        system: [{ text: system }],
        toolConfig: { tools: [weather, calculator] },
      };
      expect(answer(messages, more)).toEqual(answer(messages, more));
    }),
  );
});
