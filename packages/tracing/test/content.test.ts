import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { Agent, tool } from "@lambdallm/agent";
import {
  type ContentBlock,
  Model,
  ModelInvocationError,
} from "@lambdallm/core";
import { type ProviderResponse, usageOf } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import type { CaptureContent } from "@lambdallm/tracing";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace";
import { middyMajors } from "../../../test-support/middy.ts";
import { printed } from "../../../test-support/quiet.ts";
import {
  calling,
  rejection,
  run,
  type Sdk,
  setUp,
  tearDown,
} from "./support.ts";

const CHAT = `chat ${Model.CLAUDE_HAIKU_4_5}`;
const INSTRUCTIONS = "gen_ai.system_instructions";
const INPUT = "gen_ai.input.messages";
const OUTPUT = "gen_ai.output.messages";
const text = (content: string) => ({ type: "text", content });

let sdk: Sdk;
beforeEach(() => {
  sdk = setUp();
});
afterEach(() => {
  jest.useRealTimers();
  tearDown();
});

const parsed = (name: string, attribute: string) =>
  JSON.parse(String(sdk.span(name).attributes[attribute]));

describe.each(middyMajors)("What was said on %s", (_name, middy) => {
  test("is not recorded by default, by nobody", async () => {
    await run(
      middy,
      ({ invoke }) => invoke("SECRET", {}, { system: "SECRET" }),
      { model: new MockProvider({ responses: ["SECRET"] }) },
    );
    expect(sdk.text()).not.toContain("SECRET");
  });

  test("is recorded where it is asked for, also of tools", async () => {
    const look = tool({
      name: "look",
      description: "Looks at a page.",
      input: { page: "integer" },
      run: ({ page }) => `Page ${page}`,
    });
    const agent = new Agent({
      name: "reader",
      systemPrompt: "Be brief.",
      tools: [look],
    });
    await run(middy, (context) => agent.run("Read.", context), {
      model: new MockProvider({
        responses: [calling(["look", { page: 1 }]), "Done."],
      }),
      options: { captureContent: true },
    });
    const [, last] = sdk.spans
      .filter(({ name }) => name === CHAT)
      .map(({ attributes }) => attributes);
    const json = (name: string) => JSON.parse(String(last?.[name]));
    expect(json(INSTRUCTIONS)).toEqual([text("Be brief.")]);
    expect(json(INPUT)).toEqual([
      { role: "user", parts: [text("Read.")] },
      {
        role: "assistant",
        parts: [
          {
            type: "tool_call",
            id: "look-0",
            name: "look",
            arguments: { page: 1 },
          },
        ],
      },
      {
        role: "tool",
        parts: [
          { type: "tool_call_response", id: "look-0", response: "Page 1" },
        ],
      },
    ]);
    expect(json(OUTPUT)).toEqual([
      { role: "assistant", parts: [text("Done.")], finish_reason: "end_turn" },
    ]);
    expect(json("gen_ai.tool.definitions")).toMatchObject([
      {
        type: "function",
        name: "look",
        description: "Looks at a page.",
        parameters: { type: "object" },
      },
    ]);
    expect(parsed("execute_tool look", "gen_ai.tool.call.arguments")).toEqual({
      page: 1,
    });
    expect(parsed("execute_tool look", "gen_ai.tool.call.result")).toBe(
      "Page 1",
    );
  });

  test("has a part of its own for each kind of block", async () => {
    const bytes = new Uint8Array(3);
    const s3Location = { uri: "s3://bucket/key" };
    const content: ContentBlock[] = [
      { cachePoint: { type: "default" } },
      { image: { format: "png", source: { bytes } } },
      { video: { format: "mp4", source: { s3Location } } },
      { document: { name: "a", format: "pdf", source: { bytes } } },
      { document: { name: "b", source: { bytes } } },
      { document: { name: "c", source: { text: "written" } } },
      { guardContent: { text: { text: "guarded" } } },
      { guardContent: { image: { format: "png", source: { bytes } } } },
      { $unknown: ["new", {}] },
    ];
    await run(
      middy,
      ({ converse }) =>
        converse({
          messages: [
            { role: "user", content: [{ cachePoint: { type: "default" } }] },
            { role: "user", content },
            {
              role: "assistant",
              content: [
                {
                  reasoningContent: {
                    reasoningText: { text: "Hm.", signature: "s" },
                  },
                },
                { reasoningContent: { redactedContent: bytes } },
                { citationsContent: { content: [{ text: "cited" }] } },
                { toolUse: { toolUseId: "t", name: "look", input: {} } },
              ],
            },
            {
              role: "user",
              content: [
                {
                  toolResult: {
                    toolUseId: "t",
                    content: [
                      { json: { a: 1 } },
                      { text: "b" },
                      { image: { format: "png", source: { bytes } } },
                    ],
                  },
                },
                { text: "And?" },
              ],
            },
          ],
          tools: [{ cachePoint: { type: "default" } }],
        } as never),
      { options: { captureContent: true } },
    );
    const image = {
      type: "blob",
      modality: "image",
      mime_type: "image/png",
      content: "",
      byte_length: 3,
    };
    const generic = (block: string) => ({ type: "generic", block });
    expect(parsed(CHAT, INPUT)).toEqual([
      {
        role: "user",
        parts: [
          image,
          {
            type: "uri",
            modality: "video",
            mime_type: "video/mp4",
            uri: "s3://bucket/key",
          },
          {
            type: "blob",
            modality: "document",
            mime_type: "application/pdf",
            content: "",
            byte_length: 3,
          },
          {
            type: "blob",
            modality: "document",
            content: "",
            byte_length: 3,
          },
          text("written"),
          text("guarded"),
          generic("guardContent"),
          generic("$unknown"),
        ],
      },
      {
        role: "assistant",
        parts: [
          { type: "reasoning", content: "Hm." },
          generic("reasoningContent"),
          text("cited"),
          { type: "tool_call", id: "t", name: "look", arguments: {} },
        ],
      },
      {
        role: "tool",
        parts: [
          {
            type: "tool_call_response",
            id: "t",
            response: [{ a: 1 }, "b", image],
          },
        ],
      },
      { role: "user", parts: [text("And?")] },
    ]);
    expect(parsed(CHAT, "gen_ai.tool.definitions")).toEqual([]);
  });

  test("goes to a function, whatever the sampling, and what it returns is recorded", async () => {
    const seen: unknown[] = [];
    const captureContent: CaptureContent = ({ span, ...content }) => {
      seen.push([span.isRecording(), content]);
      return { input: [{ role: "user", parts: [text("***")] }] };
    };
    const call = () =>
      run(middy, ({ invoke }) => invoke("Hello", {}, { system: "Be brief." }), {
        options: { captureContent },
      });
    await call();
    expect(parsed(CHAT, INPUT)).toEqual([
      { role: "user", parts: [text("***")] },
    ]);
    expect(sdk.span(CHAT).attributes).not.toHaveProperty([OUTPUT]);
    sdk = setUp({ sampler: new AlwaysOffSampler() });
    await call();
    expect(sdk.spans).toEqual([]);
    const content = {
      instructions: [text("Be brief.")],
      input: [{ role: "user", parts: [text("Hello")] }],
      output: [
        {
          role: "assistant",
          parts: [text("Mock response")],
          finish_reason: "end_turn",
        },
      ],
    };
    expect(seen).toEqual([
      [true, content],
      [false, content],
    ]);
  });

  test("is not recorded where it has no JSON", async () => {
    const circular: Record<string, unknown> = { type: "text" };
    circular["content"] = circular;
    const part = circular as { type: string };
    await run(middy, ({ invoke }) => invoke("Hello"), {
      options: { captureContent: () => ({ instructions: [part] }) },
    });
    expect(sdk.span(CHAT).attributes).not.toHaveProperty([INSTRUCTIONS]);
  });

  test("of a call that failed is what had come until then", async () => {
    const seen: unknown[] = [];
    const partial: ProviderResponse = {
      message: { role: "assistant", content: [{ text: "So far" }] },
      ...{ text: "So far", stopReason: "end_turn", usage: usageOf(1, 1) },
      ...{ model: Model.CLAUDE_HAIKU_4_5, latencyMs: 1 },
    };
    const errors = [
      new ModelInvocationError("Broken.", {
        ...{ reason: "interrupted", model: "m", partial },
      }),
      new ModelInvocationError("Gone.", { reason: "throttled", model: "m" }),
      new Error("foreign"),
    ];
    await run(
      middy,
      async ({ invoke }) => {
        for (const _error of errors) await rejection(invoke("Hello"));
      },
      {
        model: new MockProvider({ responses: errors }),
        options: {
          captureContent: ({ output }) => {
            seen.push(output);
            return undefined;
          },
        },
      },
    );
    expect(seen).toEqual([
      [
        {
          role: "assistant",
          parts: [text("So far")],
          finish_reason: "error",
        },
      ],
      [],
      [],
    ]);
    expect(sdk.text()).not.toContain("So far");
  });

  test("is waited for before the spans are exported, and does not make them longer", async () => {
    jest.useFakeTimers();
    const stored = Promise.withResolvers<void>();
    const answer = run(middy, ({ invoke }) => invoke("Hello"), {
      options: {
        captureContent: async () => {
          await stored.promise;
          return { output: [], instructions: [text("kept")] };
        },
      },
    });
    await jest.advanceTimersByTimeAsync(500);
    expect(sdk.spans.map(({ name }) => name)).toEqual(["attempt"]);
    stored.resolve();
    await jest.advanceTimersByTimeAsync(1);
    expect(await answer).toBe("Mock response");
    expect(parsed(CHAT, INSTRUCTIONS)).toEqual([text("kept")]);
    expect(sdk.span(CHAT).duration).toEqual([0, 0]);
  });

  test.each<[what: string, captureContent: CaptureContent, words: string]>([
    [
      "throws",
      () => {
        throw new Error("no bucket");
      },
      "no bucket",
    ],
    [
      "rejects",
      async () => {
        throw new Error("no bucket");
      },
      "no bucket",
    ],
    ["never ends", () => new Promise(() => {}), "it took longer than 100 ms"],
  ])(
    "does not break or hold up anything when the function %s: one warning",
    async (_what, captureContent, words) => {
      jest.useFakeTimers();
      const answer = run(
        middy,
        async ({ invoke }) => {
          await invoke("Hello");
          return invoke("Hello");
        },
        {
          options: { captureContent, flushTimeoutMs: 100 },
          context: new MockLambdaContext(),
        },
      );
      for (let turn = 0; turn < 10; turn++)
        await jest.advanceTimersByTimeAsync(50);
      expect(await answer).toBe("Mock response");
      expect(sdk.spans.filter(({ name }) => name === CHAT)).toHaveLength(2);
      expect(printed()).toEqual([
        `LambdaLLMWarning: tracing: captureContent failed: ${words}`,
      ]);
    },
  );

  test("is waited for also where the export is left to others", async () => {
    const answer = run(middy, ({ invoke }) => invoke("Hello"), {
      options: {
        flushTimeoutMs: 0,
        captureContent: async ({ output }) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return { output };
        },
      },
    });
    await answer;
    const { attributes } = sdk.span(CHAT);
    expect(attributes["gen_ai.output.messages"]).toContain("Mock response");
  });

  test("that comes too late is not recorded any more", async () => {
    jest.useFakeTimers();
    const stored = Promise.withResolvers<undefined>();
    const answer = run(middy, ({ invoke }) => invoke("Hello"), {
      options: { captureContent: () => stored.promise, flushTimeoutMs: 100 },
    });
    for (let turn = 0; turn < 10; turn++)
      await jest.advanceTimersByTimeAsync(50);
    await answer;
    stored.resolve(undefined);
    await jest.advanceTimersByTimeAsync(1);
    expect(sdk.spans.filter(({ name }) => name === CHAT)).toHaveLength(1);
    printed();
  });
});
