import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import {
  plainClient,
  returnRefusingItems,
  withholdRefusingItems,
} from "../../../test-support/dynamodb-client.ts";
import { failureOf, itemsOf, recorded, storeOf, times } from "./support.ts";

const CENT = 10_000_000;
// Far ahead, because engines with a time to live delete what has ended.
const AT = Date.UTC(2126, 10, 22, 12);
const DAY = "2126-11-22";

let table: TestTable;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

const client = () => plainClient(table.clientConfig);

const callOf = (scope: string, id: string, amountNanoUsd = CENT) => ({
  scope,
  id,
  amountNanoUsd,
  limits: { dailyNanoUsd: 100 * CENT },
  at: AT,
  expiresAt: AT + 60_000,
});

const row = (model: string, prompt = "summary") => ({
  model,
  prompt,
  calls: 1,
  inputTokens: 1_000,
  outputTokens: 100,
  costNanoUsd: CENT,
});

const itemsIn = (scope: string) => itemsOf(table, `B#${scope}`);

describe("A budget", () => {
  test("costs a write unit to reserve and one to settle, with 15 calls in flight", async () => {
    const { budgets, takeUnits } = recorded(table);
    for (const index of times(15, Number))
      await budgets.reserve(callOf("units", `${index}`));
    takeUnits();
    const outcome = await budgets.reserve(callOf("units", "one more"));
    if (outcome.reserved) await budgets.settle(outcome.reservation, CENT);
    expect(takeUnits()).toEqual({ reads: 0, writes: 2, requests: 2 });
  });

  test("denies what is above a limit without a write", async () => {
    const { budgets, takeUnits } = recorded(table);
    const call = callOf("empty", "a", 101 * CENT);
    expect(await budgets.reserve(call)).toEqual({
      reserved: false,
      exceeded: "daily",
      use: { dayNanoUsd: 0, monthNanoUsd: 0 },
    });
    expect(takeUnits()).toMatchObject({ writes: 0, requests: 1 });
  });

  test("is asked again when money came back between the refusal and the look at it", async () => {
    const { budgets } = storeOf(table, client());
    const full = await budgets.reserve(callOf("back", "full", 100 * CENT));
    const slow = withholdRefusingItems(client());
    let reads = 0;
    slow.middlewareStack.add(
      (next, context) => async (args) => {
        if (context["commandName"] === "GetItemCommand" && ++reads === 1)
          if (full.reserved) await budgets.settle(full.reservation, 0);
        return next(args);
      },
      { step: "initialize" },
    );
    const outcome = await storeOf(table, slow).budgets.reserve(
      callOf("back", "a"),
    );
    expect(outcome.reserved).toBe(true);
    expect(reads).toBe(1);
  });

  test("is judged by the item that refused the call, as the service gives it", async () => {
    const { budgets } = storeOf(
      table,
      returnRefusingItems(client(), table.clientConfig),
    );
    await budgets.reserve(callOf("refusing", "a", 100 * CENT));
    expect(await budgets.reserve(callOf("refusing", "b"))).toEqual({
      reserved: false,
      exceeded: "daily",
      use: { dayNanoUsd: 100 * CENT, monthNanoUsd: 100 * CENT },
    });
  });

  test("is not settled with a reservation that differs from what was reserved", async () => {
    const { budgets } = storeOf(table, client());
    const outcome = await budgets.reserve(callOf("differs", "a"));
    if (!outcome.reserved) throw new Error("not reserved");
    const { reservation } = outcome;
    for (const other of [{ amountNanoUsd: 2 * CENT }, { day: "2126-11-23" }])
      expect(await budgets.settle({ ...reservation, ...other }, 0)).toBe(false);
    expect(await budgets.settle(reservation, 0)).toBe(true);
  });

  test("reaps what was reserved in the last night of a month", async () => {
    const { budgets } = storeOf(table, client());
    const at = Date.UTC(2126, 11, 31, 23, 59);
    const call = { ...callOf("new year", "a"), at, expiresAt: at + 120_000 };
    await budgets.reserve(call);
    expect(await budgets.reap("new year", at + 121_000)).toBe(1);
    expect((await budgets.read("new year", at)).reservations).toEqual([]);
  });

  test("is kept for 400 days after its last change, or as long as it is said", async () => {
    for (const [scope, days] of [
      ["kept", 400],
      ["short", 7],
    ] as const) {
      const { budgets } = storeOf(table, client(), {
        now: () => AT,
        ...(days === 7 && { budgetRetentionDays: days }),
      });
      await budgets.reserve(callOf(scope, "a"));
      await budgets.record(scope, {
        day: DAY,
        key: "",
        writeId: "w",
        rows: [row("m")],
      });
      const ttls = (await itemsIn(scope)).map(({ ttl }) => Number(ttl?.N));
      expect(ttls).toEqual(times(2, () => AT / 1_000 + days * 86_400));
    }
  });

  test("with a reservation that cannot be read is corrupt", async () => {
    for (const value of [{ S: "5yc1s" }, { N: "1" }]) {
      await client().send(
        new PutItemCommand({
          TableName: table.tableName,
          Item: Object({
            PK: { S: "B#broken" },
            SK: { S: "2126-11" },
            "r#a": value,
          }),
        }),
      );
      const { budgets } = storeOf(table, client());
      expect(await failureOf(budgets.read("broken", AT))).toMatchObject({
        reason: "corrupt",
      });
    }
  });

  test("of a store for one tenant is its own", async () => {
    await storeOf(table, client(), { tenantId: "acme" }).budgets.reserve(
      callOf("own", "a"),
    );
    const { budgets } = storeOf(table, client());
    expect((await budgets.read("own", AT)).dayNanoUsd).toBe(0);
  });

  test("refuses times, days and ids that are none", async () => {
    const { budgets } = storeOf(table, client());
    const reservation = { scope: "s", id: "a", day: DAY, amountNanoUsd: 1 };
    const spending = { day: DAY, key: "", writeId: "w", rows: [row("m")] };
    const range = { from: DAY, to: DAY };
    for (const call of [
      () => budgets.reserve({ ...callOf("s", "a"), at: Number.NaN }),
      () => budgets.reserve({ ...callOf("s", "a"), expiresAt: 0.5 }),
      () => budgets.read("s", Number.POSITIVE_INFINITY),
      () => budgets.settle({ ...reservation, day: "today" }, 0),
      () => budgets.record("s", { ...spending, day: "2126-13-01" }),
      () => budgets.record("s", { ...spending, writeId: "" }),
      () => budgets.report("s", { ...range, from: "" }),
      () => budgets.report("s", { ...range, to: "2126" }),
    ])
      expect(await failureOf(call())).toBeInstanceOf(ConfigurationError);
  });
});

