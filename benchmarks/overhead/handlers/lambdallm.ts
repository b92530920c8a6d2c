import bedrock from "@lambdallm/bedrock";
import middy from "@middy/core";
import httpErrorHandler from "@middy/http-error-handler";
import httpJsonBodyParser from "@middy/http-json-body-parser";
import type { SummaryEvent } from "../../shared/event.ts";

export const handler = middy<SummaryEvent>()
  .use(httpErrorHandler())
  .use(httpJsonBodyParser())
  .use(bedrock({ maxTokens: 500 }))
  .handler(async (event, context) => {
    const summary = await context.invoke(
      "Summarize in at most {words} words:\n\n{text}",
      event.body,
    );
    const { inputTokens, outputTokens } = context.usage;
    return {
      statusCode: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ summary, inputTokens, outputTokens }),
    };
  });
