import {
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import { ConfigurationError, StoreError } from "@lambdallm/core";
import { check, sleep, validateOptions, within } from "@lambdallm/core/feature";
import {
  type ClientOptions,
  clientChecks,
  clientSource,
} from "./table/client.ts";
import { givenTableName, tableNameCheck } from "./table/table-name.ts";
import { tableDefinition } from "./table-definition.ts";

export interface CreateTableOptions extends ClientOptions {
  readonly tableName: string | undefined;
  /** Milliseconds until the table must be ready. @default 60_000 */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const POLL_MS = 500;
const FIRST_POLL_MS = 20;

const checks = {
  ...clientChecks,
  tableName: tableNameCheck,
  timeoutMs: check.positiveInteger,
};

/**
 * Creates the table for development and tests, and waits until it can be used; one that is there already is left as it is. Deployments create it from `tableDefinition`.
 *
 * @throws {ConfigurationError} for options that are wrong, and for a table with other keys.
 * @throws {StoreError} `timeout`
 */
export async function createTable(options: CreateTableOptions): Promise<void> {
  // In JavaScript there may be none.
  const given: Partial<CreateTableOptions> = options ?? {};
  validateOptions("createTable", checks, given);
  const tableName = givenTableName("createTable", given.tableName);
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = given;
  const client = clientSource("createTable", given)();
  const onTimeUp = (): never => {
    throw new StoreError(
      `createTable: the table was not ready in ${timeoutMs} ms.`,
      { reason: "timeout", operation: "createTable", retryable: true },
    );
  };
  await within({ limitMs: timeoutMs, onTimeUp }, async (abortSignal) =>
    create(client, tableName, abortSignal),
  );
}

async function create(
  client: DynamoDBClient,
  tableName: string,
  abortSignal: AbortSignal,
): Promise<void> {
  const { TimeToLiveSpecification, ...definition } = tableDefinition;
  await client
    .send(
      new CreateTableCommand({
        TableName: tableName,
        BillingMode: definition.BillingMode,
        AttributeDefinitions: [...definition.AttributeDefinitions],
        KeySchema: [...definition.KeySchema],
      }),
      { abortSignal },
    )
    .catch(unless("ResourceInUseException"));
  await waitUntilActive(client, tableName, abortSignal);
  const timeToLive = await client.send(
    new DescribeTimeToLiveCommand({ TableName: tableName }),
    { abortSignal },
  );
  const current = timeToLive?.TimeToLiveDescription;
  if (current?.TimeToLiveStatus?.startsWith("ENABL")) return;
  await client
    .send(
      new UpdateTimeToLiveCommand({
        TableName: tableName,
        TimeToLiveSpecification,
      }),
      { abortSignal },
    )
    // Some local engines have no time to live: nothing is deleted there, and nothing expired is read.
    .catch(unless("UnknownOperationException"));
}

async function waitUntilActive(
  client: DynamoDBClient,
  tableName: string,
  abortSignal: AbortSignal,
): Promise<void> {
  for (let waitMs = FIRST_POLL_MS; ; waitMs = POLL_MS) {
    const described = await client.send(
      new DescribeTableCommand({ TableName: tableName }),
      { abortSignal },
    );
    // Stubs may answer with nothing at all.
    const table = described?.Table;
    if (table === undefined)
      throw new StoreError(
        "createTable: there is no Table in the answer to DescribeTable.",
        { reason: "failed", operation: "createTable" },
      );
    const keys = table.KeySchema?.map((key) => key.AttributeName).join(", ");
    if (keys !== "PK, SK")
      throw new ConfigurationError(
        `createTable: the table "${tableName}" exists with other keys (${keys}) than PK, SK.`,
      );
    if (table.TableStatus === "ACTIVE") return;
    await sleep(waitMs, abortSignal);
    // A stub may answer to what is aborted.
    abortSignal.throwIfAborted();
  }
}

function unless(name: string) {
  return (error: unknown) => {
    if (!(error instanceof Error && error.name === name)) throw error;
  };
}