describe("A report", () => {
  test("of a range whose end comes first is empty", async () => {
    const { budgets } = storeOf(table, client());
    expect(await budgets.report("s", { from: DAY, to: "2126-11-21" })).toEqual(
      [],
    );
  });

  test("takes any number of rows at once, and counts them once", async () => {
    const { budgets } = storeOf(table, client());
    const rows = times(60, (index) =>
      row(`model ${index % 55}`, `prompt ${index % 55}`),
    );
    const spending = { day: DAY, key: "acme", writeId: "w", rows };
    await budgets.record("many", spending);
    await budgets.record("many", spending);
    await budgets.record("many", { ...spending, writeId: "none", rows: [] });
    const report = await budgets.report("many", { from: DAY, to: DAY });
    expect(report).toHaveLength(55);
    expect(report.reduce((calls, each) => calls + each.calls, 0)).toBe(60);
  });

  test("of many days and keys is read page by page", async () => {
    const { budgets, takeUnits } = recorded(table);
    const long = "x".repeat(30_000);
    await Promise.all(
      times(40, (index) =>
        budgets.record("pages", {
          day: `2126-11-${String((index % 28) + 1).padStart(2, "0")}`,
          key: `${index}`,
          writeId: `${index}`,
          rows: [row(long)],
        }),
      ),
    );
    takeUnits();
    const report = await budgets.report("pages", {
      from: "2126-11-01",
      to: "2126-11-30",
    });
    expect(report).toHaveLength(40);
    expect(takeUnits().requests).toBeGreaterThan(1);
  });

  test("stays small however often it is written to: ids of writes leave after some minutes", async () => {
    let time = AT;
    const { budgets, takeUnits } = recorded(table, { now: () => time });
    const record = (index: number) =>
      budgets.record("long", {
        day: DAY,
        key: "",
        writeId: `w${index}`,
        rows: [row("m")],
      });
    for (const index of times(400, Number)) {
      await record(index);
      time += 2_000;
    }
    // Repeated within a minute.
    await record(399);
    const sizes = (await itemsIn("long")).map(
      (item) => JSON.stringify(item).length,
    );
    expect(Math.max(...sizes)).toBeLessThan(1_024);
    expect(takeUnits().writes).toBeLessThanOrEqual(402);
    const [total] = await budgets.report("long", { from: DAY, to: DAY });
    expect(total?.calls).toBe(400);
  });

  test.each([
    ["no name", { nabc: { S: "{}" } }],
    ["a name of another kind", { nabc: { S: "[1,2]" } }],
    ["a name without a prompt", { nabc: { S: '["m"]' } }],
    ["a name that is no JSON", { nabc: { S: "[" } }],
    ["no counters", { nabc: { S: '["m","p"]' } }],
  ])("with a row that has %s is corrupt", async (_, part) => {
    await client().send(
      new PutItemCommand({
        TableName: table.tableName,
        Item: Object({
          PK: { S: "B#rows" },
          SK: { S: `D#${DAY}##0` },
          ...part,
        }),
      }),
    );
    const { budgets } = storeOf(table, client());
    expect(
      await failureOf(budgets.report("rows", { from: DAY, to: DAY })),
    ).toMatchObject({
      reason: "corrupt",
    });
  });
});
