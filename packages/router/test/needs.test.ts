import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  type ConverseRequest,
  type Message,
  Model,
  registerModel,
} from "@lambdallm/core";
import router, { type RouteCircumstances } from "@lambdallm/router";
import { asking, DOCUMENT, IMAGE, NOW, TOOL } from "./support.ts";

const ABLE = "needs-test.able";
const LIMITED = "needs-test.limited";
const UNKNOWN = "needs-test.unknown";

beforeAll(() => {
  const prices = { input: 1, output: 1 };
  registerModel(ABLE, { prices, contextWindowTokens: 1_000_000 });
  registerModel(LIMITED, {
    prices: { input: 0.1, output: 0.1 },
    contextWindowTokens: 10_000,
    maxOutputTokens: 400,
    tools: false,
    vision: false,
    pdf: false,
    nativeStructuredOutput: false,
  });
});

/** Why the limited model cannot take a request; the able one always can. */
function misfitsFor(
  request: string | ConverseRequest,
  circumstances: RouteCircumstances = {},
  options: object = {},
) {
  const { ranking } = router({ models: [LIMITED, ABLE], ...options }).explain(
    request,
    { now: NOW, ...circumstances },
  );
  return ranking.find(({ model }) => model === LIMITED)?.misfits;
}

const conversation = (...content: Message["content"]): ConverseRequest => ({
  messages: [{ role: "user", content }],
});

describe("A model is chosen only if it can do what the call needs", () => {
  test("which is nothing special for a plain prompt", () => {
    expect(misfitsFor("Hi")).toEqual([]);
  });

  test("tools", () => {
    expect(misfitsFor(asking({ tools: [TOOL] }))).toEqual(["it has no tools"]);
    expect(misfitsFor(asking({ tools: [] }))).toEqual([]);
  });

  test("tools, when the conversation has calls of them", () => {
    const call = { toolUseId: "1", name: "look", input: {} };
    expect(misfitsFor(conversation({ toolUse: call }))).toEqual([
      "it has no tools",
    ]);
    expect(
      misfitsFor(
        conversation({
          toolResult: { toolUseId: "1", content: [{ text: "5" }] },
        }),
      ),
    ).toEqual(["it has no tools"]);
  });

  test("tools in a stream", () => {
    const routing = router({ models: [Model.LLAMA3_1_8B] });
    const explain = (request: ConverseRequest) =>
      routing.explain(request, { now: NOW }).ranking[0]?.misfits;
    expect(explain(asking({ tools: [TOOL] }))).toEqual([]);
    expect(explain(asking({ tools: [TOOL], onDelta: () => {} }))).toEqual([
      "it has no tools in streams",
    ]);
    expect(explain(asking({ onDelta: () => {} }))).toEqual([]);
  });

  test("images and documents, wherever they are", () => {
    expect(misfitsFor(conversation(IMAGE))).toEqual(["it reads no images"]);
    expect(misfitsFor(conversation({ guardContent: IMAGE }))).toEqual([
      "it reads no images",
    ]);
    const text = { document: { ...DOCUMENT.document, format: "txt" } };
    expect(misfitsFor(conversation(text))).toEqual([]);
    expect(misfitsFor(conversation(DOCUMENT))).toEqual([
      "it reads no PDF documents",
    ]);
    expect(
      misfitsFor(
        conversation({
          toolResult: { toolUseId: "1", content: [IMAGE, DOCUMENT] },
        }),
      ),
    ).toEqual([
      "it has no tools",
      "it reads no images",
      "it reads no PDF documents",
    ]);
  });

  test("not what a block leaves undefined", () => {
    // As other code may build blocks.
    const block = { text: "Hi", document: undefined } as unknown as {
      text: string;
    };
    expect(misfitsFor(conversation(block))).toEqual([]);
  });

  test("room for the input and the answer, which is no longer than the model's longest", () => {
    const text = "four".repeat(9_600);
    expect(
      misfitsFor(
        asking({
          messages: [{ role: "user", content: [{ text }] }],
          maxTokens: 10_000,
        }),
      ),
    ).toEqual([]);
    expect(misfitsFor(`${text}!`, {}, { expectedOutputTokens: 400 })).toEqual([
      "about 10001 tokens do not fit into its context of 10000",
    ]);
    expect(misfitsFor(text, {}, { expectedOutputTokens: 400 })).toEqual([]);
    const longer = text + "four".repeat(100);
    expect(misfitsFor(longer, {}, { expectedOutputTokens: 300 })).toEqual([]);
    expect(misfitsFor(longer, {}, { expectedOutputTokens: 301 })).toEqual([
      "about 10001 tokens do not fit into its context of 10000",
    ]);
    expect(misfitsFor({ ...asking(), system: text.repeat(2) })).toEqual([
      "about 19604 tokens do not fit into its context of 10000",
    ]);
    expect(
      misfitsFor({ ...asking(), system: [{ text: text.repeat(2) }] }),
    ).toEqual(["about 19604 tokens do not fit into its context of 10000"]);
  });

  test("native structured output only if that is required", () => {
    const request = asking({ output: { schema: { type: "object" } } });
    expect(misfitsFor(request)).toEqual([]);
    const required = { requireNativeOutput: true };
    expect(misfitsFor(request, {}, required)).toEqual([
      "it is not known to have native structured output",
    ]);
    expect(misfitsFor("Hi", {}, required)).toEqual([]);
  });

  test("a life that has not ended, in its Region", () => {
    const alive = (model: string, circumstances: RouteCircumstances) =>
      router({ models: [model] }).explain("Hi", circumstances).ranking[0]
        ?.misfits;
    const retired = Model.CLAUDE_3_HAIKU; // 2026-09-10; later in some Regions
    const over = ["it reached its end of life on 2026-09-10"];
    expect(alive(retired, { now: Date.UTC(2026, 8, 9) })).toEqual([]);
    expect(alive(retired, { now: Date.UTC(2026, 8, 10) })).toEqual(over);
    expect(alive(retired, { now: NOW, region: "us-east-1" })).toEqual(over);
    expect(alive(retired, { now: NOW, region: "ca-central-1" })).toEqual([]);
    const arn = `arn:aws:bedrock:ca-central-1::foundation-model/${retired}`;
    expect(alive(arn, { now: NOW, region: "us-east-1" })).toEqual([]);
    // Without a date it is today's.
    expect(alive(Model.CLAUDE_INSTANT, {})).toHaveLength(1);
  });

  test("and a model that nobody knows is taken to be able to do everything", () => {
    const everything = {
      ...conversation(IMAGE, DOCUMENT, { text: "x".repeat(4_000_000) }),
      tools: [TOOL],
      onDelta: () => {},
    };
    const { model } = router({ models: [LIMITED, UNKNOWN] }).explain(
      everything,
    );
    expect(model).toBe(UNKNOWN);
  });
});
