import { resilientChain } from "./chain.ts";

export const handler = resilientChain().handler(async (event, context) => {
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
