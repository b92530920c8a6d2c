import {
  BedrockRuntimeClient,
  ConverseCommand,
  type ToolResultContentBlock,
} from "@aws-sdk/client-bedrock-runtime";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Model } from "@lambdallm/core";
import { wrongInBlock } from "@lambdallm/core/feature";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";
import { errorBlocks, resultBlocks } from "../src/result-blocks.ts";

const latin1 = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"));

const PNG = latin1("\x89PNG\r\n\x1a\n...");
const PDF = latin1("%PDF-1.7 ...");
const NO_OUTPUT = [{ text: "(no output)" }];

const success = (...content: readonly unknown[]) => ({
  content,
  status: "success",
});
const failure = (text: string) => ({ content: [{ text }], status: "error" });

const circular: Record<string, unknown> = { name: "Ada" };
circular["self"] = circular;

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error("no");
    },
    ownKeys: () => {
      throw new Error("no");
    },
    getPrototypeOf: () => {
      throw new Error("no");
    },
  },
);

describe("The result of a tool", () => {
  test.each<[string, unknown, ...unknown[]]>([
    ["text", "Sunny", { text: "Sunny" }],
    ["an object", { degrees: 21 }, { json: { degrees: 21 } }],
    ["an empty object", {}, { json: {} }],
    ["a list", [1, "two"], { text: '[1,"two"]' }],
    ["an empty list", [], { text: "[]" }],
    ["a number", 21, { text: "21" }],
    ["a truth", false, { text: "false" }],
    ["null", null, { text: "null" }],
    ["nothing", undefined, ...NO_OUTPUT],
    ["empty text", "", ...NO_OUTPUT],
    ["blank text", " \n", ...NO_OUTPUT],
    ["a function", () => 1, ...NO_OUTPUT],
    ["half a character", "a\ud83d", { text: "a\ufffd" }],
    ["a BigInt", 2n ** 70n, { text: "1180591620717411303424" }],
    ["a small BigInt", { id: 7n }, { json: { id: 7 } }],
    ["NaN", { mean: Number.NaN }, { json: { mean: "NaN" } }],
    ["a date", new Date(0), { text: "1970-01-01T00:00:00.000Z" }],
    ["no date", { at: new Date(Number.NaN) }, { json: { at: null } }],
    ["undefined in an object", { a: undefined, b: 1 }, { json: { b: 1 } }],
    ["undefined in a list", [undefined, 1], { text: "[null,1]" }],
    [
      "what contains itself",
      circular,
      { json: { name: "Ada", self: "(contains itself)" } },
    ],
    ["a Map", new Map([["a", 1]]), { json: { a: 1 } }],
    ["a Map of objects", new Map([[{}, 1]]), { json: { "(an object)": 1 } }],
    ["a Set", new Set([1, 2]), { text: "[1,2]" }],
    [
      "an error among data",
      { last: new TypeError("no") },
      {
        json: { last: { name: "TypeError", message: "no" } },
      },
    ],
    [
      "a promise among data",
      { user: Promise.resolve(1) },
      { json: { user: "(a promise that nobody awaited)" } },
    ],
    [
      "an object without data",
      new (class Connection {})(),
      { text: "(a Connection, which has no JSON)" },
    ],
    ["an object without a prototype", Object.create(null), { json: {} }],
    ["bytes among data", { file: PNG }, { json: { file: "(11 bytes)" } }],
    [
      "a getter that throws",
      {
        user: {
          get name() {
            throw new Error("no");
          },
        },
      },
      { json: { user: "(cannot be read)" } },
    ],
    ["a toJSON", { toJSON: () => ({ a: 1 }) }, { json: { a: 1 } }],
    [
      "__proto__",
      JSON.parse('{"__proto__":{"a":1}}'),
      {
        json: JSON.parse('{"__proto__":{"a":1}}'),
      },
    ],
    [
      "a proxy that throws",
      hostile,
      {
        text: "(a result that cannot be read)",
      },
    ],
  ])("that is %s is taken by the service", (_what, value, ...content) => {
    expect(resultBlocks(value)).toEqual(success(...content));
  });

  test("ends at 100 levels of objects", () => {
    let deep: unknown = "here";
    for (let level = 0; level < 100_000; level++) deep = [deep];
    const { content } = resultBlocks(deep);
    expect(content).toEqual([
      { text: `${"[".repeat(100)}"(nested too deeply)"${"]".repeat(100)}` },
    ]);
  });

  test("ends where an object has more places than anybody can visit", () => {
    let wide: unknown = "x";
    for (let level = 0; level < 60; level++) wide = [wide, wide];
    expect(JSON.stringify(resultBlocks(wide))).toContain("(too many values)");
  });

  test("of 5 MB of text is that text", () => {
    const text = "x".repeat(5_000_000);
    expect(resultBlocks(text)).toEqual(success({ text }));
  });
});

