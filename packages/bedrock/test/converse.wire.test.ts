import { getEventListeners } from "node:events";
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import { ConfigurationError, type ContentBlock, Model } from "@lambdallm/core";
import type { LocalBedrock, ReplyObject } from "@lambdallm/local";
import { bodyOf, failureOf, invocation, start } from "./support.ts";

let local: LocalBedrock;
let reply: ReplyObject | string;
beforeAll(async () => {
  local = await start({ respond: () => reply });
});
beforeEach(() => {
  local.reset();
  reply = "A good answer";
});
afterAll(() => local.close());

describe("A plain call", () => {
  test("sends one user message to the model of the options", async () => {
    const answer = await invocation(
      local,
      (context) => context.invoke("Translate: {text}", { text: "Hallo" }),
      { model: "my.model-v1:0" },
    );
    expect(answer).toBe("A good answer");
    expect(local.requests[0]).toMatchObject({
      operation: "Converse",
      modelId: "my.model-v1:0",
      path: "/model/my.model-v1%3A0/converse",
      body: {
        messages: [{ role: "user", content: [{ text: "Translate: Hallo" }] }],
      },
    });
    expect(bodyOf(local)["inferenceConfig"]).toEqual({ maxTokens: 4_096 });
  });

  test("sends settings of the middleware, overridden call by call; 0 is a value", async () => {
    await invocation(
      local,
      (context) =>
        context.invoke(
          "Hi {name}",
          { name: "Ada" },
          {
            temperature: 0,
            stopSequences: ["END"],
            system: "Be brief.",
            tags: { team: "search & más" },
            bedrock: {
              serviceTier: { type: "flex" },
              requestMetadata: { own: "1" },
              additionalModelRequestFields: { top_k: 5 },
              guardrailConfig: {
                guardrailIdentifier: "gr",
                guardrailVersion: "1",
              },
            },
          },
        ),
      { model: "my.model", maxTokens: 300, temperature: 1, topP: 0.5 },
    );
    expect(bodyOf(local)).toEqual({
      messages: [{ role: "user", content: [{ text: "Hi Ada" }] }],
      system: [{ text: "Be brief." }],
      inferenceConfig: {
        maxTokens: 300,
        temperature: 0,
        topP: 0.5,
        stopSequences: ["END"],
      },
      serviceTier: { type: "flex" },
      requestMetadata: { team: "search _ m_s", own: "1" },
      additionalModelRequestFields: { top_k: 5 },
      guardrailConfig: { guardrailIdentifier: "gr", guardrailVersion: "1" },
    });
  });

  test("reports text, usage, cost, stop reason and what else the service said", async () => {
    reply = {
      content: [{ text: "Yes" }],
      stopReason: "stop_sequence",
      usage: {
        inputTokens: 1_000,
        outputTokens: 100,
        cacheReadInputTokens: 2_000,
        cacheWriteInputTokens: 500,
        cacheDetails: [{ ttl: "1h", inputTokens: 500 }],
      },
      metrics: { latencyMs: 12 },
      additionalModelResponseFields: { stop_sequence: "END" },
    };
    const LEAST_MS = 30;
    local.setFaults([{ latencyMs: LEAST_MS }]);
    const { response, total, tookMs } = await invocation(
      local,
      async (context) => {
        const start = performance.now();
        const answer = await context.converse({
          messages: [{ role: "user", content: [{ text: "Well?" }] }],
        });
        return {
          response: answer,
          total: context.totalCostUsd,
          tookMs: performance.now() - start,
        };
      },
    );
    expect(response).toMatchObject({
      text: "Yes",
      message: { role: "assistant", content: [{ text: "Yes" }] },
      stopReason: "stop_sequence",
      usage: {
        inputTokens: 1_000,
        outputTokens: 100,
        totalTokens: 3_600,
        cacheReadInputTokens: 2_000,
        cacheWriteInputTokens: 500,
        cacheDetails: [{ ttl: "1h", inputTokens: 500 }],
      },
      model: `us.${Model.CLAUDE_HAIKU_4_5}`,
      region: "us-east-1",
      attempts: 1,
      requestId: expect.any(String),
      bedrock: {
        metrics: { latencyMs: 12 },
        additionalModelResponseFields: { stop_sequence: "END" },
      },
    });
    // The caller's time, not the service's; its timer has whole milliseconds.
    expect(response.latencyMs).toBeGreaterThan(LEAST_MS - 1);
    expect(response.latencyMs).toBeLessThanOrEqual(tookMs);
    // us. profile: 1.1, 5.5, reads 0.11, one-hour writes 2.2 USD a million.
    expect(response.costUsd).toBe(0.0011 + 0.00055 + 0.00022 + 0.0011);
    expect(total).toBe(response.costUsd);
  });

  test("of a prompt router is priced by the model that answered", async () => {
    reply = {
      content: [{ text: "Yes" }],
      usage: { inputTokens: 1_000_000, outputTokens: 0 },
      trace: {
        promptRouter: {
          invokedModelId:
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
        },
      },
    };
    const { costUsd, model } = await invocation(local, (context) =>
      context.converse({
        model:
          "arn:aws:bedrock:us-east-1:1:default-prompt-router/amazon.nova:1",
        messages: [{ role: "user", content: [{ text: "Well?" }] }],
      }),
    );
    expect(model).toContain("foundation-model/amazon.nova-lite-v1:0");
    expect(costUsd).toBe(0.06);
  });

  test("of an unknown model has no cost, and neither has the invocation", async () => {
    const { response, total } = await invocation(local, async (context) => ({
      response: await context.converse({
        model: "my.model",
        messages: [{ role: "user", content: [{ text: "Well?" }] }],
      }),
      total: context.totalCostUsd,
    }));
    expect(response.costUsd).toBeUndefined();
    expect(total).toBeUndefined();
  });
});

