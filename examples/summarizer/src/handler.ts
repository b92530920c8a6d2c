import bedrock from "@lambdallm/bedrock";
import { Model, toResponseBody } from "@lambdallm/core";
import middy from "@middy/core";
import { executionModeStreamifyResponse } from "@middy/core/StreamifyResponse";
import httpErrorHandler from "@middy/http-error-handler";
import httpJsonBodyParser from "@middy/http-json-body-parser";
import type { APIGatewayProxyEventV2 } from "aws-lambda";

interface SummaryEvent extends Omit<APIGatewayProxyEventV2, "body"> {
  readonly body: unknown;
}

interface SummaryRequest {
  readonly text: string;
  readonly words: number;
}

const PROMPT = "Summarize the document in at most {words} words.\n\n{text}";

/** `POST /` with `{ "text": "...", "words": 50 }`; with `?stream=true` the summary arrives while it is written. */
export const handler = middy<SummaryEvent>({
  executionMode: executionModeStreamifyResponse,
})
  .use(httpErrorHandler())
  .use(httpJsonBodyParser())
  .use(bedrock({ model: Model.CLAUDE_HAIKU_4_5, maxTokens: 1_000 }))
  .handler(async (event, context) => {
    const request = parseRequest(event.body);
    if (request === undefined)
      return json(400, {
        error:
          "Send { text: a non-empty string, words?: a number from 1 to 500 }.",
      });

    const facts = () => ({
      usage: context.usage,
      costUsd: context.totalCostUsd,
    });
    if (event.queryStringParameters?.["stream"] === "true") {
      const stream = context.stream(PROMPT, { ...request });
      // Until here a failure can still become a status code.
      await stream.started;
      return {
        statusCode: 200,
        body: toResponseBody(stream, { format: "sse", done: facts }),
      };
    }

    const summary = await context.invoke(PROMPT, { ...request });
    return json(200, { summary, ...facts() });
  });

function parseRequest(body: unknown): SummaryRequest | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { text, words = 50 } = body as Record<string, unknown>;
  if (typeof text !== "string" || text.trim() === "") return undefined;
  if (typeof words !== "number" || !(words >= 1 && words <= 500))
    return undefined;
  return { text, words };
}

function json(statusCode: number, body: object) {
  return {
    statusCode,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}