describe("Bytes", () => {
  test.each([
    ["png", PNG],
    ["jpeg", latin1("\xff\xd8\xff\xe0...")],
    ["gif", latin1("GIF87a...")],
    ["gif", latin1("GIF89a...")],
    ["webp", latin1("RIFF\x10\0\0\0WEBPVP8 ")],
  ])("that begin as %s does are an image", (format, bytes) => {
    const image = { format, source: { bytes } };
    expect(resultBlocks(bytes)).toEqual(success({ image }));
  });

  test("of a PDF are a document with a name of its own", () => {
    expect(resultBlocks(PDF)).toEqual(
      success({
        document: {
          name: expect.stringMatching(/^file-[0-9a-f]{8}$/),
          format: "pdf",
          source: { bytes: PDF },
        },
      }),
    );
  });

  test("of a Buffer and of an ArrayBuffer are bytes", () => {
    const image = { format: "png", source: { bytes: PNG } };
    expect(resultBlocks(PNG.buffer)).toEqual(success({ image }));
    expect(resultBlocks(Buffer.from(PNG))).toMatchObject({
      content: [{ image: { format: "png" } }],
    });
  });

  test("that are text are that text", () => {
    expect(resultBlocks(Buffer.from("größe 🙂"))).toEqual(
      success({ text: "größe 🙂" }),
    );
    expect(resultBlocks(new Uint8Array())).toEqual(success(...NO_OUTPUT));
  });

  test("of another kind are shown in base64 as long as they are few", () => {
    expect(resultBlocks(new Uint8Array([0, 255, 1]))).toEqual(
      success({ text: "(3 bytes in base64: AP8B)" }),
    );
    expect(resultBlocks(new Uint8Array(1_000))).toEqual(
      success({ text: "(1000 bytes of a kind that cannot be shown)" }),
    );
  });

  test.each([
    ["png", PNG, 3_750_000],
    ["pdf", PDF, 4_500_000],
  ])("of a %s that is too large are named", (format, start, most) => {
    const bytes = new Uint8Array(most + 1);
    bytes.set(start);
    expect(resultBlocks(bytes)).toEqual(
      success({
        text: `(${format} of ${most + 1} bytes, which is too large to be shown: ${most} are the most)`,
      }),
    );
  });

  test("in a list stand beside its other parts", () => {
    expect(resultBlocks(["A picture:", PNG, { pages: 2 }])).toEqual(
      success(
        { text: "A picture:" },
        { image: { format: "png", source: { bytes: PNG } } },
        { json: { pages: 2 } },
      ),
    );
  });
});