const bytes = new Uint8Array([1, 2, 3]);
const base64 = "AQID";
const document = {
  name: "Report 1",
  format: "pdf",
  source: { bytes },
  citations: { enabled: true },
};
type Pair = [name: string, block: ContentBlock, wire?: object];
const requestBlocks: Pair[] = [
  ["text", { text: "Hello" }],
  [
    "image",
    { image: { format: "png", source: { bytes } } },
    { image: { format: "png", source: { bytes: base64 } } },
  ],
  [
    "image in S3",
    { image: { format: "png", source: { s3Location: { uri: "s3://b/k" } } } },
  ],
  [
    "document",
    { document },
    { document: { ...document, source: { bytes: base64 } } },
  ],
  [
    "video",
    { video: { format: "mp4", source: { s3Location: { uri: "s3://b/k" } } } },
  ],
  [
    "audio",
    { audio: { format: "mp3", source: { bytes } } },
    { audio: { format: "mp3", source: { bytes: base64 } } },
  ],
  ["tool call", { toolUse: { toolUseId: "1", name: "f", input: { a: [1] } } }],
  [
    "reasoning",
    { reasoningContent: { reasoningText: { text: "Hm", signature: "s" } } },
  ],
  [
    "redacted reasoning",
    { reasoningContent: { redactedContent: bytes } },
    { reasoningContent: { redactedContent: base64 } },
  ],
  ["cache point", { cachePoint: { type: "default", ttl: "1h" } }],
  [
    "guarded text",
    { guardContent: { text: { text: "check", qualifiers: ["query"] } } },
  ],
  [
    "search result",
    {
      searchResult: { source: "s", title: "t", content: [{ text: "found" }] },
    },
  ],
  [
    "citations",
    { citationsContent: { content: [{ text: "c" }], citations: [] } },
  ],
  ["tool addition", { toolAddition: { tool: { name: "f" } } }],
  ["tool removal", { toolRemoval: { tool: { name: "f" } } }],
  [
    "a marked unknown member",
    { $unknown: ["hologram", { depth: 3 }] },
    { hologram: { depth: 3 } },
  ],
];

