import {
  DescribeTableCommand,
  type DynamoDBClient,
} from "@aws-sdk/client-dynamodb";
import { describe, expect, test } from "@jest/globals";
import { StoreError } from "@lambdallm/core";
import {
  createTable,
  dynamoDBStore,
  tableDefinition,
} from "@lambdallm/dynamodb";
import { errorOf } from "../../../test-support/dynamodb-client.ts";
import { failureOf, newSession, newStep, say } from "./support.ts";

/** As the stubs in users' tests: no `$metadata`, no `config`, and only what they have thought of. */
const stubOf = (answer: () => unknown) =>
  // The store sends, and needs nothing else of a client.
  ({ send: async () => answer() }) as unknown as DynamoDBClient;

const storeOf = (answer: () => unknown, timeoutMs = 5_000) =>
  dynamoDBStore({ tableName: "chat", client: stubOf(answer), timeoutMs });

const turn = { first: 0, messages: [say("a")], writeId: "w" };
const claim = { owner: "a", leaseMs: 60_000 };
const call = {
  scope: "s",
  id: "a",
  amountNanoUsd: 1,
  limits: { dailyNanoUsd: 100 },
  at: 0,
  expiresAt: 60_000,
};
const row = {
  model: "m",
  prompt: "p",
  calls: 1,
  inputTokens: 1,
  outputTokens: 1,
  costNanoUsd: 1,
};
const days = { from: "2026-01-01", to: "2026-01-02" };

describe.each([
  ["nothing", undefined],
  ["an empty object", {}],
  ["members that are undefined", { Items: undefined, Item: undefined }],
])("A stubbed client that answers with %s", (_, answer) => {
  const { sessions, budgets, steps } = storeOf(() => answer);

  test("is an empty table to reads", async () => {
    expect(await sessions.load(newSession())).toMatchObject({
      turns: [],
      next: 0,
    });
    expect(await budgets.read("s", 0)).toMatchObject({ dayNanoUsd: 0 });
    expect(await budgets.report("s", days)).toEqual([]);
    expect(await budgets.reap("s", 0)).toBe(0);
    expect(await steps.list("run")).toEqual([]);
  });

  test("takes writes and deletes", async () => {
    expect(await sessions.append(newSession(), turn)).toBe(true);
    await sessions.delete(newSession());
    await budgets.record("s", {
      day: days.from,
      key: "k",
      writeId: "w",
      rows: [row],
    });
    expect(await steps.commit(newStep(), 1, "out")).toBe(true);
  });

  test("is told what is missing in its answer to a write that gives something back", async () => {
    for (const [write, missing] of [
      [() => budgets.reserve(call), "reserve: the answer of DynamoDB has no"],
      [() => steps.claim(newStep(), claim), 'no valid attribute "f"'],
      [() => sessions.lock(newSession(), claim), 'no valid attribute "f"'],
    ] as const) {
      const failure = await failureOf(write());
      expect(failure).toBeInstanceOf(StoreError);
      expect(failure).toMatchObject({ reason: "corrupt" });
      expect(failure.message).toContain(missing);
    }
  });

  test("is told that createTable needs the description of the table", async () => {
    const failure = await failureOf(
      createTable({ tableName: "chat", client: stubOf(() => answer) }),
    );
    expect(failure).toBeInstanceOf(StoreError);
    expect(failure.message).toContain(
      "createTable: there is no Table in the answer",
    );
  });
});

test("A stubbed client that describes the table is enough for createTable", async () => {
  const sent: string[] = [];
  const client = {
    send: async (command: object) => {
      sent.push(command.constructor.name);
      if (command instanceof DescribeTableCommand)
        return { Table: { ...tableDefinition, TableStatus: "ACTIVE" } };
      return undefined;
    },
  };
  await createTable({
    tableName: "chat",
    // As above.
    client: client as unknown as DynamoDBClient,
  });
  expect(sent).toContain("UpdateTimeToLiveCommand");
});

test("A stubbed client that deletes what a query has found may leave out what it did not process", async () => {
  let queries = 0;
  const { sessions } = storeOf(() => {
    queries += 1;
    return queries === 1 ? { Items: [{ PK: { S: "p" }, SK: { S: "s" } }] } : {};
  });
  await sessions.delete(newSession());
  expect(queries).toBe(3);
});

test("A stubbed client that refuses every write without an item ends with the deadline", async () => {
  let reads = 0;
  const client = {
    send: async (command: object) => {
      if (command.constructor.name === "UpdateItemCommand")
        throw errorOf("ConditionalCheckFailedException");
      reads += 1;
      return {};
    },
  };
  const { budgets, steps } = dynamoDBStore({
    tableName: "chat",
    // As above.
    client: client as unknown as DynamoDBClient,
    timeoutMs: 20,
  });
  for (const write of [
    () => budgets.reserve(call),
    () => steps.claim(newStep(), claim),
  ])
    expect(await failureOf(write())).toMatchObject({ reason: "timeout" });
  expect(reads).toBeGreaterThan(0);
});
