import bedrock from "@lambdallm/bedrock";
import type { MiddyMiddleware } from "@lambdallm/core/feature";
import middy from "@middy/core";
import httpErrorHandler from "@middy/http-error-handler";
import httpJsonBodyParser from "@middy/http-json-body-parser";
import type { SummaryEvent } from "../../shared/event.ts";

const PROMPT = "Summarize in at most {words} words:\n\n{text}";

const chain = (observers: readonly MiddyMiddleware[]) => {
  const built = middy<SummaryEvent>()
    .use(httpErrorHandler())
    .use(httpJsonBodyParser())
    .use(bedrock({ maxTokens: 500 }));
  for (const observer of observers) built.use({ ...observer });
  return built;
};

/** The handler of the benchmark "overhead" behind observers. */
export const observedCall = (...observers: readonly MiddyMiddleware[]) =>
  chain(observers).handler(async (event, context) => {
    const summary = await context.invoke(PROMPT, event.body);
    const { inputTokens, outputTokens } = context.usage;
    return {
      statusCode: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ summary, inputTokens, outputTokens }),
    };
  });

export const observedStream = (...observers: readonly MiddyMiddleware[]) =>
  chain(observers).handler(async (event, context) => {
    let summary = "";
    for await (const text of context.stream(PROMPT, event.body))
      summary += text;
    const { inputTokens, outputTokens } = context.usage;
    return {
      statusCode: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ summary, inputTokens, outputTokens }),
    };
  });
