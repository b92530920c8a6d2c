import { resilientChain } from "./chain.ts";

export const handler = resilientChain().handler(async (event, context) => {
  let summary = "";
  for await (const text of context.stream(
    "Summarize in at most {words} words:\n\n{text}",
    event.body,
  ))
    summary += text;
  const { inputTokens, outputTokens } = context.usage;
  return {
    statusCode: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ summary, inputTokens, outputTokens }),
  };
});
