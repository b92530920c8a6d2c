import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";

export interface TableSettings {
  readonly tableName: string;
  readonly client: () => DynamoDBClient;
  /** For one operation, its retries included. */
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly random: () => number;
  /** All keys carry it when there is one. */
  readonly tenantId: string | undefined;
}
