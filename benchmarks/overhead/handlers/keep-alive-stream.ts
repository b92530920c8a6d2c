import {
  BedrockRuntimeClient,
  ConverseStreamCommand,
  type TokenUsage,
} from "@aws-sdk/client-bedrock-runtime";
import middy from "@middy/core";
import httpErrorHandler from "@middy/http-error-handler";
import httpJsonBodyParser from "@middy/http-json-body-parser";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { SummaryEvent } from "../../shared/event.ts";

const client = new BedrockRuntimeClient({
  requestHandler: new NodeHttpHandler({ connectionTimeout: 3_000 }),
});

export const handler = middy<SummaryEvent>()
  .use(httpErrorHandler())
  .use(httpJsonBodyParser())
  .handler(async (event) => {
    const { text, words } = event.body;
    const { stream } = await client.send(
      new ConverseStreamCommand({
        modelId: "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        messages: [
          {
            role: "user",
            content: [
              { text: `Summarize in at most ${words} words:\n\n${text}` },
            ],
          },
        ],
        inferenceConfig: { maxTokens: 500 },
      }),
    );
    let summary = "";
    let usage: TokenUsage | undefined;
    for await (const { contentBlockDelta, metadata } of stream ?? []) {
      summary += contentBlockDelta?.delta?.text ?? "";
      usage ??= metadata?.usage;
    }
    return {
      statusCode: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        summary,
        inputTokens: usage?.inputTokens,
        outputTokens: usage?.outputTokens,
      }),
    };
  });