describe("Content blocks", () => {
  const image = { image: { format: "png", source: { bytes: PNG } } };
  const found = {
    searchResult: {
      source: "https://example.com",
      title: "Lambda",
      content: [{ text: "Runs code" }],
    },
  };

  test("in a list stay as they are", () => {
    const blocks = [{ text: "Seen" }, image, found, { json: { a: 1 } }];
    expect(resultBlocks(blocks)).toEqual(success(...blocks));
  });

  test.each([
    image,
    { video: { format: "mp4", source: { s3Location: { uri: "s3://a/b" } } } },
    { document: { name: "Notes", source: { text: "Milk" } } },
    { document: { name: "Notes", source: { content: [{ text: "Milk" }] } } },
  ])("of a file stay as they are alone, too", (block) => {
    expect(resultBlocks(block)).toEqual(success(block));
  });

  test("that are data as well stay data", () => {
    expect(resultBlocks({ text: "Seen" })).toEqual(
      success({ json: { text: "Seen" } }),
    );
  });

  test("that the service takes in other words are said in those", () => {
    expect(resultBlocks([{ text: "" }, { json: [1] }, { json: null }])).toEqual(
      success({ text: "[1]" }, { text: "null" }),
    );
    expect(resultBlocks([{ text: " " }])).toEqual(success(...NO_OUTPUT));
  });

  test.each([
    { image: { format: "tiff", source: { bytes: PNG } } },
    { image: { format: "png", source: { bytes: "iVBORw0KGgo=" } } },
    { video: { format: "mp4", source: { bytes: "AAAA" } } },
    { document: { name: "Notes", source: { text: " " } } },
    { document: { name: "Notes", source: { content: [] } } },
    { searchResult: { source: "", title: "a", content: [{ text: "b" }] } },
    { searchResult: { source: "a", title: "b", content: [{ text: "" }] } },
    { text: 1 },
    { image: null },
    { toolUse: { toolUseId: "a", name: "b", input: {} } },
  ])("that no model takes are data: %j", (block) => {
    const { content } = resultBlocks([block]);
    expect(content).toEqual([{ text: expect.stringMatching(/^\[\{"/) }]);
  });

  test("can come with a status, which makes a result of a result the same", () => {
    const failed = { content: [{ text: "No such city" }], status: "error" };
    expect(resultBlocks(failed)).toEqual(failed);
    expect(resultBlocks({ content: [], status: "error" })).toEqual({
      content: NO_OUTPUT,
      status: "error",
    });
    const data = { content: [{ text: "a" }], status: "open" };
    expect(resultBlocks(data)).toEqual(success({ json: data }));
  });
});

describe("An error", () => {
  test.each<[string, unknown, string]>([
    ["an error", new TypeError("No such city"), "TypeError: No such city"],
    ["an error without a message", new Error(""), "Error"],
    ["text", "No such city", "No such city"],
    ["an object", { code: 7 }, '{"code":7}'],
    ["nothing", undefined, "The tool failed without a message."],
    [
      "a proxy that throws",
      hostile,
      "The tool failed, and what it threw cannot be read.",
    ],
    ["a page", new Error("x".repeat(9_000)), `Error: ${"x".repeat(2_000)}`],
  ])("that was thrown as %s is told to the model", (_what, error, text) => {
    expect(errorBlocks(error)).toEqual(failure(text));
  });

  test("that was returned is one as well", () => {
    expect(resultBlocks(new RangeError("Too far"))).toEqual(
      failure("RangeError: Too far"),
    );
  });
});

describe("The service", () => {
  let local: LocalBedrock;
  let client: BedrockRuntimeClient;

  beforeAll(async () => {
    local = await startBedrock({ respond: () => "Done." });
    client = new BedrockRuntimeClient({
      region: "us-east-1",
      endpoint: local.url,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
      maxAttempts: 1,
    });
  });

  afterAll(() => {
    client.destroy();
    return local.close();
  });

  const bytes = fc.oneof(
    fc.constantFrom(PNG, latin1("GIF89a"), latin1("\xff\xd8\xff")),
    fc.uint8Array({ maxLength: 300 }),
  );
  const text = fc.string({ unit: "binary", maxLength: 20 });
  const block = fc.oneof(
    fc.record({ text }),
    fc.record({ json: fc.jsonValue() }),
    fc.record({
      image: fc.record({
        format: fc.constantFrom("png", "tiff"),
        source: fc.oneof(fc.record({ bytes }), fc.anything()),
      }),
    }),
    fc.record({ document: fc.anything() }),
    fc.record({ searchResult: fc.anything() }),
  );
  const returned = fc.oneof(
    fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withObjectString: true,
      withTypedArray: true,
      withSparseArray: true,
      withUnicodeString: true,
    }),
    bytes,
    // The same one twice has one name, and gets another from the provider.
    fc.constant([PDF, "A page"]),
    fc.array(block, { maxLength: 4 }),
    fc.array(fc.oneof(block, bytes, text), { maxLength: 4 }),
    fc.record({
      content: fc.array(block, { maxLength: 4 }),
      status: fc.constantFrom("success", "error", "open"),
    }),
  );

  test("takes the result of whatever a tool returns or throws", async () => {
    await fc.assert(
      fc.asyncProperty(returned, fc.boolean(), async (value, isThrown) => {
        const result = isThrown ? errorBlocks(value) : resultBlocks(value);
        const toolResult = { toolUseId: "call", ...result };
        expect(wrongInBlock({ toolResult }, false)).toBeUndefined();
        expect(resultBlocks(result)).toEqual(result);
        const { stopReason } = await client.send(
          new ConverseCommand({
            modelId: `us.${Model.CLAUDE_HAIKU_4_5}`,
            messages: [
              { role: "user", content: [{ text: "Hi" }] },
              {
                role: "assistant",
                content: [
                  { toolUse: { toolUseId: "call", name: "look", input: {} } },
                ],
              },
              {
                role: "user",
                content: [
                  {
                    toolResult: {
                      ...toolResult,
                      // The SDK has its own names for the same.
                      content: [...result.content] as ToolResultContentBlock[],
                    },
                  },
                ],
              },
            ],
            toolConfig: {
              tools: [
                {
                  toolSpec: {
                    name: "look",
                    inputSchema: { json: { type: "object" } },
                  },
                },
              ],
            },
          }),
        );
        expect(stopReason).toBe("end_turn");
      }),
      { numRuns: rounds(200, 1_500) },
    );
  });
});
