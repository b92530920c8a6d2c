import {
  BatchWriteItemCommand,
  DeleteItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ConfigurationError, StoreError } from "@lambdallm/core";
import type { SessionMessage } from "@lambdallm/core/stores";
import { MAX_PAYLOAD_BYTES } from "@lambdallm/dynamodb";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import {
  leaveUnprocessed,
  plainClient,
  returnRefusingItems,
} from "../../../test-support/dynamodb-client.ts";
import {
  digest,
  failureOf,
  itemsOf,
  newSession,
  noise,
  noiseText,
  picture,
  recorded,
  say,
  storeOf,
  times,
} from "./support.ts";

let table: TestTable;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

const client = () => plainClient(table.clientConfig);
const partition = (key: { tenantId: string; sessionId: string }) =>
  `S#${key.tenantId}#${key.sessionId}`;

const itemsIn = (key: { tenantId: string; sessionId: string }) =>
  itemsOf(table, partition(key));

const deleteTurn = (
  key: { tenantId: string; sessionId: string },
  first: number,
) =>
  client().send(
    new DeleteItemCommand({
      TableName: table.tableName,
      Key: {
        PK: { S: partition(key) },
        SK: { S: `M#${String(first).padStart(12, "0")}` },
      },
    }),
  );

/** Fills a session with copies of its first turn, which is quicker than the front door. */
async function copyTurns(
  key: { tenantId: string; sessionId: string },
  messages: number,
) {
  const [first] = await itemsIn(key);
  const requests = times(messages / 2 - 1, (index) => ({
    PutRequest: {
      Item: {
        ...first,
        SK: { S: `M#${String(2 * index + 2).padStart(12, "0")}` },
      },
    },
  }));
  const writer = client();
  while (requests.length > 0)
    await writer.send(
      new BatchWriteItemCommand({
        RequestItems: { [table.tableName]: requests.splice(0, 25) },
      }),
    );
}

describe("What a turn costs", () => {
  const text = (seed: number) =>
    String(seed).padEnd(500, "text ").slice(0, 500);
  const turnAt = (first: number) => ({
    first,
    messages: [
      say(text(first)),
      {
        role: "assistant" as const,
        content: [{ text: text(first + 1) }],
      },
    ],
    writeId: crypto.randomUUID(),
    expiresAt: Date.now() + 86_400_000,
  });

  async function costAt(messages: number) {
    const { sessions, takeUnits } = recorded(table);
    const key = {
      tenantId: "acme",
      sessionId: crypto.randomUUID(),
    };
    await sessions.append(key, turnAt(0));
    await copyTurns(key, messages);
    takeUnits();
    const { next, turns } = await sessions.load(key, { lastMessages: 20 });
    await sessions.append(key, turnAt(next));
    expect(next).toBe(messages);
    expect(turns).toHaveLength(Math.min(10, messages / 2));
    return takeUnits();
  }

  test("two messages of 500 B on a session of 10, 100 and 10,000: 2 write units, at most 4 read units, 3 requests", async () => {
    expect(await costAt(10)).toEqual({ reads: 3, writes: 2, requests: 3 });
    expect(await costAt(100)).toEqual({ reads: 4, writes: 2, requests: 3 });
    expect(await costAt(10_000)).toEqual({ reads: 4, writes: 2, requests: 3 });
  });

  test("what is new since a number is read without the old", async () => {
    const { sessions, takeUnits } = recorded(table);
    const key = newSession();
    for (const first of times(100, (index) => 2 * index))
      await sessions.append(key, turnAt(first));
    takeUnits();
    const { turns } = await sessions.load(key, { from: 196 });
    expect(turns.map(({ first }) => first)).toEqual([196, 198]);
    const { reads, requests } = takeUnits();
    expect(requests).toBe(1);
    expect(reads).toBeLessThanOrEqual(8);
  });

  test("a header and a summary make no second request once they were seen", async () => {
    const { sessions, takeUnits } = recorded(table);
    const key = newSession();
    for (const first of times(20, (index) => 2 * index))
      await sessions.append(key, turnAt(first));
    await sessions.saveSummary(key, { text: "s", upTo: 2 });
    await sessions.saveHeader(key, {
      expectedVersion: 0,
      metadata: {},
      writeId: "w",
    });
    const first = await sessions.load(key, { lastMessages: 20 });
    takeUnits();
    expect(await sessions.load(key, { lastMessages: 20 })).toEqual(first);
    expect(takeUnits().requests).toBe(1);
  });
});

