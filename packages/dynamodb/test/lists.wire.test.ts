import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { MemoryStepStore, type StepStore } from "@lambdallm/core/stores";
import fc from "fast-check";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import {
  injectFaults,
  plainClient,
  seeded,
} from "../../../test-support/dynamodb-client.ts";
import { rounds } from "../../../test-support/rounds.ts";
import {
  failureOf,
  itemsOf,
  noiseText,
  recorded,
  storeOf,
  times,
} from "./support.ts";

let table: TestTable;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

const client = () => plainClient(table.clientConfig);
const stepsOf = (options: Parameters<typeof storeOf>[2] = {}) =>
  storeOf(table, client(), options).steps;

let lists = 0;
const newList = () => {
  lists += 1;
  return `suspended/tenant-${lists}`;
};
const itemsIn = (list: string) => itemsOf(table, `R#${list}`);
const idOf = (index: number) => `${1_000 + index}`;

describe("Whatever is put in and taken out, a list is a sorted map, page by page:", () => {
  const FAULTS = { lostReplies: 0.15, lostRequests: 0.1, throttled: 0.05 };
  const stores: Readonly<Record<string, () => StepStore>> = {
    "in memory": () => new MemoryStepStore(),
    "in DynamoDB": () => stepsOf(),
    "in DynamoDB with lost requests, lost replies and throttling": () =>
      storeOf(table, injectFaults(client(), seeded(20_261_128), FAULTS)).steps,
  };

  const ids = fc.oneof(
    fc.constantFrom("a", "a\0", "aa", "b", "~", "\uffee", "🦜"),
    fc
      .string({ unit: "binary", minLength: 1, maxLength: 3 })
      .filter((id) => !id.includes("#")),
  );
  const commands = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ put: ids, value: fc.jsonValue() }) },
      { weight: 1, arbitrary: fc.record({ take: ids }) },
    ),
    { maxLength: 20 },
  );

  const bytewise = (one: string, other: string) =>
    Buffer.compare(Buffer.from(one), Buffer.from(other));

  test.each(Object.entries(stores))("%s", async (_, open) => {
    const steps = open();
    const property = fc.asyncProperty(
      commands,
      fc.integer({ min: 1, max: 25 }),
      async (run, limit) => {
        const list = newList();
        const map = new Map<string, unknown>();
        for (const command of run) {
          if ("take" in command) {
            map.delete(command.take);
            await steps.delist(list, command.take);
          } else {
            // JSON has no -0.
            const value = JSON.parse(JSON.stringify(command.value));
            map.set(command.put, value);
            await steps.enlist(list, { id: command.put, value });
          }
        }
        const expected = [...map]
          .toSorted(([one], [other]) => bytewise(one, other))
          .map(([id, value]) => ({ id, value }));
        for (let start = 0, after: string | undefined; ; start += limit) {
          const page = await steps.entries(list, { after, limit });
          const end = start + limit;
          expect(page.entries).toEqual(expected.slice(start, end));
          expect(page.next).toBe(
            end < expected.length ? expected[end - 1]?.id : undefined,
          );
          if (page.next === undefined) return;
          after = page.next;
          // Whoever works through a list takes out what it has read.
          await steps.delist(list, after);
        }
      },
    );
    await fc.assert(property, { numRuns: rounds(20, 60) });
  });
});

describe("What was taken out", () => {
  test("has no value any more, and an end by which DynamoDB deletes it", async () => {
    const list = newList();
    const now = 1_795_000_000_001;
    const steps = stepsOf({ now: () => now });
    for (const value of ["a secret", noiseText(2_000), "x".repeat(10_000)]) {
      await steps.enlist(list, { id: "a", value, expiresAt: now + 60_000 });
      await steps.delist(list, "a");
      expect(await itemsIn(list)).toEqual([
        {
          PK: { S: `R#${list}` },
          SK: { S: "L#a" },
          x: { N: "0" },
          ttl: { N: "1795000001" },
        },
      ]);
    }
  });

  test("is not read either by a clock that is behind", async () => {
    const list = newList();
    const now = Date.now();
    await stepsOf({ now: () => now }).enlist(list, { id: "a", value: 1 });
    await stepsOf({ now: () => now }).delist(list, "a");
    const behind = stepsOf({ now: () => now - 3_600_000 });
    expect(await behind.entries(list)).toEqual({ entries: [] });
  });

  test("leaves nothing behind when it was never there", async () => {
    const list = newList();
    await stepsOf().delist(list, "a");
    expect(await itemsIn(list)).toEqual([]);
  });

  test("does not take a request for each entry to get past", async () => {
    const list = newList();
    const { steps, requests } = recorded(table);
    const ids = times(200, idOf);
    await Promise.all(
      ids.map(async (id) => {
        await steps.enlist(list, { id, value: 1 });
        if (id !== ids.at(-1)) await steps.delist(list, id);
      }),
    );
    requests.splice(0);
    const { entries } = await steps.entries(list, { limit: 1 });
    expect(entries).toEqual([{ id: ids.at(-1), value: 1 }]);
    expect(requests.length).toBeLessThan(9);
  });
});

describe("A list", () => {
  test("is read with one request for the page that is asked for, and no more than is on it", async () => {
    const list = newList();
    const { steps, requests } = recorded(table);
    for (const index of times(10, Number))
      await steps.enlist(list, { id: idOf(index), value: index });
    requests.splice(0);
    await steps.entries(list, { after: idOf(2), limit: 5 });
    expect(requests.map(({ input }) => input)).toMatchObject([{ Limit: 6 }]);
  });

  test("costs a write unit to put a run in, and one to take it out", async () => {
    const list = newList();
    const { steps, takeUnits } = recorded(table);
    const id = "2026-11-28T11:00:00.000Z/0b7e9c9e-5b8b-4a39-8f2b-6f9f4f2c6b1d";
    const value = { waitingFor: ["approval"], resumeAt: 1_795_000_000_000 };
    await steps.enlist(list, { id, value });
    expect(takeUnits()).toEqual({ reads: 0, writes: 1, requests: 1 });
    await steps.delist(list, id);
    expect(takeUnits()).toEqual({ reads: 0, writes: 1, requests: 1 });
  });

  test("of a store for one tenant is its own", async () => {
    const list = newList();
    await stepsOf({ tenantId: "acme" }).enlist(list, { id: "a", value: 1 });
    expect(await stepsOf().entries(list)).toEqual({ entries: [] });
    const own = await stepsOf({ tenantId: "acme" }).entries(list);
    expect(own.entries).toHaveLength(1);
  });

  test("with an entry that somebody else has spoilt is corrupt", async () => {
    const list = newList();
    const steps = stepsOf();
    for (const m of [{ S: "{" }, { N: "1" }]) {
      const Item = { PK: { S: `R#${list}` }, SK: { S: "L#a" }, m };
      await client().send(
        new PutItemCommand({ TableName: table.tableName, Item }),
      );
      expect(await failureOf(steps.entries(list))).toMatchObject({
        reason: "corrupt",
        operation: "entries",
      });
    }
  });
});
