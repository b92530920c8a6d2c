import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import {
  type CachePoint,
  type ContentBlock,
  type ConverseRequest,
  type JsonValue,
  type Message,
  Model,
  type SystemBlock,
  type Tool,
  type ToolResultContent,
} from "@lambdallm/core";
import type { LocalBedrock } from "@lambdallm/local";
import { sentTo, start } from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await start();
});
beforeEach(() => local.reset());
afterAll(() => local.close());

const tools: Tool[] = [
  {
    toolSpec: {
      name: "look",
      description: "Looks",
      inputSchema: { json: { type: "object" } },
    },
  },
];

/** The messages as they were sent, and the places that the event named. */
async function sent(
  messages: readonly Message[],
  request: Partial<ConverseRequest> = {},
) {
  const { body, adaptations } = await sentTo(local, {
    tools,
    ...request,
    messages,
  });
  return {
    body,
    messages: body["messages"] as Message[],
    places: adaptations.map(({ setting }) => setting),
    adaptations,
  };
}

const user = (...content: ContentBlock[]): Message => ({
  role: "user",
  content,
});
const assistant = (...content: ContentBlock[]): Message => ({
  role: "assistant",
  content,
});
const text = (words: string) => ({ text: words });
const call = (toolUseId: string, input: JsonValue = {}, name = "look") => ({
  toolUse: { toolUseId, name, input },
});
const result = (toolUseId: string, ...content: ToolResultContent[]) => ({
  toolResult: { toolUseId, content },
});
const point = (ttl?: CachePoint["ttl"]) => ({
  cachePoint: { type: "default" as const, ...(ttl && { ttl }) },
});

describe("The call of a tool goes back as the service takes it", () => {
  const asked = user(text("Look"));
  const exchange = (block: ContentBlock, id = "t") => [
    asked,
    assistant(block),
    user(result(id, text("seen"))),
  ];

  test.each<readonly [string, JsonValue, object]>([
    ["arguments that were cut", '{"city": "Ro', { invalid: '{"city": "Ro' }],
    ["a list", [1, 2], { invalid: "[1,2]" }],
    ["null", null, { invalid: "null" }],
    ["a number", 7, { invalid: "7" }],
    ["an empty text", "", { invalid: "" }],
  ])("%s become an object", async (_what, input, expected) => {
    const { messages, adaptations } = await sent(exchange(call("t", input)));
    expect(messages[1]?.content).toEqual([
      { toolUse: { toolUseId: "t", name: "look", input: expected } },
    ]);
    expect(adaptations).toEqual([
      {
        setting: "messages[1].content[0].toolUse.input",
        change: "changed",
        reason: "the service takes an object only",
      },
    ]);
  });

  test.each([
    ["json<|channel|>commentary", "json"],
    ["functions.look up", "functions_look_up"],
    ["<|channel|>", "unnamed"],
    ["x".repeat(80), "x".repeat(64)],
  ])("the name %j is sent as %j", async (name, expected) => {
    const { messages, places } = await sent(exchange(call("t", {}, name)));
    expect(messages[1]).toMatchObject({
      content: [{ toolUse: { name: expected } }],
    });
    expect(places).toEqual(["messages[1].content[0].toolUse.name"]);
  });

  test("ids of another service are made to fit, and calls keep their results", async () => {
    const { messages, places } = await sent([
      asked,
      assistant(call("a:1"), call("a_1"), call("a.1"), call("")),
      user(
        result("a.1", text("third")),
        result("a_1", text("second")),
        result("a:1", text("first")),
        result("", text("fourth")),
      ),
    ]);
    expect(messages[1]).toMatchObject({
      content: ["a_1_2", "a_1", "a_1_3", "call"].map((toolUseId) => ({
        toolUse: { toolUseId },
      })),
    });
    expect(messages[2]).toMatchObject({
      content: ["a_1_3", "a_1", "a_1_2", "call"].map((toolUseId) => ({
        toolResult: { toolUseId },
      })),
    });
    expect(places).toContain("messages[2].content[0].toolResult.toolUseId");
    expect(places).not.toContain("messages[1].content[1].toolUse.toolUseId");
  });
});