describe("Content goes to the service without loss", () => {
  test.each(requestBlocks)("%s", async (_, block, wire = block) => {
    await invocation(local, (context) =>
      context.converse({
        model: "my.model",
        messages: [{ role: "user", content: [{ text: "See:" }, block] }],
      }),
    );
    expect(bodyOf(local)["messages"]).toEqual([
      { role: "user", content: [{ text: "See:" }, wire] },
    ]);
  });

  test("a tool's call and its result; the tool is declared even when it is not offered again", async () => {
    const messages = [
      { role: "user", content: [{ text: "Rain?" }] },
      {
        role: "assistant",
        content: [{ toolUse: { toolUseId: "1", name: "weather", input: {} } }],
      },
      {
        role: "user",
        content: [
          {
            toolResult: {
              toolUseId: "1",
              content: [{ json: { rain: true } }, { text: "ok" }],
              status: "success",
            },
          },
        ],
      },
    ] as const;
    await invocation(local, (context) => context.converse({ messages }));
    expect(bodyOf(local)).toMatchObject({
      messages,
      toolConfig: {
        tools: [
          {
            toolSpec: {
              name: "weather",
              inputSchema: { json: { type: "object" } },
            },
          },
        ],
      },
    });
  });

  test("a block kind that nobody marked as unknown", async () => {
    const hologram = { hologram: { depth: 3 } } as unknown as ContentBlock;
    await invocation(local, (context) =>
      context.converse({
        model: "my.model",
        messages: [{ role: "user", content: [hologram] }],
      }),
    );
    expect(bodyOf(local)["messages"]).toEqual([
      { role: "user", content: [hologram] },
    ]);
  });

  test.each([
    ["a quote in it", { 'x": 1, "y': {} }],
    ["nothing in it", { "": {} }],
    ["a quote in it, marked as unknown", { $unknown: ['x": 1, "y', {}] }],
    ["a mark that is none", { $unknown: {} }],
  ])(
    "no block whose name has %s, because it would change the request's JSON",
    async (_what, block) => {
      local.reset();
      const content = [block as unknown as ContentBlock];
      const error = await failureOf(
        invocation(local, (context) =>
          context.converse({ messages: [{ role: "user", content }] }),
        ),
      );
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(
        /^messages\[\d\]\.content\[\d\] has a name that no block can have/,
      );
      expect(local.requests).toHaveLength(0);
    },
  );

  test("tools, tool choice and cache points", async () => {
    const tools = [
      {
        toolSpec: {
          name: "weather",
          description: "Weather of a city",
          inputSchema: { json: { type: "object", properties: {} } },
        },
      },
      { cachePoint: { type: "default" } },
    ] as const;
    await invocation(local, (context) =>
      context.converse({
        model: "my.model",
        system: [{ text: "s" }, { cachePoint: { type: "default" } }],
        messages: [{ role: "user", content: [{ text: "Rain?" }] }],
        tools,
        toolChoice: { tool: { name: "weather" } },
      }),
    );
    expect(bodyOf(local)).toMatchObject({
      system: [{ text: "s" }, { cachePoint: { type: "default" } }],
      toolConfig: { tools, toolChoice: { tool: { name: "weather" } } },
    });
  });
});

const answerBlocks: [string, ContentBlock][] = [
  ["text", { text: "Hello" }],
  ["tool call", { toolUse: { toolUseId: "t1", name: "f", input: { a: [1] } } }],
  [
    "reasoning",
    { reasoningContent: { reasoningText: { text: "Hm", signature: "sig" } } },
  ],
  ["redacted reasoning", { reasoningContent: { redactedContent: bytes } }],
];

