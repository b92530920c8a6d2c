import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  test,
} from "@jest/globals";
import { BudgetExceededError } from "@lambdallm/core";
import { memoryStores, type Stores } from "@lambdallm/core/stores";
import costTracking, { CostTracker } from "@lambdallm/cost-tracking";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import {
  injectFaults,
  plainClient,
  seeded,
} from "../../../test-support/dynamodb-client.ts";
import { printed } from "../../../test-support/quiet.ts";
import { answerOf, ask, CENT, DOLLAR, providerOf, run } from "./support.ts";

let table: TestTable;
beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

const CALLERS = 200;

const stores: readonly [name: string, create: () => Stores][] = [
  ["memory", () => memoryStores()],
  [
    "DynamoDB",
    () => {
      const { tableName, clientConfig } = table;
      return dynamoDBStore({ tableName, clientConfig, timeoutMs: 60_000 });
    },
  ],
  [
    "DynamoDB that loses requests and replies",
    () => {
      const client = plainClient(table.clientConfig);
      const rates = { lostRequests: 0.1, lostReplies: 0.15 };
      injectFaults(client, seeded(7), rates);
      const { tableName } = table;
      return dynamoDBStore({ tableName, client, timeoutMs: 60_000 });
    },
  ],
];

/** A call of a Lambda of its own. */
async function caller(
  store: Stores,
  name: string,
  provider = providerOf(),
): Promise<"passed" | "refused"> {
  // Each has a process of its own: what others were refused is not known to it.
  const tracking = costTracking({ store, name, dailyBudgetUsd: 1 });
  try {
    await run({ provider, use: [tracking] }, ask);
    return "passed";
  } catch (error) {
    if (BudgetExceededError.isInstance(error)) return "refused";
    throw error;
  }
}

const stateOf = (store: Stores, name: string) =>
  store.budgets.read(name, Date.now());

/** On a slow machine the store is still writing when callers have stopped waiting for it. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((done) => setTimeout(done, 20));
}

describe.each(stores)("With a budget in %s", (kind, create) => {
  test("of $1, 100 of 200 concurrent callers at $0.01 pass, and what is recorded is what was spent", async () => {
    const store = create();
    const name = `exact ${kind}`;
    let sent = 0;
    const provider = providerOf(async () => {
      sent += 1;
      return answerOf();
    });
    const outcomes = await Promise.all(
      Array.from({ length: CALLERS }, () => caller(store, name, provider)),
    );
    expect(outcomes.filter((outcome) => outcome === "passed")).toHaveLength(
      100,
    );
    expect(sent).toBe(100);
    const tracker = new CostTracker({ store, name, dailyBudgetUsd: 1 });
    await until(async () => (await tracker.report("daily")).calls >= 100);
    await until(async () => {
      const { reservations } = await stateOf(store, name);
      return reservations.length === 0;
    });
    expect(await stateOf(store, name)).toMatchObject({
      dayNanoUsd: DOLLAR,
      monthNanoUsd: DOLLAR,
      reservations: [],
    });
    expect(await tracker.report("daily")).toMatchObject({
      costUsd: 1,
      leftUsd: 0,
      calls: 100,
      unattributedUsd: 0,
    });
  });

  // A busy machine may settle later than an invocation waits; what becomes of the money is what counts.
  afterEach(() => {
    for (const text of printed())
      expect(text).toMatch(/: settle of \S+ USD failed: .* did not answer in/);
  });

  test("crashes of 10 % of the callers never lead to more than $1", async () => {
    const store = create();
    const name = `crashes ${kind}`;
    let sent = 0;
    const end = Promise.withResolvers<void>();
    const provider = providerOf(async () => {
      sent += 1;
      // The model has answered, and nobody is there any more to settle it.
      if (sent % 10 === 0) await end.promise;
      return answerOf({}, sent % 2 === 0 ? 1_000 : 400);
    });
    let alive = 0;
    let crashed = 0;
    const callers = Array.from({ length: CALLERS }, () =>
      caller(store, name, provider).finally(() => {
        alive += 1;
      }),
    );
    const isQuiet = () => {
      crashed = Math.floor(sent / 10);
      return alive + crashed === CALLERS;
    };
    while (!isQuiet()) await new Promise((done) => setTimeout(done, 5));
    await until(async () => {
      const { reservations } = await stateOf(store, name);
      return reservations.length <= crashed;
    });
    const state = await stateOf(store, name);
    expect(state.reservations).toHaveLength(crashed);
    expect(state.dayNanoUsd).toBeLessThanOrEqual(DOLLAR);
    const halves = Math.ceil(sent / 2);
    expect(state.dayNanoUsd).toBe((sent - halves) * CENT + halves * 0.4 * CENT);
    await store.budgets.reap(name, Date.now() + 3_600_000);
    expect(await stateOf(store, name)).toMatchObject({
      dayNanoUsd: state.dayNanoUsd,
      reservations: [],
    });
    // The dead come back, and change nothing.
    end.resolve();
    await Promise.all(callers);
    expect((await stateOf(store, name)).dayNanoUsd).toBe(state.dayNanoUsd);
  });
});
