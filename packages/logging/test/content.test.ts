import { afterEach, describe, expect, jest, test } from "@jest/globals";
import {
  type ContentBlock,
  type ConverseRequest,
  ModelInvocationError,
  type ToolResultContent,
} from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import {
  type ContentOptions,
  redact,
  redactionRules,
} from "@lambdallm/logging";
import fc from "fast-check";
import { middyMajors } from "../../../test-support/middy.ts";
import { printed } from "../../../test-support/quiet.ts";
import {
  answerOf,
  PRICED,
  providerOf,
  recordsOf,
  type Written,
} from "./support.ts";

afterEach(() => {
  jest.restoreAllMocks();
});

const ALL = { prompts: true, answers: true, tools: true };

const fieldsOf = (record: Written | undefined) => {
  const {
    systemPrompt,
    prompt,
    answer,
    toolInput,
    toolResult,
  }: Record<string, unknown> = record ?? {};
  return { systemPrompt, prompt, answer, toolInput, toolResult };
};

describe.each(middyMajors)("content on %s", (_name, middy) => {
  const recordOf = async (
    content: ContentOptions | undefined,
    request: Partial<ConverseRequest> & { readonly text?: string } = {},
    answer = answerOf("An answer"),
  ) => {
    const { text = "A prompt", ...more } = request;
    const messages = [{ role: "user" as const, content: [{ text }] }];
    const records = await recordsOf(
      ({ converse }) =>
        converse({ system: [{ text: "Be kind" }], messages, ...more }),
      {
        ...{ middy, provider: providerOf(async () => answer) },
        options: { content },
      },
    );
    return fieldsOf(records.find(({ event }) => event === "call-end"));
  };

  test("is not recorded, unless the options ask for it, and then as much as they do", async () => {
    expect(await recordOf(undefined)).toEqual({});
    expect(await recordOf({})).toEqual({});
    expect(await recordOf({ tools: true })).toEqual({});
    expect(await recordOf({ prompts: true })).toEqual({
      ...{ systemPrompt: "Be kind", prompt: "A prompt" },
    });
    expect(await recordOf({ answers: true })).toEqual({ answer: "An answer" });
  });

  test("is the last message of a request, and the answer in its shape", async () => {
    const { prompt, answer } = await recordOf(
      ALL,
      {
        messages: [
          { role: "user", content: [{ text: "first" }] },
          { role: "assistant", content: [{ text: "second" }] },
          { role: "user", content: [{ text: "third" }] },
        ],
      },
      answerOf("", { output: { mode: "tool", value: { a: [1, "b"] } } }),
    );
    expect(prompt).toBe("third");
    expect(answer).toBe('{"a":[1,"b"]}');
    const native = answerOf("", { output: { mode: "native", text: "{}" } });
    expect(await recordOf(ALL, {}, native)).toMatchObject({ answer: "{}" });
    const none = answerOf("", { output: { mode: "prompt" } });
    expect(await recordOf(ALL, {}, none)).not.toMatchObject({
      answer: expect.anything(),
    });
  });

  test("is what had arrived when a call has failed", async () => {
    const partial = answerOf("The first ha");
    const error = new ModelInvocationError("Broke off.", {
      ...{ reason: "interrupted", model: PRICED, partial },
    });
    for (const [thrown, answer] of [
      [error, "The first ha"],
      [new Error("no"), undefined],
    ] as const) {
      const records = await recordsOf(({ invoke }) => invoke("Hello"), {
        ...{ middy, options: { content: ALL } },
        provider: providerOf(async () => {
          throw thrown;
        }),
      });
      expect(
        fieldsOf(records.find(({ event }) => event === "call-error")),
      ).toEqual({ prompt: "Hello", answer });
    }
  });

  test("is the kind and the size of what is no text", async () => {
    const bytes = Buffer.from("secret bytes");
    const blocks: ContentBlock[] = [
      { text: "Look:" },
      { image: { format: "png", source: { bytes } } },
      {
        image: {
          format: "png",
          source: { s3Location: { uri: "s3://secret/bytes" } },
        },
      },
      {
        document: {
          ...{ name: "secret bytes", format: "txt" },
          source: { text: "secret bytes" },
        },
      },
      { video: { format: "mp4", source: { bytes } } },
      { cachePoint: { type: "default" } },
      { guardContent: { text: { text: "guarded" } } },
      { guardContent: { image: { format: "png", source: { bytes } } } },
      {
        citationsContent: {
          content: [{ text: "cited" }],
          citations: [{ source: "secret bytes" }],
        },
      },
      { citationsContent: {} },
      {
        reasoningContent: {
          reasoningText: { text: "secret bytes", signature: "secret bytes" },
        },
      },
      { reasoningContent: { redactedContent: bytes } },
      {
        searchResult: {
          ...{ source: "secret bytes", title: "secret bytes" },
          content: [{ text: "secret bytes" }],
        },
      },
      { toolUse: { toolUseId: "1", name: "look", input: { at: "secret" } } },
      {
        toolResult: { toolUseId: "1", content: [{ text: "secret bytes" }] },
      },
      { $unknown: ["new", "secret bytes"] },
    ];
    const expected = [
      ...["Look:", "[image png, 12 bytes]", "[image png]"],
      ...["[document txt, 12 characters]", "[video mp4, 12 bytes]"],
      ...["guarded", "[image png, 12 bytes]", "cited", "[reasoningContent]"],
      ...["[reasoningContent]", "[searchResult]", "[tool look]"],
      ...["[tool result]", "[$unknown]"],
    ].join("\n");
    const answered = answerOf("", {
      message: { role: "assistant", content: [...blocks, {} as ContentBlock] },
    });
    const { answer } = await recordOf({ answers: true }, {}, answered);
    expect(answer).toBe(`${expected}\n[]`);
    const withTools = await recordOf(ALL, {}, answered);
    expect(withTools.answer).toContain(
      '[tool look: {"at":"secret"}]\n[tool result: secret bytes]',
    );
  });

  test("is what a tool is given and what it returns, without its bytes", async () => {
    const tools = async (
      input: unknown,
      result: readonly ToolResultContent[] | undefined,
      content: ContentOptions,
    ) => {
      const records = await recordsOf(
        async (context) => {
          await invocationOf(context).operations.run(
            {
              ...{ kind: "tool", name: "look", toolUseId: "t1", input },
              ...{ run: { id: "r", isResumable: false } },
              ...{ description: "Looks.", agent: "writer" },
            },
            async () => {},
            () =>
              result === undefined
                ? { status: "suspended" }
                : {
                    status: "completed",
                    result: { status: "success", content: result },
                  },
          );
        },
        { middy, options: { content } },
      );
      return fieldsOf(records[0]);
    };
    const bytes = Buffer.from("secret bytes");
    const result = [
      ...[{ text: "A text" }, { json: { a: 1, bytes } as never }],
      { image: { format: "png", source: { bytes } } },
    ];
    const input = { city: "Oslo", file: bytes, view: new Uint16Array(2) };
    expect(await tools(input, result, ALL)).toEqual({
      toolInput: '{"city":"Oslo","file":"[12 bytes]","view":"[4 bytes]"}',
      toolResult: 'A text\n{"a":1,"bytes":"[12 bytes]"}\n[image png, 12 bytes]',
    });
    expect(await tools(undefined, undefined, ALL)).toEqual({});
    expect(await tools(input, result, { answers: true })).toEqual({});
  });

  test("is redacted as a whole, and cut after that", async () => {
    const text = `${"x".repeat(995)} ada@example.com, 4111 1111 1111 1111`;
    expect((await recordOf(ALL, { text })).prompt).toBe(
      `${"x".repeat(995)} [ema…`,
    );
    const short = { ...ALL, maxTextLength: 5 };
    expect((await recordOf(short, { text: "12345" })).prompt).toBe("12345");
    expect((await recordOf(short, { text: "1234😀" })).prompt).toBe("1234…");
    expect((await recordOf(short, { text: "123😀" })).prompt).toBe("123😀");
  });

  test("is never cut within a character", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme", minLength: 1 }),
        fc.integer({ min: 1, max: 20 }),
        async (text, maxTextLength) => {
          fc.pre(text.trim() !== "");
          const { prompt } = await recordOf(
            { prompts: true, redact: (given) => given, maxTextLength },
            { text },
          );
          const kept = String(prompt).replace(/…$/, "");
          expect(String(prompt).isWellFormed()).toBe(true);
          expect(text.startsWith(kept)).toBe(true);
          expect(kept.length).toBeLessThanOrEqual(maxTextLength);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("is redacted by functions and data maskers, one after the other, in the place of the rules", async () => {
    const prompt = async (content: ContentOptions["redact"]) =>
      (
        await recordOf(
          { prompts: true, redact: content },
          { text: "Ada, ada@example.com, +49 30 1234567" },
        )
      ).prompt;
    const own = (text: string) => text.replaceAll("Ada", "[name]");
    // As `DataMasking` of Powertools does, without options and with them.
    const masker = {
      mask: "*****",
      erase(data: string, rule?: { regexPattern: RegExp; maskFormat: string }) {
        return rule === undefined
          ? this.mask
          : data.replace(rule.regexPattern, rule.maskFormat);
      },
    };
    expect(await prompt(undefined)).toBe("Ada, [email], [phone]");
    expect(await prompt(own)).toBe("[name], ada@example.com, +49 30 1234567");
    expect(await prompt([redact, own])).toBe("[name], [email], [phone]");
    expect(await prompt([redactionRules.email, own])).toBe(
      "[name], [email], +49 30 1234567",
    );
    expect(await prompt(masker)).toBe("*****");
    expect(
      await prompt((text) =>
        masker.erase(text, { regexPattern: /\d/g, maskFormat: "#" }),
      ),
    ).toBe("Ada, ada@example.com, +## ## #######");
  });

  test.each<[string, ContentOptions["redact"]]>([
    [
      "throws",
      (text) => {
        throw new TypeError(text);
      },
    ],
    ["returns no text", (() => 5) as unknown as () => string],
    [
      "returns a promise",
      (async () => {
        throw new TypeError("late");
      }) as unknown as () => string,
    ],
    ["loses the text on its way", [{ erase: () => undefined }, redact]],
  ])(
    "is left out when its redaction %s, and that is reported once, without it",
    async (_what, broken) => {
      const records = await recordsOf(
        async ({ invoke }) => [await invoke("secret"), await invoke("secret")],
        { middy, options: { content: { ...ALL, redact: broken } } },
      );
      expect(JSON.stringify(records)).not.toContain("secret");
      expect(records.map(({ event }) => event)).toContain("call-end");
      expect(printed()).toEqual([
        "LambdaLLMWarning: logging: Content was left out, because its redaction failed: TypeError",
      ]);
    },
  );

  test("is left out when what fails cannot be named", async () => {
    const records = await recordsOf(({ invoke }) => invoke("secret"), {
      middy,
      options: {
        content: {
          ...ALL,
          redact: () => {
            throw undefined;
          },
        },
      },
    });
    expect(JSON.stringify(records)).not.toContain("secret");
    expect(printed()).toEqual([
      "LambdaLLMWarning: logging: Content was left out, because its redaction failed: an error",
    ]);
  });
});