describe.each(["Converse", "ConverseStream"] as const)(
  "%s: content comes back without loss, and can be sent again",
  (operation) => {
    test.each(answerBlocks)("%s", async (_, block) => {
      reply = { content: [block, { text: "done" }] };
      const messages = [
        { role: "user" as const, content: [{ text: "Go on" }] },
      ];
      const echo = await invocation(local, async (context) => {
        const request = {
          model: "my.model",
          messages,
          ...(operation === "ConverseStream" && { onDelta: () => {} }),
        };
        const { message } = await context.converse(request);
        const results = message.content.flatMap((answered) =>
          "toolUse" in answered && answered.toolUse.type === undefined
            ? [
                {
                  toolResult: {
                    toolUseId: answered.toolUse.toolUseId,
                    content: [{ text: "seen" }],
                  },
                },
              ]
            : [],
        );
        await context.converse({
          ...request,
          messages: [
            ...messages,
            message,
            { role: "user", content: [...results, { text: "Go on" }] },
          ],
        });
        return message;
      });
      expect(local.requests[0]?.operation).toBe(operation);
      // `text` next to text is one block in a stream's eyes only where the service says so.
      expect(echo.content).toEqual([block, { text: "done" }]);
      const sent = bodyOf(local)["messages"] as { content: unknown[] }[];
      expect(sent[1]?.content).toHaveLength(2);
    });

    test("an unknown member of the answer survives the round trip", async () => {
      if (operation === "Converse")
        reply = {
          content: [
            { hologram: { depth: 3 } } as unknown as ContentBlock,
            { text: "done" },
          ],
        };
      else
        reply = {
          content: [],
          rawEvents: [
            { type: "messageStart", payload: { role: "assistant" } },
            {
              type: "contentBlockDelta",
              payload: {
                contentBlockIndex: 0,
                delta: { hologram: { depth: 3 } },
              },
            },
            { type: "contentBlockStop", payload: { contentBlockIndex: 0 } },
            {
              type: "contentBlockDelta",
              payload: { contentBlockIndex: 1, delta: { text: "done" } },
            },
            { type: "newsFromTheFuture", payload: {} },
            { type: "messageStop", payload: { stopReason: "time_travel" } },
          ],
        };
      const response = await invocation(local, async (context) => {
        const messages = [
          { role: "user" as const, content: [{ text: "Go on" }] },
        ];
        const answer = await context.converse({
          model: "my.model",
          messages,
          ...(operation === "ConverseStream" && { onDelta: () => {} }),
        });
        reply = "fine";
        await context.converse({
          model: "my.model",
          messages: [...messages, answer.message],
        });
        return answer;
      });
      expect(response.message.content).toEqual([
        { $unknown: ["hologram", { depth: 3 }] },
        { text: "done" },
      ]);
      const sent = bodyOf(local)["messages"] as { content: unknown[] }[];
      expect(sent[1]?.content[0]).toEqual({ hologram: { depth: 3 } });
      if (operation === "ConverseStream")
        expect(response.stopReason).toBe("time_travel");
    });
  },
);

describe("A guardrail that steps in", () => {
  test("is an error of invoke and a response of converse", async () => {
    reply = {
      content: [{ text: "Sorry, no." }],
      stopReason: "guardrail_intervened",
      trace: { guardrail: { actionReason: "blocked" } },
    };
    await invocation(local, async (context) => {
      await expect(context.invoke("Bad words")).rejects.toMatchObject({
        name: "GuardrailError",
        statusCode: 422,
        response: { text: "Sorry, no." },
      });
      const response = await context.converse({
        messages: [{ role: "user", content: [{ text: "Bad words" }] }],
      });
      expect(response).toMatchObject({
        text: "Sorry, no.",
        bedrock: { trace: { guardrail: { actionReason: "blocked" } } },
      });
    });
  });
});

describe("countTokens", () => {
  test("asks the service about the bare model", async () => {
    const tokens = await invocation(local, (context) =>
      context.countTokens({
        system: "Be brief.",
        messages: [{ role: "user", content: [{ text: "How many are we?" }] }],
      }),
    );
    expect(tokens).toBeGreaterThan(0);
    expect(local.requests[0]).toMatchObject({
      operation: "CountTokens",
      modelId: Model.CLAUDE_HAIKU_4_5,
    });
  });

  test("fails with a typed error", async () => {
    await invocation(local, (context) =>
      expect(
        context.countTokens({
          model:
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
          messages: [{ role: "user", content: [{ text: "Hm" }] }],
        }),
      ).rejects.toMatchObject({ name: "ModelInvocationError" }),
    );
  });
});

test("Nothing listens to the signal of a call that has ended", async () => {
  reply = { content: [{ text: "Yes" }] };
  const signals: AbortSignal[] = [];
  await invocation(
    local,
    (context) => context.invoke("Well?"),
    {},
    60_000,
    ({ events }) => {
      events.on("attempt-start", ({ request: { signal } }) => {
        if (signal) signals.push(signal);
      });
    },
  );
  expect(
    signals.map((signal) => getEventListeners(signal, "abort").length),
  ).toEqual([0]);
});
