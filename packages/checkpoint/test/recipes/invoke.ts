import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import bedrock from "@lambdallm/bedrock";
import checkpoint from "@lambdallm/checkpoint";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import timeoutGuard from "@lambdallm/timeout-guard";
import middy from "@middy/core";

const { AWS_LAMBDA_FUNCTION_NAME, TABLE_NAME } = process.env;
const lambda = new LambdaClient();

export const handler = middy<{ topic: string } | { runId: string }>()
  .use(bedrock())
  .use(timeoutGuard({ strategy: "checkpoint" }))
  .use(
    checkpoint({
      store: dynamoDBStore({ tableName: TABLE_NAME }),
      onSuspend: async ({ runId, resumeAt = Number.POSITIVE_INFINITY }) => {
        if (resumeAt > Date.now()) return; // it waits for something else
        await lambda.send(
          new InvokeCommand({
            FunctionName: AWS_LAMBDA_FUNCTION_NAME,
            InvocationType: "Event",
            Payload: JSON.stringify({ runId }),
          }),
        );
      },
    }),
  )
  .handler(async (event, { journal, llm }) => {
    const topic = await journal.step("topic", async () =>
      "topic" in event ? event.topic : "",
    );
    const outline = await journal.step("outline", () =>
      llm.invoke("Outline: {topic}", { topic }),
    );
    return journal.step("article", () =>
      llm.invoke("Write it: {outline}", { outline }),
    );
  });
