import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import { ConfigurationError, type Message, Model } from "@lambdallm/core";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import router, { type RouterOptions } from "@lambdallm/router";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  asking,
  type HandlerContext,
  IMAGE,
  type Middy,
  NOW,
  rejection,
  run,
  TOOL,
} from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await startBedrock({ now: () => NOW });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

const routed = <Result>(
  middy: Middy,
  options: RouterOptions,
  handler: (context: HandlerContext) => Promise<Result>,
  region = "us-east-1",
) =>
  run(
    middy,
    [
      bedrock({
        region,
        temperature: 0.5,
        clientConfig: {
          endpoint: local.url,
          credentials: { accessKeyId: "local", secretAccessKey: "local" },
        },
      }),
      router(options),
    ],
    handler,
  );

const models = [Model.NOVA_MICRO, Model.NOVA_LITE, Model.CLAUDE_SONNET_4_6];

const sentTo = () => local.requests.map(({ modelId }) => modelId);
const bodies = () => local.requests.map(({ body }) => body);

describe.each(middyMajors)("Over the AWS SDK, on %s", (_name, middy) => {
  test("the chosen model is the one that the service is asked for", async () => {
    const { chosen, own } = await routed(middy, { models }, async (context) => {
      await context.invoke("Say hello");
      const chosen = await context.converse(
        asking({
          messages: [
            { role: "user", content: [IMAGE, { text: "What is it?" }] },
          ],
        }),
      );
      const own = await context.converse(asking({ model: Model.NOVA_PRO }));
      return { chosen, own };
    });
    expect(sentTo()).toEqual([
      `us.${Model.NOVA_MICRO}`,
      `us.${Model.NOVA_LITE}`,
      `us.${Model.NOVA_PRO}`,
    ]);
    expect(chosen).toMatchObject({
      model: `us.${Model.NOVA_LITE}`,
      tags: {
        "route.model": Model.NOVA_LITE,
        "route.reason": "cheapest: 2 of 3 models fit",
      },
    });
    expect(own).not.toHaveProperty("tags");
  });

  test("the request is the chosen model's, not the default one's", async () => {
    const history: Message[] = [
      { role: "user", content: [{ text: "Think." }] },
      {
        role: "assistant",
        content: [
          {
            reasoningContent: {
              reasoningText: { text: "Hm.", signature: "abc" },
            },
          },
          { text: "Thought." },
        ],
      },
      { role: "user", content: [{ text: "And?" }] },
    ];
    const request = {
      messages: history,
      maxTokens: 90_000,
      bedrock: {
        additionalModelRequestFields: { top_k: 3 },
        requestMetadata: { team: "a" },
      },
    };
    await routed(middy, { models: [Model.NOVA_LITE] }, ({ converse }) =>
      converse(request),
    );
    await routed(middy, { models: [Model.CLAUDE_OPUS_5] }, ({ converse }) =>
      converse(request),
    );
    expect(bodies()).toMatchObject([
      {
        inferenceConfig: { temperature: 0.5, maxTokens: 10_000 },
        requestMetadata: { team: "a" },
      },
      { inferenceConfig: { maxTokens: 90_000 } },
    ]);
    for (const body of bodies()) {
      expect(body).not.toHaveProperty("additionalModelRequestFields");
      expect(JSON.stringify(body)).not.toContain("reasoningContent");
    }
    // The newest models take no sampling parameters.
    expect(bodies()[1]).not.toHaveProperty("inferenceConfig.temperature");
  });

  test("a stream with tools goes to a model that streams them", async () => {
    const response = await routed(
      middy,
      { models: [Model.LLAMA3_1_8B, Model.CLAUDE_HAIKU_4_5] },
      async ({ converse, stream }) => {
        let text = "";
        for await (const piece of stream("Say hello")) text += piece;
        expect(text).not.toBe("");
        return converse(asking({ tools: [TOOL], onDelta: () => {} }));
      },
    );
    expect(sentTo()).toEqual([
      `us.${Model.LLAMA3_1_8B}`,
      `us.${Model.CLAUDE_HAIKU_4_5}`,
    ]);
    expect(response.tags?.["route.model"]).toBe(Model.CLAUDE_HAIKU_4_5);
  });

  test("an answer in a shape is asked for in the chosen model's own way", async () => {
    const ask = async ({ invokeStructured }: HandlerContext) =>
      invokeStructured("Describe: a cat", { title: "string" });
    const pair = [Model.NOVA_LITE, Model.CLAUDE_SONNET_4_6];
    const byTool = await routed(middy, { models: pair }, ask);
    const native = await routed(
      middy,
      { models: pair, requireNativeOutput: true },
      ask,
    );
    expect([typeof byTool.title, typeof native.title]).toEqual([
      "string",
      "string",
    ]);
    expect(sentTo()).toEqual([
      `us.${Model.NOVA_LITE}`,
      `us.${Model.CLAUDE_SONNET_4_6}`,
    ]);
    expect(bodies()[0]).toHaveProperty("toolConfig");
    expect(bodies()[1]).toHaveProperty("outputConfig");
  });

  test("the provider's Region decides whether a model is still there", async () => {
    const only = { models: [Model.CLAUDE_3_HAIKU] };
    const ask = async ({ invoke }: HandlerContext) => invoke("Say hello");
    await routed(middy, only, ask, "ca-central-1");
    expect(local.requests).toHaveLength(1);
    const error = await rejection(routed(middy, only, ask));
    expect(ConfigurationError.isInstance(error)).toBe(true);
    expect(String(error)).toContain("it reached its end of life on 2026-09-10");
    expect(local.requests).toHaveLength(1);
  });
});