describe("The result of a tool goes back as the service takes it", () => {
  const place = "messages[2].content[0].toolResult.content";
  const withResult = (...content: ToolResultContent[]) =>
    sent([
      user(text("Look")),
      assistant(call("t")),
      user(result("t", ...content)),
    ]);

  test.each<
    readonly [
      string,
      readonly ToolResultContent[],
      readonly object[],
      readonly string[],
    ]
  >([
    ["nothing", [], [text("(no output)")], [place]],
    [
      "blank text",
      [text(" \n")],
      [text("(no output)")],
      [`${place}[0]`, place],
    ],
    [
      "blank text beside another",
      [text(""), text("x")],
      [text("x")],
      [`${place}[0]`],
    ],
    ["a list", [{ json: [1] }], [text("[1]")], [`${place}[0].json`]],
    ["a text as JSON", [{ json: "x" }], [text('"x"')], [`${place}[0].json`]],
    ["null", [{ json: null }], [text("null")], [`${place}[0].json`]],
    ["zero", [{ json: 0 }], [text("0")], [`${place}[0].json`]],
    ["an object", [{ json: { a: 1 } }], [{ json: { a: 1 } }], []],
  ])("%s", async (_what, content, expected, places) => {
    const answer = await withResult(...content);
    expect(answer.messages[2]?.content).toEqual([
      { toolResult: { toolUseId: "t", content: expected } },
    ]);
    expect(answer.places).toEqual(places);
  });

  test.each([
    [Model.CLAUDE_HAIKU_4_5, true],
    [`us.${Model.NOVA_LITE}`, true],
    ["acme.model-v1", true],
    [Model.GPT_OSS_120B, false],
    [`us.${Model.PALMYRA_X5}`, false],
  ])(
    "its status is sent to %s as it is, or in words: %s",
    async (model, isSent) => {
      const failed = { ...result("a", text("no")).toolResult, status: "error" };
      const done = {
        ...result("b", text("yes")).toolResult,
        status: "success",
      };
      const { messages, adaptations } = await sent(
        [
          user(text("Look")),
          assistant(call("a"), call("b")),
          user(
            { toolResult: failed } as ContentBlock,
            { toolResult: done } as ContentBlock,
          ),
        ],
        { model },
      );
      const [first, second] = isSent
        ? [failed, done]
        : [
            result("a", text("(The tool failed.)"), text("no")).toolResult,
            result("b", text("yes")).toolResult,
          ];
      expect(messages[2]?.content).toEqual([
        { toolResult: first },
        { toolResult: second },
      ]);
      expect(adaptations).toEqual(
        isSent
          ? []
          : [
              {
                setting: "messages[2].content[0].toolResult.status",
                change: "changed",
                reason: "the model takes none: it is said in words",
              },
            ],
      );
    },
  );

  test("files in it are treated as files elsewhere", async () => {
    const { messages, places } = await withResult(
      { document: { name: "a.txt", format: "txt", source: { text: "A" } } },
      {
        image: { format: "jpg", source: { bytes: new Uint8Array([1]) } },
      },
    );
    expect(messages[2]).toMatchObject({
      content: [
        {
          toolResult: {
            content: [
              { document: { name: "a-txt" } },
              { image: { format: "jpeg" } },
            ],
          },
        },
      ],
    });
    expect(places).toEqual([`${place}[0].document.name`]);
  });

  test("the results of parallel calls end in one message, whoever speaks in between", async () => {
    const { messages } = await sent([
      user(text("Look")),
      assistant(call("t1"), call("t2")),
      user(result("t1", text("one"))),
      user(text("and now?")),
      user(result("t2", text("two"))),
    ]);
    expect(messages).toHaveLength(3);
    expect(messages[2]?.content).toEqual([
      result("t1", text("one")),
      result("t2", text("two")),
      text("and now?"),
    ]);
  });
});

