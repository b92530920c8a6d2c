import { expect, test } from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import { MockLambdaContext, mockModel } from "@lambdallm/testing";
import middy from "middy7";
import timeoutGuard from "../src/index.ts";

// The README's example and its test, with more time for each token.
const handler = middy<{ topic: string }>()
  .use(bedrock({ region: "us-east-1" }))
  .use(timeoutGuard({ strategy: "truncate" }))
  .handler(async (event, context) => ({
    statusCode: 200,
    body: await context.invoke("Tell me about {topic}.", {
      topic: event.topic,
    }),
  }));

const SLOW = { pieces: ["Once", " upon"], pieceDelayMs: 700 };

test(
  "answers with what there is",
  mockModel({ responses: [SLOW] }, async () => {
    const context = new MockLambdaContext({ timeoutMs: 6_200 });
    expect(await handler({ topic: "foxes" }, context)).toMatchObject({
      body: "Once",
    });
  }),
);