describe("Turns of any size", () => {
  test.each([
    ["400 KB", 300_000],
    ["5 MB", 3_800_000],
  ])("a message of %s is stored intact", async (_, bytes) => {
    const { sessions } = storeOf(table, client());
    const key = newSession();
    const messages = [picture(noise(bytes)), say("What is it? 🦜")];
    const turn = { first: 0, messages, writeId: "w" };
    expect(await sessions.append(key, turn)).toBe(true);
    expect(await sessions.append(key, turn)).toBe(true);
    expect(await sessions.append(key, { ...turn, writeId: "x" })).toBe(false);
    const { turns, next } = await sessions.load(key);
    expect(digest(turns[0]?.messages)).toBe(digest(messages));
    expect(next).toBe(2);
  });

  test("text is zipped: 700 KB of it fit into one item, whatever its script", async () => {
    const { sessions } = storeOf(table, client());
    const key = newSession();
    const messages = [say("größer als 日本語 ".repeat(30_000))];
    await sessions.append(key, { first: 0, messages, writeId: "w" });
    expect(await itemsIn(key)).toHaveLength(1);
    expect((await sessions.load(key)).turns[0]?.messages).toEqual(messages);
  });

  test("text is not zipped when that saves no write unit", async () => {
    const { sessions } = storeOf(table, client());
    const key = newSession();
    const messages = [say(String(noiseText(3_000)))];
    await sessions.append(key, { first: 0, messages, writeId: "w" });
    const [item] = await itemsIn(key);
    expect(item?.["m"]?.S).toBe(JSON.stringify(messages));
    expect((await sessions.load(key)).turns[0]?.messages).toEqual(messages);
  });

  test("what is larger than the most that can be stored is refused, with its size", async () => {
    const { sessions } = storeOf(table, client());
    const failure = await failureOf(
      sessions.append(newSession(), {
        first: 0,
        messages: [say("x".repeat(MAX_PAYLOAD_BYTES))],
        writeId: "w",
      }),
    );
    expect(failure).toBeInstanceOf(StoreError);
    expect(failure).toMatchObject({ reason: "too-large", statusCode: 413 });
    expect(failure.message).toMatch(/turn would take 83886\d\d bytes; at most/);
  });

  test("chunks live an hour longer than their turn, so that no reader misses them", async () => {
    const { sessions } = storeOf(table, client());
    const key = newSession();
    const expiresAt = Date.now() + 60_000;
    const messages = [picture(noise(600_000))];
    await sessions.append(key, { first: 0, messages, writeId: "w", expiresAt });
    const ttls = (await itemsIn(key)).map(({ ttl }) => Number(ttl?.N));
    const seconds = Math.ceil(expiresAt / 1_000);
    expect(ttls).toEqual([seconds + 3_600, seconds + 3_600, seconds]);
  });

  test("two contents of one write id do not spoil each other's chunks", async () => {
    const { sessions } = storeOf(table, client());
    const key = newSession();
    const answers = times(2, () => [picture(noise(400_000))]);
    const stored = await Promise.all(
      answers.map((messages) =>
        sessions.append(key, { first: 0, messages, writeId: "request" }),
      ),
    );
    expect(stored).toEqual([true, true]);
    const { turns } = await sessions.load(key);
    expect(answers.map(digest)).toContain(digest(turns[0]?.messages));
  });

  const damages = {
    "is missing": (key: object) =>
      new DeleteItemCommand({ TableName: table.tableName, Key: Object(key) }),
    "was altered": (key: object) =>
      new UpdateItemCommand({
        TableName: table.tableName,
        Key: Object(key),
        UpdateExpression: "SET #b = :b",
        ExpressionAttributeNames: { "#b": "b" },
        ExpressionAttributeValues: { ":b": { B: noise(350 * 1_024) } },
      }),
    "was cut": (key: object) =>
      new UpdateItemCommand({
        TableName: table.tableName,
        Key: Object(key),
        UpdateExpression: "SET #b = :b",
        ExpressionAttributeNames: { "#b": "b" },
        ExpressionAttributeValues: { ":b": { B: noise(10) } },
      }),
  };

  test.each(Object.entries(damages))(
    "a chunk that %s is an error",
    async (_, damage) => {
      const { sessions } = storeOf(table, client());
      const key = newSession();
      const messages = [picture(noise(600_000))];
      await sessions.append(key, { first: 0, messages, writeId: "w" });
      const [chunk] = await itemsIn(key);
      const command = damage({ PK: chunk?.["PK"], SK: chunk?.["SK"] });
      // Both commands have a client's shape in common.
      await client().send(command as UpdateItemCommand);
      const failure = await failureOf(sessions.load(key));
      expect(failure).toMatchObject({ reason: "corrupt", operation: "load" });
      // Not by what unzips it, which does not see every change.
      expect(failure.message).toMatch(/is missing|were altered/);
    },
  );
});

