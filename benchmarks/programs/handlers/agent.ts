import { Agent, tool } from "@lambdallm/agent";
import bedrock from "@lambdallm/bedrock";
import middy from "@middy/core";

const assistant = new Agent({
  name: "assistant",
  tools: [
    tool({
      name: "weather",
      description: "The weather in a city.",
      input: { city: "string" },
      run: async ({ city }) => `It rains in ${city}.`,
    }),
  ],
});

export const handler = middy<{ text: string }>()
  .use(bedrock())
  .handler(async (event, context) => ({
    answer: (await assistant.run(event.text, context)).answer,
  }));
