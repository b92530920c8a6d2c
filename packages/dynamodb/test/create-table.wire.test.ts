import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import {
  type CreateTableOptions,
  createTable,
  tableDefinition,
} from "@lambdallm/dynamodb";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import {
  errorOf,
  failAction,
  plainClient,
} from "../../../test-support/dynamodb-client.ts";
import { failureOf } from "./support.ts";

let table: TestTable;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

const client = () => plainClient(table.clientConfig);

/** Answers these actions itself, as an engine with another state or more features does. */
function answering(
  answers: Readonly<Record<string, (count: number) => object | undefined>>,
): { readonly client: DynamoDBClient; readonly counts: Map<string, number> } {
  const counts = new Map<string, number>();
  const answered = client();
  answered.middlewareStack.add(
    (next, context) => async (args) => {
      const action = String(context["commandName"]).replace(/Command$/, "");
      const count = (counts.get(action) ?? 0) + 1;
      counts.set(action, count);
      const output = answers[action]?.(count);
      return output
        ? { response: {}, output: { $metadata: {}, ...output } }
        : next(args);
    },
    { step: "initialize" },
  );
  return { client: answered, counts };
}

describe("createTable", () => {
  test("creates a table on demand with the keys of the definition, and can be repeated", async () => {
    const tableName = `${table.tableName}-created`;
    await createTable({ tableName, clientConfig: table.clientConfig });
    await createTable({ tableName, client: client() });
    const { Table: created } = await client().send(
      new DescribeTableCommand({ TableName: tableName }),
    );
    expect(created).toMatchObject({
      TableStatus: "ACTIVE",
      KeySchema: tableDefinition.KeySchema,
      BillingModeSummary: { BillingMode: "PAY_PER_REQUEST" },
    });
    await client().send(new DeleteTableCommand({ TableName: tableName }));
  });

  test("leaves a table with other keys alone, and says so", async () => {
    const tableName = `${table.tableName}-other`;
    await client().send(
      new CreateTableCommand({
        TableName: tableName,
        BillingMode: "PAY_PER_REQUEST",
        AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
        KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      }),
    );
    const failure = await failureOf(
      createTable({ tableName, client: client() }),
    );
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect(failure.message).toContain("(id)");
    await client().send(new DeleteTableCommand({ TableName: tableName }));
  });

  const state = (TableStatus: string) => ({
    Table: { TableStatus, KeySchema: tableDefinition.KeySchema },
  });

  test("waits until the table can be used, then switches its time to live on", async () => {
    const engine = answering({
      DescribeTable: (count) => state(count < 3 ? "CREATING" : "ACTIVE"),
      DescribeTimeToLive: () => ({
        TimeToLiveDescription: { TimeToLiveStatus: "DISABLED" },
      }),
      UpdateTimeToLive: () => ({}),
    });
    await createTable({ tableName: table.tableName, client: engine.client });
    expect(engine.counts.get("DescribeTable")).toBe(3);
    expect(engine.counts.get("UpdateTimeToLive")).toBe(1);
  });

  test("does not switch it on twice, which DynamoDB refuses", async () => {
    for (const TimeToLiveStatus of ["ENABLED", "ENABLING"]) {
      const engine = answering({
        DescribeTimeToLive: () => ({
          TimeToLiveDescription: { TimeToLiveStatus },
        }),
      });
      await createTable({ tableName: table.tableName, client: engine.client });
      expect(engine.counts.has("UpdateTimeToLive")).toBe(false);
    }
  });

  test("gives up when the table is not ready in time", async () => {
    const { client, counts } = answering({
      CreateTable: () => ({}),
      DescribeTable: () => state("CREATING"),
    });
    const call = createTable({
      tableName: table.tableName,
      client,
      timeoutMs: 10,
    });
    const failure = await failureOf(call);
    const asked = counts.get("DescribeTable");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(asked).toBeGreaterThan(0);
    expect(counts.get("DescribeTable")).toBe(asked);
    expect(failure).toMatchObject({ reason: "timeout", retryable: true });
    expect(failure.message).not.toContain(table.tableName);
  });

  test("gives up when there are no credentials in time", async () => {
    const stuck = plainClient({
      ...table.clientConfig,
      credentials: () => new Promise(() => {}),
    });
    const call = createTable({
      tableName: table.tableName,
      client: stuck,
      timeoutMs: 50,
    });
    expect(await failureOf(call)).toMatchObject({ reason: "timeout" });
  });

  test("takes limits that are longer than timers can be", async () => {
    for (const timeoutMs of [2 ** 31, Number.MAX_SAFE_INTEGER])
      await createTable({
        tableName: table.tableName,
        client: client(),
        timeoutMs,
      });
  });

  test("hands on what the service refuses", async () => {
    for (const action of ["CreateTable", "UpdateTimeToLive"]) {
      const error = errorOf("AccessDeniedException");
      const { client } = answering({
        DescribeTimeToLive: () => ({
          TimeToLiveDescription: { TimeToLiveStatus: "DISABLED" },
        }),
      });
      const refused = failAction(client, action, () => error);
      const call = createTable({ tableName: table.tableName, client: refused });
      expect(await failureOf(call)).toBe(error);
    }
  });

  test.each([
    [undefined, 'createTable: the option "tableName" is missing.'],
    [{}, 'createTable: the option "tableName" is missing.'],
    [{ tableName: "" }, 'createTable: the option "tableName" is empty.'],
    [{ tableName: "c" }, 'createTable: the option "tableName" must be 3 to'],
    [{ tableName: "chat", timeout: 1 }, 'there is no option "timeout"'],
  ])("refuses %j", async (options, problem) => {
    // The types forbid most of it.
    const failure = await failureOf(createTable(options as CreateTableOptions));
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect(failure.message).toContain(problem);
  });
});