describe("A session", () => {
  test("an expired end with gaps is empty, and its numbers are not used again", async () => {
    let time = Date.now();
    const { sessions } = storeOf(table, client(), { now: () => time });
    const key = newSession();
    for (const first of [0, 2, 4, 6, 8, 10])
      await sessions.append(key, {
        first,
        messages: [say("a"), say("b")],
        writeId: `w${first}`,
        expiresAt: time + 1_500,
      });
    // As DynamoDB deletes what has expired: in any order.
    for (const first of [6, 8]) await deleteTurn(key, first);
    time += 1_499;
    expect((await sessions.load(key)).turns).toHaveLength(4);
    time += 1;
    expect(await sessions.load(key, { lastMessages: 20 })).toEqual({
      turns: [],
      next: 12,
      hasOlder: false,
    });
  });

  test("a summary without turns still counts the numbers that it covers", async () => {
    const { sessions } = storeOf(table, client());
    const key = newSession();
    await sessions.saveSummary(key, { text: "s", upTo: 40 });
    expect((await sessions.load(key)).next).toBe(40);
    const turn = { messages: [say("a")], writeId: "w" };
    expect(await sessions.append(key, { ...turn, first: 41 })).toBe(false);
    expect(await sessions.append(key, { ...turn, first: 40 })).toBe(true);
    expect((await sessions.load(key)).next).toBe(41);
  });

  test("is deleted whole, though batches stay unprocessed and turns come in between", async () => {
    const busy = leaveUnprocessed(client(), (batch, size) =>
      batch % 3 === 0 ? size : Math.floor(size / 2),
    );
    const { sessions } = storeOf(table, busy);
    const key = newSession();
    const append = (first: number) =>
      storeOf(table, client()).sessions.append(key, {
        first,
        messages: [say("a")],
        writeId: "w",
      });
    for (const first of times(60, Number)) await append(first);
    await append(60);
    const late = append(61);
    await sessions.delete(key);
    await late;
    await sessions.delete(key);
    expect(await itemsIn(key)).toEqual([]);
  });

  test("says that the table is throttled when batches stay unprocessed until the end", async () => {
    const stuck = leaveUnprocessed(client(), () => 0);
    const { sessions } = storeOf(table, stuck, { timeoutMs: 2_000 });
    const key = newSession();
    await sessions.append(key, {
      first: 0,
      messages: [say("a")],
      writeId: "w",
    });
    expect(await failureOf(sessions.delete(key))).toMatchObject({
      reason: "throttled",
      operation: "delete",
      retryable: true,
    });
  });

  test("keeps a date as the text that JSON makes of it", async () => {
    const { sessions } = storeOf(table, client());
    const key = newSession();
    const messages: SessionMessage[] = [
      { role: "user", content: [{ $unknown: ["date", new Date(0)] }] },
    ];
    await sessions.append(key, { first: 0, messages, writeId: "w" });
    const [turn] = (await sessions.load(key)).turns;
    expect(turn?.messages).toEqual(JSON.parse(JSON.stringify(messages)));
  });

  test("an item that refused a write is taken as the service gives it", async () => {
    const { sessions } = storeOf(
      table,
      returnRefusingItems(client(), table.clientConfig),
    );
    const key = newSession();
    const turn = { first: 0, messages: [say("a")], writeId: "w" };
    expect(await sessions.append(key, turn)).toBe(true);
    expect(await sessions.append(key, turn)).toBe(true);
    expect(await sessions.append(key, { ...turn, writeId: "x" })).toBe(false);
    expect(await sessions.saveSummary(key, { text: "s", upTo: 1 })).toBe(true);
    expect(await sessions.saveSummary(key, { text: "s", upTo: 1 })).toBe(false);
  });

  test("a lock that goes to another owner between the refusal and the renewal is not held", async () => {
    const { sessions } = storeOf(table, client(), { skewMarginMs: 0 });
    const key = newSession();
    const owner = { owner: "a", leaseMs: 60_000 };
    expect(await sessions.lock(key, owner)).toBeGreaterThan(0);
    const slow = client();
    const thief = storeOf(table, client()).sessions;
    let updates = 0;
    slow.middlewareStack.add(
      (next, context) => async (args) => {
        if (context["commandName"] === "UpdateItemCommand") {
          updates += 1;
          if (updates === 2) {
            const fence = await thief.lock(key, owner);
            await thief.unlock(key, fence ?? 0);
            await thief.lock(key, { owner: "b", leaseMs: 60_000 });
          }
        }
        return next(args);
      },
      { step: "initialize" },
    );
    expect(
      await storeOf(table, slow).sessions.lock(key, owner),
    ).toBeUndefined();
  });

  const bad = {
    "no messages": { messages: [] },
    "a number below 0": { first: -1 },
    "a number that is none": { first: Number.NaN },
    "a number of 13 digits": { first: 10 ** 12 },
    "an end that is no time": { expiresAt: Number.NaN },
    "an end before 1970": { expiresAt: -1 },
    "a write id with #": { writeId: "a#b" },
    "content without JSON": {
      messages: [
        { role: "user" as const, content: [{ $unknown: ["x", 1n] as const }] },
      ],
    },
  };
  test.each(Object.entries(bad))(
    "a turn with %s is refused",
    async (_, part) => {
      const { sessions } = storeOf(table, client());
      const key = newSession();
      const turn = { first: 0, messages: [say("a")], writeId: "w", ...part };
      const failure = await failureOf(sessions.append(key, turn));
      expect(failure).toBeInstanceOf(ConfigurationError);
      expect(await itemsIn(key)).toEqual([]);
    },
  );

  test("metadata and summaries that no item can hold are refused, with their size", async () => {
    const { sessions } = storeOf(table, client());
    const text = "é".repeat(200_000);
    const header = { expectedVersion: 0, metadata: { text }, writeId: "w" };
    expect(
      await failureOf(sessions.saveHeader(newSession(), header)),
    ).toMatchObject({
      reason: "too-large",
      message: expect.stringContaining("400011 bytes"),
    });
    expect(
      await failureOf(sessions.saveSummary(newSession(), { text, upTo: 1 })),
    ).toMatchObject({
      reason: "too-large",
      message: expect.stringContaining("400000 bytes"),
    });
  });

  test("numbers that are none are refused", async () => {
    const { sessions } = storeOf(table, client());
    const key = newSession();
    for (const call of [
      () => sessions.load(key, { lastMessages: Number.NaN }),
      () => sessions.load(key, { from: -1 }),
      () => sessions.saveSummary(key, { text: "s", upTo: 0.5 }),
      () =>
        sessions.saveHeader(key, {
          expectedVersion: -1,
          metadata: {},
          writeId: "w",
        }),
    ])
      expect(await failureOf(call())).toBeInstanceOf(ConfigurationError);
  });

  test("a lease that is none is refused", async () => {
    const { sessions } = storeOf(table, client());
    const lock = { owner: "a", leaseMs: 0 };
    expect(await failureOf(sessions.lock(newSession(), lock))).toBeInstanceOf(
      ConfigurationError,
    );
  });

  const turn = {
    w: { S: "w" },
    ts: { N: "1" },
    n: { N: "1" },
    m: { S: '[{"role":"user","content":[]}]' },
  };
  const broken: Record<string, Record<string, object>> = {
    "no count": { n: { S: "1" } },
    "a count that is no whole number": { n: { N: "1.5" } },
    "another count": { n: { N: "2" } },
    "no content": { m: { N: "1" } },
    "content that is not JSON": { m: { S: "secret{" } },
    "content that is not zipped": {
      m: { N: "1" },
      z: { B: Buffer.from("secret") },
    },
    "no messages": { m: { S: "{}" } },
    "a pointer to nothing": { m: { N: "1" }, p: { S: '{"key":"C#w"}' } },
    "a pointer to far too many chunks": {
      m: { N: "1" },
      p: {
        S: '{"key":"C#w","chunks":1000000,"bytes":1,"sha256":""}',
      },
    },
    "no write id": { w: { N: "1" } },
    "no number": { SK: { S: "M#secret" } },
  };
  test.each(Object.entries(broken))(
    "a turn with %s is corrupt, and the error quotes nothing",
    async (_, part) => {
      const key = newSession();
      await client().send(
        new PutItemCommand({
          TableName: table.tableName,
          Item: Object({
            PK: { S: partition(key) },
            SK: { S: "M#000000000000" },
            ...turn,
            ...part,
          }),
        }),
      );
      const failure = await failureOf(
        storeOf(table, client()).sessions.load(key),
      );
      expect(failure).toMatchObject({ reason: "corrupt", statusCode: 503 });
      expect(`${failure.stack} ${failure.cause}`).not.toContain("secret");
    },
  );

  test("metadata that cannot be decoded is corrupt", async () => {
    const key = newSession();
    await client().send(
      new PutItemCommand({
        TableName: table.tableName,
        Item: {
          PK: { S: partition(key) },
          SK: { S: "Z" },
          v: { N: "1" },
          created: { N: "1" },
          meta: { S: "{" },
        },
      }),
    );
    expect(
      await failureOf(storeOf(table, client()).sessions.load(key)),
    ).toMatchObject({ reason: "corrupt" });
  });

  test("of another tenant is refused by a store for one", async () => {
    const { sessions } = storeOf(table, client(), { tenantId: "acme" });
    const key = newSession();
    expect((await sessions.load(key)).next).toBe(0);
    expect(
      await failureOf(sessions.load({ ...key, tenantId: "other" })),
    ).toBeInstanceOf(ConfigurationError);
  });
});
