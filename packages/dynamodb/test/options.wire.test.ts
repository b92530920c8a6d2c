import {
  DynamoDBClient,
  type DynamoDBClientConfig,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import {
  type DynamoDBStoreOptions,
  dynamoDBStore,
  dynamoDBStoreValidateOptions,
} from "@lambdallm/dynamodb";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { plainClient } from "../../../test-support/dynamodb-client.ts";
import { newSession } from "./support.ts";

let table: TestTable;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

describe("dynamoDBStore refuses, when it is made,", () => {
  // The types forbid most of it.
  const make = (options: object) => () =>
    dynamoDBStore({ tableName: "t", ...options } as DynamoDBStoreOptions);

  test("a table name that is missing, as of a variable that nobody set", () => {
    expect(make({ tableName: undefined })).toThrow(ConfigurationError);
    expect(make({ tableName: undefined })).toThrow(
      'dynamoDBStore: the option "tableName" is missing. If it is process.env.TABLE_NAME, set that variable on the function.',
    );
  });

  test.each([
    ["tableName", ""],
    ["region", 1],
    ["client", "client"],
    ["clientConfig", []],
    ["tenantId", ""],
    ["timeoutMs", 0],
    ["skewMarginMs", -1],
    ["budgetRetentionDays", 1.5],
    ["now", 0],
    ["random", "x"],
  ])("a wrong value of %s", (name, value) => {
    expect(make({ [name]: value })).toThrow(ConfigurationError);
    expect(make({ [name]: value })).toThrow(`the option "${name}" must be`);
  });

  test("an option that does not exist", () => {
    expect(make({ table: "t" })).toThrow('there is no option "table"');
    expect(() => dynamoDBStoreValidateOptions({ tabelName: "t" })).toThrow(
      'no option "tabelName"',
    );
    expect(() => dynamoDBStoreValidateOptions(undefined)).toThrow(
      "must be an object",
    );
  });

  test("a tenant id that cannot be part of a key", () => {
    expect(make({ tenantId: "a#b" })).toThrow(ConfigurationError);
  });

  test("settings beside a client that brings its own", () => {
    const client = new DynamoDBClient({ region: "us-east-1" });
    for (const beside of [{ region: "eu-west-1" }, { clientConfig: {} }])
      expect(make({ client, ...beside })).toThrow(
        '"client" brings its own settings',
      );
  });
});

describe("The client", () => {
  /** Settings that tell when they are read. */
  function watched(config: DynamoDBClientConfig) {
    let reads = 0;
    return {
      reads: () => reads,
      config: new Proxy(config, {
        ownKeys(target) {
          reads += 1;
          return Reflect.ownKeys(target);
        },
      }),
    };
  }

  test("is made at the first use, once for all stores with the same settings", async () => {
    const { config, reads } = watched(table.clientConfig);
    const [first, second] = [1, 2].map(() =>
      dynamoDBStore({ tableName: table.tableName, clientConfig: config }),
    );
    expect(reads()).toBe(0);
    await first?.sessions.load(newSession());
    const once = reads();
    expect(once).toBeGreaterThan(0);
    await first?.sessions.load(newSession());
    await second?.budgets.read("s", 0);
    expect(reads()).toBe(once);
  });

  test("is another one in another Region", async () => {
    const { region: _, ...clientConfig } = table.clientConfig;
    const { config, reads } = watched(clientConfig);
    const load = (region: string) =>
      dynamoDBStore({
        tableName: table.tableName,
        region,
        clientConfig: config,
      })
        .sessions.load(newSession())
        .catch(() => undefined);
    await load("us-east-1");
    const once = reads();
    await load("eu-west-1");
    expect(reads()).toBe(2 * once);
  });

  test("is made from the environment when there is nothing else", async () => {
    const before = { ...process.env };
    Object.assign(process.env, table.env);
    try {
      const { sessions } = dynamoDBStore({
        tableName: process.env["TABLE_NAME"],
      });
      expect((await sessions.load(newSession())).next).toBe(0);
    } finally {
      process.env = before;
    }
  });

  test("of your own is used as it is", async () => {
    const client = plainClient(table.clientConfig);
    const { sessions } = dynamoDBStore({ tableName: table.tableName, client });
    expect((await sessions.load(newSession())).next).toBe(0);
    client.destroy();
  });
});
