import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  type ContentBlock,
  type ConverseRequest,
  Model,
  Prompt,
  registerModel,
} from "@lambdallm/core";
import type { ModelRequest } from "@lambdallm/core/feature";
import router from "@lambdallm/router";
import { MockProvider } from "@lambdallm/testing";
import middy from "middy7";
import { NOW, routeListener, run } from "./support.ts";

const SMALL = "files-test.small";
const LARGE = "files-test.large";

beforeAll(() => {
  registerModel(SMALL, {
    prices: { input: 1, output: 5 },
    contextWindowTokens: 10_000,
    maxOutputTokens: 64_000,
    maxOutputExclusive: true,
  });
  registerModel(LARGE, {
    prices: { input: 2, output: 10 },
    contextWindowTokens: 1_000_000,
  });
});

const asking = (...content: readonly object[]): ConverseRequest => ({
  // Blocks as the service takes them.
  messages: [{ role: "user", content: content as ContentBlock[] }],
});
const explain = (request: ConverseRequest, options: object = {}) =>
  router({ models: [SMALL, LARGE], ...options }).explain(request, { now: NOW });

const MEGABYTES_5 = new Uint8Array(5_000_000);
const file = (kind: string, format: string, source: object) => ({
  [kind]: { name: "file", format, source },
});

describe("Files", () => {
  test.each([
    ["a large PDF", file("document", "pdf", { bytes: MEGABYTES_5 })],
    ["a large table", file("document", "xlsx", { bytes: MEGABYTES_5 })],
    ["a large image", file("image", "png", { bytes: MEGABYTES_5 })],
    ["a video", file("video", "mp4", { bytes: MEGABYTES_5 })],
    ["a recording", file("audio", "wav", { bytes: MEGABYTES_5 })],
    [
      "a file in S3",
      file("document", "pdf", { s3Location: { uri: "s3://bucket/file" } }),
    ],
    ["hidden thoughts", { reasoningContent: { redactedContent: MEGABYTES_5 } }],
  ])("exclude no model by what they may come to: %s", (_name, block) => {
    const { model, ranking } = explain(asking({ text: "Well?" }, block));
    expect(model).toBe(SMALL);
    for (const { fits, costUsd } of ranking) {
      expect(fits).toBe(true);
      // They do count for the cost, and cost cents.
      expect(costUsd).toBeGreaterThan(0.0025);
      expect(costUsd).toBeLessThan(1);
    }
  });

  test("of text are text, and do exclude one", () => {
    const bytes = Buffer.from("four".repeat(20_000));
    const { model, ranking } = explain(
      asking(file("document", "txt", { bytes })),
    );
    expect(model).toBe(LARGE);
    expect(ranking[1]?.misfits).toEqual([
      "about 20501 tokens do not fit into its context of 10000",
    ]);
  });
});

test("JSON that is nested 20,000 levels deep is decided on", () => {
  let input: object = { text: "Paris" };
  for (let level = 0; level < 20_000; level++) input = { input };
  const toolUse = { toolUseId: "1", name: "weather", input };
  expect(explain(asking({ toolUse })).model).toBe(SMALL);
});

describe("An answer to continue", () => {
  const models = [Model.CLAUDE_SONNET_4_6, Model.CLAUDE_OPUS_4_5];
  const question = { role: "user", content: [{ text: "A list?" }] } as const;
  const beginning = (text: string) =>
    ({ role: "assistant", content: [{ text }] }) as const;

  test("goes to a model that takes one", () => {
    const messages = [question, beginning("[")];
    const { model, ranking } = explain({ messages }, { models });
    expect(model).toBe(Model.CLAUDE_OPUS_4_5);
    expect(ranking[1]).toMatchObject({
      model: Model.CLAUDE_SONNET_4_6,
      misfits: ["it takes no answer to continue"],
    });
  });

  test("is none when somebody has said something after it, or it is blank", () => {
    for (const messages of [
      [beginning("["), question],
      [question, beginning(" ")],
    ])
      expect(explain({ messages }, { models }).model).toBe(
        Model.CLAUDE_SONNET_4_6,
      );
  });
});

test("what a model leaves out or is told in another way excludes none", () => {
  registerModel("files-test.plain", {
    prices: { input: 0.1, output: 0.1 },
    samplingParameters: false,
    stopSequences: false,
    toolChoiceAny: false,
    toolChoiceTool: false,
    systemPrompt: false,
    systemMessages: false,
    reasoningReplay: false,
  });
  const request = {
    ...asking({ text: "Well?" }),
    system: "Be brief.",
    temperature: 0.5,
    topP: 0.5,
    stopSequences: ["END"],
    tools: [
      { toolSpec: { name: "look", inputSchema: { json: { type: "object" } } } },
    ],
    toolChoice: { any: {} },
  };
  const { model } = explain(request, { models: ["files-test.plain", SMALL] });
  expect(model).toBe("files-test.plain");
});

describe("The length of the answer", () => {
  const price = (options: object, request = asking({ text: "Well?" })) =>
    explain(request, { models: [SMALL], ...options }).ranking[0]?.costUsd;

  test("is estimated by no more than a call without maxTokens may write", () => {
    expect(price({ expectedOutputTokens: 8_000 })).toBeCloseTo(
      (2 + 4_096 * 5) / 1e6,
      12,
    );
  });

  test("is never more than the model writes, which can be below its limit", () => {
    const request = { ...asking({ text: "Well?" }), maxTokens: 100_000 };
    expect(price({}, request)).toBeCloseTo((2 + 63_999 * 5) / 1e6, 12);
  });

  test("of a prompt is its default, which rules see and which excludes no model", async () => {
    const { events, middleware } = routeListener();
    const model = new MockProvider();
    const requests: ModelRequest[] = [];
    const routing = router({
      models: [SMALL, LARGE],
      rules: [
        {
          when: ({ maxTokens, request }) => {
            requests.push(request as ModelRequest);
            return maxTokens !== 1_024;
          },
          model: LARGE,
        },
      ],
    });
    const prompt = new Prompt({ name: "ask", template: "{text}" });
    await run(
      middy,
      [model.middleware(), routing, middleware],
      async (context) => context.invoke(prompt, { text: "four".repeat(9_400) }),
    );
    expect(requests[0]).not.toHaveProperty("maxTokens");
    expect(events[0]).toMatchObject({ model: SMALL });
    expect(events[0]?.ranking[0]?.costUsd).toBeCloseTo(
      (9_400 + 1_024 * 5) / 1e6,
      12,
    );
  });
});
