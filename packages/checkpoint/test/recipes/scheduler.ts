import {
  ConflictException,
  CreateScheduleCommand,
  SchedulerClient,
} from "@aws-sdk/client-scheduler";
import bedrock from "@lambdallm/bedrock";
import checkpoint, { type SuspendedRun } from "@lambdallm/checkpoint";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import middy from "@middy/core";

const { FUNCTION_ARN, SCHEDULER_ROLE_ARN, TABLE_NAME } = process.env;
const scheduler = new SchedulerClient();

async function schedule({ runId, resumeAt }: SuspendedRun) {
  if (resumeAt === undefined) return; // whoever answers invokes the function
  // Schedules are looked at once a minute.
  const at = new Date(Math.max(resumeAt, Date.now() + 60_000));
  try {
    await scheduler.send(
      new CreateScheduleCommand({
        Name: `${runId}-${resumeAt}`,
        ScheduleExpression: `at(${at.toISOString().slice(0, 19)})`,
        FlexibleTimeWindow: { Mode: "OFF" },
        ActionAfterCompletion: "DELETE",
        Target: {
          Arn: FUNCTION_ARN,
          RoleArn: SCHEDULER_ROLE_ARN,
          Input: JSON.stringify({ runId }),
        },
      }),
    );
  } catch (error) {
    // The same wait was scheduled before.
    if (!(error instanceof ConflictException)) throw error;
  }
}

export const handler = middy<{ topic: string } | { runId: string }>()
  .use(bedrock())
  .use(
    checkpoint({
      store: dynamoDBStore({ tableName: TABLE_NAME }),
      onSuspend: schedule,
    }),
  )
  .handler(async (event, { journal, llm }) => {
    const topic = await journal.step("topic", async () =>
      "topic" in event ? event.topic : "",
    );
    const outline = await journal.step("outline", () =>
      llm.invoke("Outline: {topic}", { topic }),
    );
    await journal.sleep("until tomorrow", 86_400_000);
    return journal.step("article", () =>
      llm.invoke("Write it: {outline}", { outline }),
    );
  });
