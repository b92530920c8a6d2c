import { createHash } from "node:crypto";
import {
  type AttributeValue,
  type DynamoDBClient,
  paginateQuery,
} from "@aws-sdk/client-dynamodb";
import type { JsonValue, StoreError } from "@lambdallm/core";
import type { SessionKey, SessionMessage } from "@lambdallm/core/stores";
import { type DynamoDBStoreOptions, dynamoDBStore } from "@lambdallm/dynamodb";
import type { TestTable } from "../../../test-support/dynalite.ts";
import {
  plainClient,
  recordRequests,
} from "../../../test-support/dynamodb-client.ts";

export const storeOf = (
  { tableName }: TestTable,
  client: DynamoDBClient,
  options: Partial<DynamoDBStoreOptions> = {},
) =>
  dynamoDBStore({
    tableName,
    client,
    // No loaded machine meets it.
    timeoutMs: 60_000,
    ...options,
  });

/** A store whose requests are written down. */
export function recorded(
  table: TestTable,
  options: Partial<DynamoDBStoreOptions> = {},
) {
  const client = plainClient(table.clientConfig);
  const requests = recordRequests(client);
  return {
    ...storeOf(table, client, options),
    requests,
    /** What was consumed since the last time. */
    takeUnits() {
      const taken = requests.splice(0);
      const unitsOf = (reads: boolean) =>
        taken
          .filter(({ action }) => /^(?:Get|Query)/.test(action) === reads)
          .reduce((sum, { capacityUnits }) => sum + capacityUnits, 0);
      return {
        reads: unitsOf(true),
        writes: unitsOf(false),
        requests: taken.length,
      };
    },
  };
}

/** All that is stored in a partition. */
export async function itemsOf(table: TestTable, PK: string) {
  const client = plainClient(table.clientConfig);
  const pages = paginateQuery(
    { client },
    {
      TableName: table.tableName,
      KeyConditionExpression: "#PK = :pk",
      ExpressionAttributeNames: { "#PK": "PK" },
      ExpressionAttributeValues: { ":pk": { S: PK } },
      ConsistentRead: true,
    },
  );
  const items: Record<string, AttributeValue>[] = [];
  for await (const { Items = [] } of pages) items.push(...Items);
  return items;
}

let sessions = 0;
export const newSession = (): SessionKey => {
  sessions += 1;
  return { tenantId: "acme", sessionId: `session-${sessions}` };
};

let runs = 0;
export const newStep = (step = "000001") => {
  runs += 1;
  return { runId: `run-${runs}`, step };
};

export const say = (text: string): SessionMessage => ({
  role: "user",
  content: [{ text }],
});

export const picture = (bytes: Uint8Array): SessionMessage => ({
  role: "user",
  content: [{ image: { format: "png", source: { bytes } } }],
});

/** What cannot be compressed. */
export function noise(bytes: number): Uint8Array {
  const noise = new Uint8Array(bytes);
  for (let start = 0; start < bytes; start += 65_536)
    crypto.getRandomValues(noise.subarray(start, start + 65_536));
  return noise;
}

export const noiseText = (bytes: number): JsonValue =>
  Buffer.from(noise(Math.ceil(bytes * 0.75))).toString("base64");

/** Stands for content that is too long to be compared part by part. */
export const digest = (content: unknown) =>
  createHash("sha256")
    .update(
      JSON.stringify(content, (_, value) =>
        value instanceof Uint8Array
          ? Buffer.from(value).toString("hex")
          : value,
      ),
    )
    .digest("hex");

export function times<Item>(
  count: number,
  make: (index: number) => Item,
): Item[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** The error of what has to fail. */
export const failureOf = (call: Promise<unknown>): Promise<StoreError> =>
  call.then(
    (value) => {
      throw new Error(`did not fail, but gave ${JSON.stringify(value)}`);
    },
    (error: StoreError) => error,
  );
