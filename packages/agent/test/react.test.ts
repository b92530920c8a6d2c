import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import {
  type JsonValue,
  type Message,
  Model,
  type ModelResponse,
  type Tool,
  textOf,
} from "@lambdallm/core";
import { type ModelRequest, wrongInBlock } from "@lambdallm/core/feature";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import { MockLambdaContext } from "@lambdallm/testing";
import fc from "fast-check";
import middy from "middy7";
import { rounds } from "../../../test-support/rounds.ts";
import { reactAnswer } from "../src/react-answer.ts";
import { needsReact, reactRequest } from "../src/react-prompt.ts";

const search: Tool = {
  toolSpec: {
    name: "search",
    description: "Finds pages",
    inputSchema: {
      json: { type: "object", properties: { query: { type: "string" } } },
    },
  },
};
const book: Tool = {
  toolSpec: {
    name: "book_room",
    inputSchema: {
      json: {
        type: "object",
        properties: { city: { type: "string" }, nights: { type: "integer" } },
      },
    },
  },
};
const tools = [search, book];

const user = (text: string): Message => ({ role: "user", content: [{ text }] });
const messages = [user("Where does Ada work?")];

type Answer = Pick<ModelResponse, "message" | "text" | "stopReason">;

function answered(text: string, stopReason = "end_turn"): Answer {
  const message: Message = { role: "assistant", content: [{ text }] };
  return reactAnswer(
    { message, text, stopReason },
    { tools: [search, book, { cachePoint: { type: "default" } }], messages },
  );
}

const called = (text: string, name: string, input: JsonValue): Answer => ({
  message: {
    role: "assistant",
    content: [
      ...(text === "" ? [] : [{ text }]),
      { toolUse: { toolUseId: "react-1", name, input } },
    ],
  },
  text,
  stopReason: "tool_use",
});

const said = (text: string, stopReason = "end_turn"): Answer => ({
  message: { role: "assistant", content: text === "" ? [] : [{ text }] },
  text,
  stopReason,
});

describe("The form for models without tools", () => {
  const call: Message = {
    role: "assistant",
    content: [
      { text: "I have to look. " },
      { toolUse: { toolUseId: "a", name: "search", input: { query: "Ada" } } },
      { toolUse: { toolUseId: "b", name: "search", input: {} } },
    ],
  };
  const image = { format: "png", source: { bytes: new Uint8Array([1]) } };
  const results: Message = {
    role: "user",
    content: [
      {
        toolResult: {
          toolUseId: "a",
          content: [{ text: "At IBM" }, { json: { year: 1843 } }, { image }],
        },
      },
      {
        toolResult: {
          toolUseId: "b",
          content: [{ text: "No query" }],
          status: "error",
        },
      },
      { text: "One step is left." },
    ],
  };

  test.each([
    [true, Model.LLAMA3_8B, { tools, messages }],
    [true, Model.LLAMA3_8B, { messages: [...messages, call, results] }],
    [true, Model.LLAMA3_8B, { messages: [...messages, results] }],
    [false, Model.LLAMA3_8B, { messages }],
    [false, Model.CLAUDE_HAIKU_4_5, { tools, messages }],
    [false, "acme.model-v1", { tools, messages }],
  ])("is needed: %s, for %s", (isNeeded, model, more) => {
    expect(needsReact({ model, ...more })).toBe(isNeeded);
  });

  test("says tools, calls and results in words", () => {
    const request: ModelRequest = {
      model: Model.LLAMA3_8B,
      system: [{ text: "Be brief." }],
      messages: [...messages, call, results],
      tools: [...tools, { cachePoint: { type: "default" } }],
      toolChoice: { auto: {} },
      stopSequences: ["END"],
      maxTokens: 100,
      deltas: ["text"],
      onDelta: () => {},
    };
    const { system, ...rest } = reactRequest(request);
    expect(rest).toEqual({
      model: Model.LLAMA3_8B,
      messages: [
        ...messages,
        {
          role: "assistant",
          content: [
            {
              text: 'Thought: I have to look.\nAction: search\nAction Input: {"query":"Ada"}\nAction: search\nAction Input: {}',
            },
          ],
        },
        {
          role: "user",
          content: [
            {
              text: 'Observation: At IBM\n{"year":1843}\n(a file that cannot be shown)\nObservation: (failed) No query',
            },
            { text: "One step is left." },
          ],
        },
      ],
      stopSequences: ["END", "\nObservation:"],
      maxTokens: 100,
    });
    expect(system).toEqual([
      { text: "Be brief." },
      {
        text: expect.stringContaining(
          '- search: Finds pages\n  Its input: {"type":"object","properties":{"query":{"type":"string"}}}\n- book_room: \n',
        ),
      },
    ]);
  });

  test("asks for no more than what the model takes, and is short without tools", () => {
    const silent: Message = {
      role: "assistant",
      content: [
        { text: " " },
        { toolUse: { toolUseId: "a", name: "search", input: {} } },
      ],
    };
    const request = {
      model: Model.LLAMA3_8B,
      messages: [...messages, silent, results],
    };
    expect(Object.keys(reactRequest(request))).toEqual(["model", "messages"]);
    expect(reactRequest(request).messages[1]?.content).toEqual([
      { text: "Action: search\nAction Input: {}" },
    ]);
  });
});

