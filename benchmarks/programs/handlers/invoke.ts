import bedrock from "@lambdallm/bedrock";
import middy from "@middy/core";

export const handler = middy<{ text: string }>()
  .use(bedrock())
  .handler(async (event, context) => ({
    answer: await context.invoke("Answer: {text}", { text: event.text }),
  }));
