import {
  BedrockRuntimeClient,
  ConverseCommand,
  type ConverseCommandOutput,
} from "@aws-sdk/client-bedrock-runtime";
import middy from "@middy/core";
import httpErrorHandler from "@middy/http-error-handler";
import httpJsonBodyParser from "@middy/http-json-body-parser";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { DocumentType } from "@smithy/types";
import type { SummaryEvent } from "../../shared/event.ts";
import { BUILDING_SCHEMA } from "../building.ts";
import { answer } from "./answer.ts";

const client = new BedrockRuntimeClient({
  requestHandler: new NodeHttpHandler({ connectionTimeout: 3_000 }),
});

/** A tool that the model has to call, by hand. */
export const forcedTool = (check: (input: unknown) => unknown) =>
  middy<SummaryEvent>()
    .use(httpErrorHandler())
    .use(httpJsonBodyParser())
    .handler(async ({ body: { text, words } }) => {
      const response = await client.send(
        new ConverseCommand({
          modelId: "us.anthropic.claude-opus-5",
          messages: [
            {
              role: "user",
              content: [
                {
                  text: `Describe the building, in at most ${words} words a field:\n\n${text}`,
                },
              ],
            },
          ],
          inferenceConfig: { maxTokens: 500 },
          toolConfig: {
            tools: [
              {
                toolSpec: {
                  name: "answer",
                  description:
                    "Gives the final answer. Call it exactly once, with the whole answer.",
                  // The SDK knows no lists that are read-only.
                  inputSchema: {
                    json: BUILDING_SCHEMA as unknown as DocumentType,
                  },
                },
              },
            ],
            toolChoice: { tool: { name: "answer" } },
          },
        }),
      );
      const { inputTokens, outputTokens } = response.usage ?? {};
      return answer(check(inputOf(response)), inputTokens, outputTokens);
    });

function inputOf({ output }: ConverseCommandOutput): unknown {
  for (const { toolUse } of output?.message?.content ?? [])
    if (toolUse !== undefined) return toolUse.input;
  throw new Error("The model did not call the tool.");
}