describe("An answer in the form", () => {
  test.each<[string, string, Answer]>([
    [
      "a call",
      'Thought: I have to look.\nAction: search\nAction Input: {"query": "Ada"}',
      called("I have to look.", "search", { query: "Ada" }),
    ],
    [
      "a call whose result is made up",
      'Action: search\nAction Input: {"query": "Ada"}\nObservation: {"at": "IBM"}\nFinal Answer: IBM',
      called("", "search", { query: "Ada" }),
    ],
    [
      "two calls",
      'Action: search\nAction Input: {"query": "a"}\nAction: search\nAction Input: {"query": "b"}',
      called("", "search", { query: "a" }),
    ],
    [
      "labels inside of its input",
      'Action: search\nAction Input: {"query": "x\\"}\\nFinal Answer: y {"}',
      called("", "search", { query: 'x"}\nFinal Answer: y {' }),
    ],
    [
      "ornaments",
      '**Thought:** look\n1. **Action**: `Search`\n> **Action Input:** ```json\n{"query": "Ada"}\n```',
      called("look", "search", { query: "Ada" }),
    ],
    [
      "one line",
      'Thought: look Action: search Action Input: {"query": "Ada"}',
      called("look", "search", { query: "Ada" }),
    ],
    [
      "its input in brackets",
      "Action: search[Ada Lovelace]",
      called("", "search", { query: "Ada Lovelace" }),
    ],
    [
      "its input in parentheses",
      'Action: book_room({"city": "Rome", "nights": 2})',
      called("", "book_room", { city: "Rome", nights: 2 }),
    ],
    [
      "its input in braces",
      'Action: search{"query": "Ada"}',
      called("", "search", { query: "Ada" }),
    ],
    [
      "a text for its only field",
      'Action: search\nAction Input: "Ada Lovelace"\nObservation: IBM',
      called("", "search", { query: "Ada Lovelace" }),
    ],
    [
      "bare words for its only field",
      "Action: search\nAction Input: 'Ada Lovelace'",
      called("", "search", { query: "Ada Lovelace" }),
    ],
    [
      "a number for its only field",
      "Action: search\nAction Input: 1843",
      called("", "search", { query: 1843 }),
    ],
    [
      "prose in front of its input",
      'Action: search\nAction Input: The input is {"query": "Ada"}.',
      called("", "search", { query: "Ada" }),
    ],
    ["no input", "Action: search", called("", "search", {})],
    ["None", "Action: search\nAction Input: None", called("", "search", {})],
    [
      "words where it takes several fields",
      "Action: book_room\nAction Input: Rome, 2",
      called("", "book_room", "Rome, 2"),
    ],
    [
      "broken JSON",
      'Action: search\nAction Input: {"query": "Ada"',
      called("", "search", '{"query": "Ada"'),
    ],
    [
      "other brackets around broken JSON",
      "Action: search\nAction Input: {query: Ada}",
      called("", "search", "{query: Ada}"),
    ],
    [
      "a tool that there is not",
      "Action: fly to Rome!\nAction Input: {}",
      called("", "fly_to_Rome", {}),
    ],
    [
      "more words than the name",
      "Action: search the web\nAction Input: {}",
      called("", "search", {}),
    ],
    [
      "no action and an answer",
      "Thought: I know it.\nAction: None\nFinal Answer: IBM",
      said("IBM"),
    ],
    [
      "no action, and nothing else",
      "Thought: It is IBM.\nAction: N/A",
      said("It is IBM.\nAction: N/A"),
    ],
    [
      "an answer",
      "Thought: Seen.\nFinal Answer: IBM\nAction: x",
      said("IBM\nAction: x"),
    ],
    [
      "an answer without words",
      "Thought: It is IBM.\nFinal Answer:",
      said("It is IBM."),
    ],
    ["no form at all", " At IBM. ", said("At IBM.")],
    ["a thought alone", "Thought: At IBM.", said("At IBM.")],
    [
      "words that are no labels",
      "The next action: none was taken, in action:x",
      said("The next action: none was taken, in action:x"),
    ],
    ["nothing", "", said("")],
  ])("is read with %s", (_what, text, answer) => {
    expect(answered(text)).toEqual(answer);
  });

  test("that was cut in its input is cut, and one behind it is whole", () => {
    const text = 'Action: book_room\nAction Input: {"city": "Ro';
    expect(answered(text, "max_tokens")).toEqual({
      ...called("", "book_room", '{"city": "Ro'),
      stopReason: "max_tokens",
    });
    expect(
      answered(
        'Action: search\nAction Input: {"query":"a"}\nObs',
        "max_tokens",
      ),
    ).toEqual(called("", "search", { query: "a" }));
    expect(answered("Final Answer: At I", "max_tokens")).toEqual(
      said("At I", "max_tokens"),
    );
  });

  test("keeps its thoughts, and the ids of its calls are its own", () => {
    const reasoning = {
      reasoningContent: { reasoningText: { text: "Hm." } },
    };
    const text = "Action: search";
    const message: Message = {
      role: "assistant",
      content: [reasoning, { text }],
    };
    const before = called("", "search", {}).message;
    expect(
      reactAnswer(
        { message, text, stopReason: "stop_sequence" },
        { tools, messages: [...messages, before] },
      ).message.content,
    ).toEqual([
      reasoning,
      { toolUse: { toolUseId: "react-2", name: "search", input: {} } },
    ]);
  });

  test.each(["timeout", "guardrail_intervened", "content_filtered"])(
    "that ended with %s is left alone",
    (stopReason) => {
      const text = "Action: search";
      const message: Message = { role: "assistant", content: [{ text }] };
      const response = { message, text, stopReason };
      expect(reactAnswer(response, { messages })).toBe(response);
    },
  );
});