describe("Messages", () => {
  test("of the same role become one", async () => {
    const { messages } = await sent([
      user(text("One")),
      user(text("Two")),
      assistant(text("Three")),
      assistant(text("Four")),
      user(text("Five")),
    ]);
    expect(messages).toEqual([
      user(text("One"), text("Two")),
      assistant(text("Three"), text("Four")),
      user(text("Five")),
    ]);
  });

  test("with a cache point only are left out, and those around them join", async () => {
    const { messages, places } = await sent([
      user(text("One")),
      assistant(point()),
      user(point(), text("Two"), point()),
    ]);
    expect(messages).toEqual([user(text("One"), text("Two"), point())]);
    expect(places).toEqual([
      "messages[1].content[0]",
      "messages[2].content[0]",
    ]);
  });

  test("of the system are the user's where a model takes none", async () => {
    const spoken: Message[] = [
      user(text("One")),
      assistant(text("Two")),
      { role: "system", content: [text("Be brief")] },
      user(text("Three")),
    ];
    const { messages, places } = await sent(spoken);
    expect(messages).toEqual([
      user(text("One")),
      assistant(text("Two")),
      user(text("Be brief"), text("Three")),
    ]);
    expect(places).toEqual(["messages[2].role"]);
    const taken = await sent(spoken, { model: Model.CLAUDE_OPUS_5 });
    expect(taken.messages).toEqual(spoken);
  });

  test.each([Model.CLAUDE_OPUS_5, Model.CLAUDE_HAIKU_4_5, "my.model"])(
    "of the system in front of a conversation are the user's: %s",
    async (model) => {
      const { messages, adaptations } = await sent(
        [
          { role: "system", content: [text("Be brief")] },
          { role: "system", content: [text("Be kind")] },
          user(text("One")),
        ],
        { model },
      );
      expect(messages).toEqual([
        user(text("Be brief"), text("Be kind"), text("One")),
      ]);
      expect(adaptations).toMatchObject([
        { setting: "messages[0].role", change: "changed" },
        { setting: "messages[1].role", change: "changed" },
      ]);
    },
  );

  test("of the assistant in front of a conversation are left out: they hold no more than thoughts", async () => {
    const thought: ContentBlock = {
      reasoningContent: { reasoningText: { text: "Hm" } },
    };
    const { messages, adaptations } = await sent([
      assistant(thought),
      user(text("One")),
    ]);
    expect(messages).toEqual([user(text("One"))]);
    expect(adaptations).toMatchObject([
      { setting: "messages[0]", change: "left-out" },
    ]);
  });

  test("with a document and no text are an error, after they have been joined", async () => {
    const document: ContentBlock = {
      document: { name: "a", format: "txt", source: { text: "A" } },
    };
    await expect(sent([user(document)])).rejects.toThrow(
      "messages[0].content[0] is a document without a text beside it",
    );
    const { messages } = await sent([user(document), user(text("What?"))]);
    expect(messages).toEqual([user(document, text("What?"))]);
  });
});

test("Fields that are undefined are none", async () => {
  const { messages } = await sent([
    user({ text: "One", image: undefined } as ContentBlock, text("Two")),
  ]);
  expect(messages).toEqual([user(text("One"), text("Two"))]);
});

describe("Names of documents", () => {
  const documents = (...names: string[]) =>
    user(
      text("What?"),
      ...names.map((name) => ({
        document: { name, format: "txt", source: { text: "A" } },
      })),
    );
  const namesOf = ([message]: readonly Message[]) =>
    message?.content.flatMap((block) =>
      "document" in block ? [block.document.name] : [],
    );

  test("keep to the letters that the service takes", async () => {
    const { messages, places } = await sent([
      documents(
        "Größe  (final).v2.pdf",
        "Plan [a-b] 1",
        "日本",
        " x ",
        "über_uns",
      ),
    ]);
    expect(namesOf(messages)).toEqual([
      "Gro-e (final)-v2-pdf",
      "Plan [a-b] 1",
      "document",
      "x",
      "uber-uns",
    ]);
    expect(places).not.toContain("messages[0].content[2].document.name");
  });

  test("differ, in the whole request", async () => {
    const long = "n".repeat(300);
    const short = await sent([documents("a", "a", "a.", "a")]);
    expect(namesOf(short.messages)).toEqual(["a", "a (2)", "a-", "a (3)"]);
    const { messages } = await sent([documents(long, long)]);
    const names = namesOf(messages) ?? [];
    expect(names.map(({ length }) => length)).toEqual([200, 196]);
    expect(new Set(names).size).toBe(2);
  });

  test("are five at most, those of the history included", async () => {
    const error = await sent([
      documents("a", "b", "c"),
      assistant(text("Seen")),
      documents("d", "e", "f"),
    ]).catch((refused: unknown) => refused);
    expect(error).toMatchObject({
      name: "ConfigurationError",
      message: expect.stringMatching(
        /^messages\[2\]\.content\[\d\] is one document too many/,
      ),
    });
  });
});

describe("Images", () => {
  const images = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      image: {
        format: "png" as const,
        source: { bytes: new Uint8Array([index]) },
      },
    }));

  test("are twenty at most in a message, and any number in a conversation", async () => {
    const { messages } = await sent([
      user(...images(20)),
      assistant(text("Seen")),
      user(...images(20)),
    ]);
    expect(messages.map(({ content }) => content.length)).toEqual([20, 1, 20]);
  });

  test.each<[string, readonly Message[], string]>([
    ["one more", [user(...images(21))], "messages[0].content[20]"],
    [
      "messages that are sent as one",
      [
        user(...images(20)),
        assistant(text(" ")),
        user(text("And?"), ...images(1)),
      ],
      "messages[2].content[1]",
    ],
    [
      "those in the result of a tool",
      [
        user(text("Look")),
        assistant(call("t")),
        user(result("t", ...images(15)), ...images(6)),
      ],
      "messages[2].content[6]",
    ],
  ])("%s: an error names the place", async (_what, messages, place) => {
    const error = await sent(messages).catch((refused: unknown) => refused);
    expect(error).toMatchObject({
      name: "ConfigurationError",
      message: expect.stringContaining(`${place} brings an image too many`),
    });
    expect(local.requests).toHaveLength(0);
  });
});

