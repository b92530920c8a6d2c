import {
  type AttributeValue,
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import type { SessionMessage } from "@lambdallm/core/stores";
import { dynamoDBStore } from "@lambdallm/dynamodb";

/** A way to keep a session of some length. */
export interface Contender {
  readonly name: string;
  /** Fills a session with so many messages, and says whether it can. */
  fill(messages: number): Promise<boolean>;
  /** Reads the last 20 messages and adds two: what is measured. */
  turn(question: string, answer: string): Promise<number>;
  /** Takes the turn back, so that every one meets the same session. */
  undo(): Promise<void>;
}

const BATCH = 25;
const WINDOW = 20;
const BYTES = 500;

/** 500 B of text. */
export const textOf = (seed: number): string =>
  `${seed} `.padEnd(BYTES, "It depends on what is asked and who asks. ");

export function lambdallm(
  client: DynamoDBClient,
  tableName: string,
): Contender {
  const { sessions } = dynamoDBStore({ tableName, client });
  let key = { tenantId: "acme", sessionId: "" };
  let next = 0;
  const said = (role: "user" | "assistant", text: string): SessionMessage => ({
    role,
    content: [{ text }],
  });
  const turnOf = (first: number, question: string, answer: string) => ({
    first,
    messages: [said("user", question), said("assistant", answer)],
    writeId: crypto.randomUUID(),
    expiresAt: Date.now() + 86_400_000,
  });
  const itemKey = (first: number) => ({
    PK: { S: `S#${key.tenantId}#${key.sessionId}` },
    SK: { S: `M#${String(first).padStart(12, "0")}` },
  });
  return {
    name: "LambdaLLM: an item for each turn",
    async fill(messages) {
      key = { ...key, sessionId: crypto.randomUUID() };
      await sessions.append(key, turnOf(0, textOf(0), textOf(1)));
      const { Item } = await client.send(
        new GetItemCommand({ TableName: tableName, Key: itemKey(0) }),
      );
      // Copies of the first turn, which is quicker than the front door.
      for (let first = 2; first < messages; first += 2 * BATCH)
        await client.send(
          new BatchWriteItemCommand({
            RequestItems: {
              [tableName]: Array.from(
                { length: Math.min(BATCH, (messages - first) / 2) },
                (_, index) => ({
                  PutRequest: {
                    Item: { ...Item, ...itemKey(first + 2 * index) },
                  },
                }),
              ),
            },
          }),
        );
      return true;
    },
    async turn(question, answer) {
      const session = await sessions.load(key, { lastMessages: WINDOW });
      next = session.next;
      await sessions.append(key, turnOf(next, question, answer));
      return session.turns.flatMap(({ messages }) => messages).length;
    },
    async undo() {
      await client.send(
        new DeleteItemCommand({ TableName: tableName, Key: itemKey(next) }),
      );
    },
  };
}

const message = (role: string, text: string): AttributeValue => ({
  M: { type: { S: role }, text: { S: text } },
});

const pair = (question: string, answer: string) => [
  message("human", question),
  message("ai", answer),
];

type Add = (
  key: Record<string, AttributeValue>,
  history: readonly AttributeValue[],
  added: AttributeValue[],
) => PutItemCommand | UpdateItemCommand;

function oneItem(
  name: string,
  client: DynamoDBClient,
  tableName: string,
  add: Add,
): Contender {
  let key: Record<string, AttributeValue> = {};
  let filled = new PutItemCommand({ TableName: tableName, Item: {} });
  return {
    name,
    async fill(messages) {
      key = { PK: { S: `one#${crypto.randomUUID()}` }, SK: { S: "session" } };
      const history = Array.from({ length: messages }, (_, index) =>
        message(index % 2 === 0 ? "human" : "ai", textOf(index)),
      );
      filled = new PutItemCommand({
        TableName: tableName,
        Item: { ...key, messages: { L: history } },
      });
      return client.send(filled).then(
        () => true,
        (error: Error) => {
          if (error.name === "ValidationException") return false;
          throw error;
        },
      );
    },
    async turn(question, answer) {
      const { Item } = await client.send(
        new GetItemCommand({
          TableName: tableName,
          Key: key,
          ConsistentRead: true,
        }),
      );
      const history = Item?.["messages"]?.L ?? [];
      const command = add(key, history, pair(question, answer));
      // Both commands have a client's shape in common.
      await client.send(command as PutItemCommand);
      return history
        .slice(-WINDOW)
        .map(({ M }) => ({ role: M?.["type"]?.S, text: M?.["text"]?.S }))
        .length;
    },
    async undo() {
      await client.send(filled);
    },
  };
}

/** As LangChain for Python keeps it, but written once for each turn. */
export const readAndPut = (client: DynamoDBClient, tableName: string) =>
  oneItem(
    "one item, read and put",
    client,
    tableName,
    (key, history, added) =>
      new PutItemCommand({
        TableName: tableName,
        Item: { ...key, messages: { L: [...history, ...added] } },
      }),
  );

/** As LangChain.js keeps it, but written once for each turn. */
export const listAppend = (client: DynamoDBClient, tableName: string) =>
  oneItem(
    "one item, `list_append`",
    client,
    tableName,
    (key, _, added) =>
      new UpdateItemCommand({
        TableName: tableName,
        Key: key,
        UpdateExpression: "SET #messages = list_append(#messages, :added)",
        ExpressionAttributeNames: { "#messages": "messages" },
        ExpressionAttributeValues: { ":added": { L: added } },
      }),
  );