describe("Whatever a model writes", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "Thought:",
      "Action:",
      "\nAction Input:",
      "action input :",
      "\nFinal Answer:",
      "Observation:",
      "**",
      "```json",
      "{",
      "}",
      '"',
      "\\",
      "[",
      "]",
      "(",
      ")",
      "\n",
      " ",
      "search",
      "None",
      '{"query":"a"}',
      '{"__proto__":{"a":1}}',
      "\ud83d",
    ),
    fc.string({ unit: "binary", maxLength: 5 }),
  );

  test("is an answer or a call that can be sent back", () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join("")),
        fc.constantFrom("end_turn", "max_tokens", "stop_sequence"),
        (text, stopReason) => {
          const answer = answered(text, stopReason);
          for (const block of answer.message.content) {
            expect(wrongInBlock(block, false)).toBeUndefined();
            if ("toolUse" in block)
              expect(block.toolUse.name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
          }
          expect(textOf(answer.message.content)).toBe(answer.text);
        },
      ),
      { numRuns: rounds(1_000, 20_000) },
    );
  });

  test("is read by the length of the text", () => {
    for (const part of [
      "Action: None\n",
      "Thought: ",
      "{",
      '{"',
      "`",
      " ",
      ")",
      "Action Input: {",
      "\n",
      "Action: search[",
    ])
      for (const [before, behind] of [
        ["", ""],
        ["Action: search\nAction Input: ", " x"],
        ["Action: ", "x"],
      ])
        expect(answered(before + part.repeat(50_000) + behind)).toBeDefined();
  });

  test("a call that was said in words is read as that call", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("search", "book_room"),
        fc
          .dictionary(fc.string(), fc.jsonValue())
          .filter((given) => !JSON.stringify(given).includes("__proto__")),
        (name, given) => {
          // Without -0, which JSON does not have.
          const input = JSON.parse(JSON.stringify(given));
          const { message } = called("I look.", name, input);
          const [words] = reactRequest({
            model: Model.LLAMA3_8B,
            messages: [message],
          }).messages;
          expect(answered(textOf(words?.content ?? []))).toEqual(
            called("I look.", name, input),
          );
        },
      ),
      { numRuns: rounds(300, 3_000) },
    );
  });
});

describe("Over HTTP", () => {
  let local: LocalBedrock;
  const asked: string[] = [];

  beforeAll(async () => {
    local = await startBedrock({
      respond: ({ messages }) => {
        asked.push(textOf(messages.at(-1)?.content ?? []));
        return messages.length === 1
          ? 'Thought: I look.\nAction: search\nAction Input: {"query": "Ada"}\nObservation: At a bank'
          : "Thought: Seen.\nFinal Answer: At IBM";
      },
      // When it was still there.
      now: () => Date.parse("2025-06-01"),
    });
  });

  afterAll(() => local.close());

  test.each([Model.LLAMA3_8B, Model.TITAN_TEXT_EXPRESS])(
    "%s calls a tool and answers",
    async (model) => {
      const handler = middy()
        .use(
          bedrock({
            region: "us-east-1",
            clientConfig: {
              endpoint: local.url,
              credentials: { accessKeyId: "local", secretAccessKey: "local" },
            },
          }),
        )
        .handler(async (_event, context) => {
          const conversation = [...messages];
          const texts: string[] = [];
          for (const _ of [1, 2]) {
            const request = { model, messages: conversation, tools };
            const { system, ...rest } = reactRequest(request);
            const response = reactAnswer(
              await context.converse({ ...rest, system: [...(system ?? [])] }),
              request,
            );
            texts.push(response.text);
            conversation.push(response.message);
            for (const block of response.message.content)
              if ("toolUse" in block)
                conversation.push({
                  role: "user",
                  content: [
                    {
                      toolResult: {
                        toolUseId: block.toolUse.toolUseId,
                        content: [{ text: "IBM" }],
                      },
                    },
                  ],
                });
          }
          return { texts };
        });
      const { texts } = await handler({}, new MockLambdaContext());
      expect(texts).toEqual(["I look.", "At IBM"]);
      expect(asked.at(-1)).toBe("Observation: IBM");
    },
  );
});