describe("Thoughts go back as they came", () => {
  const thought = (words: string | undefined, signature?: string) =>
    ({
      reasoningContent: {
        reasoningText: {
          ...(words !== undefined && { text: words }),
          ...(signature && { signature }),
        },
      },
    }) as ContentBlock;

  test("one that is signed and not shown has an empty text", async () => {
    const { messages } = await sent([
      user(text("Look")),
      assistant(thought(undefined, "s"), text("Seen")),
      user(text("Well?")),
    ]);
    expect(messages[1]?.content).toEqual([thought("", "s"), text("Seen")]);
  });

  test("what the service has signed is not changed: blank text stays beside it, and only there", async () => {
    const conversation = (block: ContentBlock) => [
      user(text("Look")),
      assistant(block, text(" "), call("t")),
      user(result("t", text("seen"))),
    ];
    const signed = await sent(conversation(thought("Hm", "s")));
    expect(signed.messages[1]?.content).toHaveLength(3);
    const redacted = await sent(
      conversation({
        reasoningContent: { redactedContent: new Uint8Array([1]) },
      }),
    );
    expect(redacted.messages[1]?.content).toHaveLength(3);
    const unsigned = await sent(conversation(thought("Hm")));
    expect(unsigned.messages[1]?.content).toHaveLength(2);
    expect(unsigned.places).toEqual(["messages[1].content[1]"]);
  });

  test("DeepSeek-R1 does not take its own", async () => {
    const { messages, places } = await sent(
      [
        user(text("Look")),
        assistant(thought("Hm"), text("Seen")),
        user(text("Well?")),
      ],
      { model: Model.DEEPSEEK_R1, tools: [] },
    );
    expect(messages[1]?.content).toEqual([text("Seen")]);
    expect(places).toEqual(["messages[1].content[0]"]);
  });

  test("nor the blank text beside one that was signed", async () => {
    const { messages } = await sent(
      [
        user(text("Look")),
        assistant(thought("Hm", "s"), text(" ")),
        user(text("Well?")),
      ],
      { model: Model.DEEPSEEK_R1, tools: [] },
    );
    expect(messages).toHaveLength(1);
  });
});

describe("Cache points", () => {
  test("behind a thought, or in front of everything, are left out", async () => {
    const { messages, places } = await sent([
      user(point(), text("Look")),
      assistant(
        {
          reasoningContent: {
            reasoningText: { text: "Hm", signature: "s" },
          },
        },
        point(),
        text("Seen"),
      ),
      user(text("Well?")),
    ]);
    expect(JSON.stringify(messages)).not.toContain("cachePoint");
    expect(places).toEqual([
      "messages[0].content[0]",
      "messages[1].content[1]",
    ]);
  });

  test("are four at most: the first three and the last", async () => {
    const system: SystemBlock[] = [text("Be brief"), point()];
    const { body, messages, places } = await sent(
      [
        user(text("1"), point()),
        assistant(text("2"), point()),
        user(text("3"), point()),
        assistant(text("4"), point()),
        user(text("5"), point()),
      ],
      { system, tools: [...tools, point()] },
    );
    expect(body).toMatchObject({ system });
    expect(messages.map(({ content }) => content.length)).toEqual([
      2, 1, 1, 1, 2,
    ]);
    expect(places).toEqual(["cachePoint", "cachePoint", "cachePoint"]);
  });

  test("of an hour do not follow one of five minutes", async () => {
    const { messages, adaptations } = await sent(
      [user(text("1"), point("1h"))],
      { system: [text("a"), point("1h"), text("b"), point()] },
    );
    expect(messages[0]?.content).toEqual([text("1"), point("5m")]);
    expect(adaptations).toMatchObject([
      { setting: "cachePoint.ttl", change: "changed" },
    ]);
  });

  test("of Nova stand in the system prompt and the messages, not in the tools", async () => {
    const { body, places } = await sent([user(text("1"), point())], {
      model: Model.NOVA_LITE,
      tools: [...tools, point()],
    });
    expect(body["toolConfig"]).toEqual({ tools });
    expect(places).toEqual(["tools[1]"]);
  });

  test("in front of the tools are left out", async () => {
    const { body, places } = await sent([user(text("1"))], {
      tools: [point(), ...tools],
    });
    expect(body["toolConfig"]).toEqual({ tools });
    expect(places).toEqual(["tools[0]"]);
  });

  test("and blank texts of a system prompt are left out where they cannot be", async () => {
    const { body, places } = await sent([user(text("1"))], {
      system: [text(" "), point()],
    });
    expect(body).not.toHaveProperty("system");
    expect(places).toEqual(["system[0]", "system[1]"]);
  });
});
