import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import bedrock from "@lambdallm/bedrock";
import checkpoint from "@lambdallm/checkpoint";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import middy from "@middy/core";
import type { SQSEvent } from "aws-lambda";

const { QUEUE_URL, TABLE_NAME } = process.env;
const sqs = new SQSClient();

const messageOf = ({ Records: [record] }: SQSEvent) =>
  JSON.parse(String(record?.body));

export const handler = middy<SQSEvent>()
  .use(bedrock())
  .use(
    checkpoint<SQSEvent>({
      store: dynamoDBStore({ tableName: TABLE_NAME }),
      runId: (event) => messageOf(event).runId,
      idempotencyKey: (event) => event.Records[0]?.messageId,
      onSuspend: async ({ runId, resumeAt }) => {
        if (resumeAt === undefined) return; // whoever answers sends it
        const waitSeconds = Math.ceil((resumeAt - Date.now()) / 1_000);
        await sqs.send(
          new SendMessageCommand({
            QueueUrl: QUEUE_URL,
            MessageBody: JSON.stringify({ runId }),
            DelaySeconds: Math.min(Math.max(waitSeconds, 0), 900),
          }),
        );
      },
    }),
  )
  .handler(async (event, { journal, llm }) => {
    // The message that resumes the run has no topic.
    const topic = await journal.step(
      "topic",
      async () => messageOf(event).topic,
    );
    const outline = await journal.step("outline", () =>
      llm.invoke("Outline: {topic}", { topic }),
    );
    await journal.sleep("let it settle", 20 * 60_000);
    return journal.step("article", () =>
      llm.invoke("Write it: {outline}", { outline }),
    );
  });
