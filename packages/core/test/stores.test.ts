import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import {
  checkAmount,
  checkId,
  MemoryBudgetStore,
  MemorySessionStore,
  MemoryStepStore,
  memoryStores,
} from "@lambdallm/core/stores";
import fc from "fast-check";
import { fakeDate } from "../../../test-support/fake-date.ts";

// What the contracts promise is tested by the conformance suites, in packages/testing/test/conformance-memory.test.ts.

const messageOf = (run: () => void): string => {
  try {
    run();
  } catch (error) {
    if (ConfigurationError.isInstance(error)) return error.message;
    throw error;
  }
  return "";
};

const key = { tenantId: "acme", sessionId: "s" };
const message = { role: "user", content: [{ text: "Hello" }] } as const;

afterEach(() => {
  jest.useRealTimers();
});

describe("Memory stores that were made before a test set the date", () => {
  const { sessions, steps } = memoryStores();

  test("let sessions expire by that date", async () => {
    fakeDate("2001-01-01");
    const expiresAt = Date.now() + 1_000;
    const turn = { first: 0, messages: [message], writeId: "w", expiresAt };
    await sessions.append(key, turn);
    const [written] = (await sessions.load(key)).turns;
    expect(written?.writtenAt).toBe(Date.parse("2001-01-01"));
    jest.setSystemTime(expiresAt);
    expect((await sessions.load(key)).turns).toEqual([]);
  });

  test("let leases end by that date", async () => {
    fakeDate("2001-01-01");
    const step = { runId: "r", step: "1" };
    const claim = { owner: "a", leaseMs: 1_000 };
    await steps.claim(step, claim);
    const other = { ...claim, owner: "b" };
    expect((await steps.claim(step, other)).status).toBe("running");
    jest.setSystemTime(Date.now() + 1_000);
    expect((await steps.claim(step, other)).status).toBe("claimed");
  });
});

describe("checkId", () => {
  test.each([
    [undefined, "must be a string, not undefined"],
    [7, "must be a string, not number"],
    ["", "is empty"],
    ["a#b", 'contains "#", which separates the parts of a key'],
    ["\ud83e", "is not well-formed Unicode"],
    ["x".repeat(513), "has 513 bytes; at most 512 are allowed"],
    ["é".repeat(257), "has 514 bytes; at most 512 are allowed"],
  ])("says what is wrong with %p", (id, problem) => {
    expect(messageOf(() => checkId("tenant id", id))).toBe(
      `The tenant id ${problem}.`,
    );
  });

  test("accepts exactly the texts that can be a part of a key", () => {
    const part = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme", minLength: 100, maxLength: 600 }),
      fc.constantFrom("", "#", "a#", "\udc00", "x".repeat(512)),
    );
    fc.assert(
      fc.property(part, (id) => {
        const isId =
          id !== "" &&
          !id.includes("#") &&
          id.isWellFormed() &&
          new TextEncoder().encode(id).length <= 512;
        expect(messageOf(() => checkId("id", id)) === "").toBe(isId);
      }),
    );
  });

  test("never repeats an id in its message", () => {
    const id = fc.string({ unit: "grapheme", minLength: 600 });
    fc.assert(
      fc.property(id, (text) => {
        expect(messageOf(() => checkId("id", text))).not.toContain(text);
      }),
    );
  });
});

test("checkAmount accepts whole numbers from 0 to what sums are exact for", () => {
  for (const amount of [0, 1, Number.MAX_SAFE_INTEGER])
    expect(messageOf(() => checkAmount("amount", amount))).toBe("");
  for (const amount of [-1, 0.5, 2 ** 53, NaN, Infinity, "1", 1n, undefined])
    expect(messageOf(() => checkAmount("amount", amount))).toBe(
      "The amount must be a whole number of at least 0 and at most 9007199254740991.",
    );
});

