import {
  DynamoDBClient,
  type DynamoDBClientConfig,
} from "@aws-sdk/client-dynamodb";
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import {
  type DynamoDBStoreOptions,
  dynamoDBStore,
  dynamoDBStoreValidateOptions,
} from "@lambdallm/dynamodb";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { plainClient } from "../../../test-support/dynamodb-client.ts";
import { fakeDate } from "../../../test-support/fake-date.ts";
import { newSession, newStep, say, storeOf } from "./support.ts";

let table: TestTable;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());
afterEach(() => {
  jest.useRealTimers();
});

test("A store that was made before a test set the date lets sessions expire by that date", async () => {
  const client = plainClient(table.clientConfig);
  const { sessions } = storeOf(table, client);
  const key = newSession();
  fakeDate("2001-01-01");
  const expiresAt = Date.now() + 1_000;
  await sessions.append(key, {
    first: 0,
    messages: [say("a")],
    writeId: "w",
    expiresAt,
  });
  const [written] = (await sessions.load(key)).turns;
  expect(written?.writtenAt).toBe(Date.parse("2001-01-01"));
  jest.setSystemTime(expiresAt);
  expect((await sessions.load(key)).turns).toEqual([]);
  client.destroy();
});

test("What a clock with fractions of milliseconds has written can be read", async () => {
  const client = plainClient(table.clientConfig);
  const now = () => Date.now() + 0.25;
  const { sessions, steps } = storeOf(table, client, { now });
  const key = newSession();
  const messages = [say("a")];
  await sessions.append(key, { first: 0, messages, writeId: "w" });
  expect((await sessions.load(key)).turns).toHaveLength(1);
  const lock = { owner: "a", leaseMs: 60_000 };
  const fence = await sessions.lock(key, lock);
  expect(await sessions.lock(key, lock)).toBe(fence);
  const step = newStep();
  await steps.claim(step, lock);
  expect((await steps.list(step.runId))[0]?.status).toBe("running");
  client.destroy();
});

describe("timeoutMs", () => {
  test("holds while credentials are fetched", async () => {
    const stuck = plainClient({
      ...table.clientConfig,
      credentials: () => new Promise(() => {}),
    });
    const { sessions } = storeOf(table, stuck, { timeoutMs: 50 });
    await expect(sessions.load(newSession())).rejects.toMatchObject({
      reason: "timeout",
      operation: "load",
      retryable: true,
    });
  });

  test("can be longer than timers can be", async () => {
    const client = plainClient(table.clientConfig);
    for (const timeoutMs of [2 ** 31, Number.MAX_SAFE_INTEGER]) {
      const { sessions } = storeOf(table, client, { timeoutMs });
      expect((await sessions.load(newSession())).next).toBe(0);
    }
    client.destroy();
  });
});

describe("dynamoDBStore refuses, when it is made,", () => {
  // The types forbid most of it.
  const make = (options: object) => () =>
    dynamoDBStore({ tableName: "chat", ...options } as DynamoDBStoreOptions);

  test.each([
    ["missing", undefined],
    ["empty", ""],
  ])(
    "a table name that is %s, as of a variable that nobody set",
    (what, tableName) => {
      expect(make({ tableName })).toThrow(ConfigurationError);
      expect(make({ tableName })).toThrow(
        `dynamoDBStore: the option "tableName" is ${what}. If it is process.env.TABLE_NAME, set that variable on the function.`,
      );
    },
  );

  test("nothing at all, as a table name that is missing", () => {
    const none = undefined as unknown as DynamoDBStoreOptions;
    expect(() => dynamoDBStore(none)).toThrow('"tableName" is missing');
    expect(() => dynamoDBStoreValidateOptions(none)).toThrow(
      '"tableName" is missing',
    );
  });

  test.each([
    "a b",
    "ab",
    "x".repeat(256),
    "chat/history",
    "chät",
    " chat",
    "arn:aws:s3:::chat",
    "arn:aws:dynamodb:eu-west-1:123456789012:table/a b",
    5,
  ])("a table name that DynamoDB does not have: %p", (tableName) => {
    expect(make({ tableName })).toThrow(
      'dynamoDBStore: the option "tableName" must be 3 to 255 of a-z, A-Z, 0-9, "_", "-" and ".", or the ARN of a table.',
    );
  });

  test.each([
    "abc",
    "Chat_2.history-eu",
    "x".repeat(255),
    "arn:aws:dynamodb:eu-west-1:123456789012:table/chat",
    "arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/chat",
  ])("but not %s", (tableName) => {
    expect(make({ tableName })).not.toThrow();
  });

  test.each([
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
    expect(make({ table: "chat" })).toThrow('there is no option "table"');
    expect(() => dynamoDBStoreValidateOptions({ tabelName: "chat" })).toThrow(
      'no option "tabelName"',
    );
    expect(() => dynamoDBStoreValidateOptions(null)).toThrow(
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
