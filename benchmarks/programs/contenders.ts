import {
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { checkpointJournal } from "@lambdallm/checkpoint";
import { dynamoDBStore } from "@lambdallm/dynamodb";

/** What a step returns. */
export interface Value {
  readonly text: string;
}

/** A program of so many steps, and a way to keep what they return. */
export interface Contender {
  readonly name: string;
  /** Runs a new run to its last step, whose result is not recorded; returns its id. */
  begin(steps: number, work: () => Value): Promise<string>;
  /** Runs it once more from its top, without doing any of the work again. */
  replay(runId: string, steps: number): Promise<number>;
}

export function lambdallm(
  client: DynamoDBClient,
  tableName: string,
): Contender {
  const { steps: stepStore } = dynamoDBStore({ tableName, client });
  const store = { steps: stepStore };
  return {
    name: "LambdaLLM: `checkpointJournal`",
    async begin(steps, work) {
      const journal = await checkpointJournal(store);
      for (let step = 0; step < steps; step += 1)
        await journal.step(`step ${step}`, async () => work());
      // As at the end of an invocation that has no time left.
      await journal.fail(new Error("to be continued"));
      return journal.runId;
    },
    async replay(runId, steps) {
      const journal = await checkpointJournal(store, runId);
      let bytes = 0;
      for (let step = 0; step < steps; step += 1)
        bytes += (
          await journal.step<Value>(`step ${step}`, async () => {
            throw new Error("A recorded step has run again.");
          })
        ).text.length;
      await journal.fail(new Error("to be continued"));
      return bytes;
    },
  };
}

const stepKey = (runId: string, step: number) => ({
  PK: { S: `RUN#${runId}` },
  SK: { S: `STEP#${String(step).padStart(6, "0")}` },
});

async function read(client: DynamoDBClient, tableName: string, runId: string) {
  const values: Value[] = [];
  let after: Record<string, never> | undefined;
  do {
    const page = await client.send(
      new QueryCommand({
        TableName: tableName,
        KeyConditionExpression: "PK = :run",
        ExpressionAttributeValues: { ":run": { S: `RUN#${runId}` } },
        ConsistentRead: true,
        ExclusiveStartKey: after,
      }),
    );
    for (const { value } of page.Items ?? [])
      if (value?.S !== undefined) values.push(JSON.parse(value.S));
    // Handed back as it came.
    after = page.LastEvaluatedKey as typeof after;
  } while (after !== undefined);
  return values;
}

const bytesOf = (values: readonly Value[]) =>
  values.reduce((sum, { text }) => sum + text.length, 0);

/** One put after each step. Two that resume at once run everything twice, and the last write wins. */
export const puts = (client: DynamoDBClient, tableName: string): Contender => ({
  name: "by hand: a put for each step, no lease, no fence",
  async begin(steps, work) {
    const runId = crypto.randomUUID();
    for (let step = 0; step < steps; step += 1)
      await client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: {
            ...stepKey(runId, step),
            value: { S: JSON.stringify(work()) },
          },
        }),
      );
    return runId;
  },
  replay: async (runId) => bytesOf(await read(client, tableName, runId)),
});

/** A conditional claim before each step and a conditional commit after it, and nothing for the run as a whole. */
export const claims = (
  client: DynamoDBClient,
  tableName: string,
): Contender => ({
  name: "by hand: claim and commit for each step",
  async begin(steps, work) {
    const runId = crypto.randomUUID();
    const owner = crypto.randomUUID();
    for (let step = 0; step < steps; step += 1) {
      const Key = stepKey(runId, step);
      const names = { "#status": "status", "#owner": "owner" };
      await client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key,
          UpdateExpression: "SET #status = :running, #owner = :me",
          ConditionExpression: "attribute_not_exists(#status)",
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: {
            ":running": { S: "RUNNING" },
            ":me": { S: owner },
          },
        }),
      );
      await client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key,
          UpdateExpression: "SET #status = :done, #value = :value",
          ConditionExpression: "#status = :running AND #owner = :me",
          ExpressionAttributeNames: { ...names, "#value": "value" },
          ExpressionAttributeValues: {
            ":running": { S: "RUNNING" },
            ":done": { S: "DONE" },
            ":me": { S: owner },
            ":value": { S: JSON.stringify(work()) },
          },
        }),
      );
    }
    return runId;
  },
  replay: async (runId) => bytesOf(await read(client, tableName, runId)),
});