describe("the stores in memory", () => {
  test("come one of each kind, on one clock", async () => {
    let time = 1_000;
    const { sessions, budgets, steps } = memoryStores({ now: () => time });
    expect(budgets).toBeInstanceOf(MemoryBudgetStore);
    const lease = { owner: "a", leaseMs: 10 };
    const other = { owner: "b", leaseMs: 10 };
    const step = { runId: "r", step: "000001" };
    await sessions.append(key, { first: 0, messages: [message], writeId: "w" });
    expect((await sessions.load(key)).turns[0]?.writtenAt).toBe(1_000);
    await sessions.lock(key, lease);
    await steps.claim(step, lease);
    time += 9;
    expect(await sessions.lock(key, other)).toBeUndefined();
    expect(await steps.claim(step, other)).toEqual({
      status: "running",
      expiresAt: 1_010,
    });
    time += 1;
    expect(await sessions.lock(key, other)).toBeDefined();
    expect(await steps.claim(step, other)).toMatchObject({ fence: 2 });
  });

  test("share nothing with others of their kind", async () => {
    const turn = { first: 0, messages: [message], writeId: "w" };
    await memoryStores().sessions.append(key, turn);
    expect((await memoryStores().sessions.load(key)).next).toBe(0);
    const step = { runId: "r", step: "000001" };
    const lease = { owner: "a", leaseMs: 60_000 };
    await new MemoryStepStore().claim(step, lease);
    expect(await new MemoryStepStore().list("r")).toEqual([]);
  });

  test("name an option that does not exist", () => {
    const options: object = { ttl: 5 };
    for (const make of [
      () => new MemorySessionStore(options),
      () => new MemoryStepStore(options),
      () => memoryStores(options),
    ])
      expect(messageOf(make)).toMatch(
        /^Memory(Session|Step)Store: there is no option "ttl"\. Options: now\.$/,
      );
  });

  test("hold what is stored from its expiry on no longer than until the next turn", async () => {
    let time = 0;
    const store = new MemorySessionStore({ now: () => time });
    const messages = [message];
    await store.append(key, { first: 0, messages, writeId: "a", expiresAt: 5 });
    time = 5;
    await store.append(key, { first: 1, messages, writeId: "b" });
    time = 0; // A clock that goes back would show it.
    expect((await store.load(key)).turns.map((turn) => turn.first)).toEqual([
      1,
    ]);
  });

  test("keep a lock of a new session from the holder of a deleted one", async () => {
    const store = new MemorySessionStore();
    const old = await store.lock(key, { owner: "a", leaseMs: 60_000 });
    await store.delete(key);
    const fence = await store.lock(key, { owner: "b", leaseMs: 60_000 });
    expect(fence).toBeGreaterThan(old ?? Infinity);
    await store.unlock(key, old ?? 0);
    expect(
      await store.lock(key, { owner: "c", leaseMs: 60_000 }),
    ).toBeUndefined();
  });

  test("do not change the budget's reservation of another day", async () => {
    const store = new MemoryBudgetStore();
    const at = Date.UTC(2026, 10, 22);
    const outcome = await store.reserve({
      scope: "s",
      id: "1",
      amountNanoUsd: 5,
      limits: {},
      at,
      expiresAt: at,
    });
    if (!outcome.reserved) throw new Error("refused");
    const wrong = { ...outcome.reservation, day: "2026-11-23" };
    expect(await store.settle(wrong, 1)).toBe(false);
    expect(await store.read("s", at)).toMatchObject({ dayNanoUsd: 5 });
  });

  test("say what a time is that is none", async () => {
    await expect(new MemoryBudgetStore().read("s", NaN)).rejects.toThrow(
      "The time must be in epoch milliseconds.",
    );
  });
});

test("whatever callers do in whatever order, a budget is never passed and nothing is lost", async () => {
  const LIMIT = 100;
  const at = Date.UTC(2026, 10, 22, 12);
  const action = fc.record({
    id: fc.integer({ min: 0, max: 5 }).map(String),
    kind: fc.constantFrom("reserve", "settle", "reap"),
    amount: fc.integer({ min: 0, max: LIMIT + 1 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
      const store = new MemoryBudgetStore();
      const held = new Map<string, number>();
      let settled = 0;
      for (const { id, kind, amount } of actions) {
        if (kind === "reserve") {
          const outcome = await store.reserve({
            scope: "s",
            id,
            amountNanoUsd: amount,
            limits: { dailyNanoUsd: LIMIT },
            at,
            expiresAt: at,
          });
          if (outcome.reserved) held.set(id, outcome.reservation.amountNanoUsd);
        } else if (kind === "settle") {
          const reserved = held.get(id);
          const reservation = {
            scope: "s",
            id,
            day: "2026-11-22",
            amountNanoUsd: reserved ?? 0,
          };
          const actual = Math.min(amount, reserved ?? amount);
          expect(await store.settle(reservation, actual)).toBe(held.delete(id));
          if (reserved !== undefined) settled += actual;
        } else {
          expect(await store.reap("s", at + 1)).toBe(held.size);
          for (const reserved of held.values()) settled += reserved;
          held.clear();
        }
        const { dayNanoUsd, reservations } = await store.read("s", at);
        const inFlight = [...held.values()].reduce(
          (sum, each) => sum + each,
          0,
        );
        expect(dayNanoUsd).toBe(settled + inFlight);
        expect(dayNanoUsd).toBeLessThanOrEqual(LIMIT);
        expect(reservations).toHaveLength(held.size);
      }
    }),
  );
});
