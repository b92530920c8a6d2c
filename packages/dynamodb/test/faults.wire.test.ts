import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import type { BudgetReservation, SessionStore } from "@lambdallm/core/stores";
import {
  type RegisterTest,
  sessionStoreConformance,
  stepStoreConformance,
} from "@lambdallm/testing";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import {
  injectFaults,
  PATIENT,
  plainClient,
  seeded,
  withoutConditions,
} from "../../../test-support/dynamodb-client.ts";
import { rounds } from "../../../test-support/rounds.ts";
import { newSession, newStep, say, storeOf, times } from "./support.ts";

const FAULTS = { lostReplies: 0.15, lostRequests: 0.1, throttled: 0.05 };
const CENT = 10_000_000;
const DOLLAR = 100 * CENT;

let table: TestTable;
let time = Date.now();
let seed = 20_261_122;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

const faultyClient = () => {
  seed += 1;
  return injectFaults(plainClient(table.clientConfig), seeded(seed), FAULTS);
};

const clock = {
  now: () => time,
  advance: (ms: number) => {
    time += ms;
  },
};
const connect = () => storeOf(table, faultyClient(), { now: clock.now });

/** The 50 writers take a minute with faults. Without them they write in every run. */
const testAndSoak: RegisterTest = (name, run, timeoutMs) => {
  if (rounds(0, 1) === 1 || !name.startsWith("50 writers at once"))
    test(name, run, timeoutMs);
};

describe("With lost requests, lost replies and throttling, sessions keep every promise:", () => {
  sessionStoreConformance({
    test: testAndSoak,
    timeoutMs: 600_000,
    createStore: () => connect().sessions,
    clock,
  });
});

describe("With lost requests, lost replies and throttling, steps keep every promise:", () => {
  stepStoreConformance({
    test,
    timeoutMs: 600_000,
    createStore: () => connect().steps,
    clock,
  });
});

/** The cases of the suite, to be run on a store that has to fail them. */
function casesOf(createStore: () => SessionStore) {
  const cases = new Map<string, () => Promise<void>>();
  sessionStoreConformance({
    test: (name, run) => cases.set(name, run),
    createStore,
  });
  return cases;
}

describe("The same tests can fail:", () => {
  const naive = () =>
    storeOf(table, withoutConditions(plainClient(table.clientConfig))).sessions;

  test.each([
    "50 writers at once lose nothing",
    "of many turns for the same number one is stored",
    "a number that another turn has taken is refused",
  ])("a store without conditions does not pass: %s", async (name) => {
    const [, run] =
      [...casesOf(naive)].find(([each]) => each.startsWith(name)) ?? [];
    await expect(run?.()).rejects.toThrow();
  });
});

/** Each of the writers adds its turns, and answers a refusal by loading again. */
async function write(
  sessions: SessionStore,
  writeIdFor: (turn: string) => string,
): Promise<readonly string[]> {
  const key = newSession();
  await Promise.all(
    times(10, async (writer) => {
      for (const index of times(4, Number)) {
        const turn = `${writer}-${index}`;
        for (let stored = false; !stored; ) {
          const { next } = await sessions.load(key, { lastMessages: 1 });
          stored = await sessions.append(key, {
            first: next,
            messages: [say(turn)],
            writeId: writeIdFor(turn),
          });
        }
      }
    }),
  );
  const { turns } = await sessions.load(key);
  return turns.map(({ messages }) => JSON.stringify(messages));
}

describe("Write ids", () => {
  test("keep a turn whose reply was lost from being stored twice; without them it is", async () => {
    const named = await write(connect().sessions, (turn) => turn);
    expect(named).toHaveLength(40);
    expect(new Set(named).size).toBe(40);

    const anonymous = faultyClient();
    anonymous.middlewareStack.add(
      (next) => async (args) => {
        const input = { ...args.input };
        if ("Item" in input && input.Item)
          input.Item = { ...input.Item, w: { S: crypto.randomUUID() } };
        return next({ ...args, input });
      },
      { step: "initialize" },
    );
    const { sessions } = storeOf(table, anonymous);
    const unnamed = await write(sessions, () => crypto.randomUUID());
    expect(unnamed.length).toBeGreaterThan(40);
  });
});

describe("A budget with lost requests, lost replies and throttling", () => {
  const at = Date.UTC(2026, 10, 22, 12);
  const expiresAt = at + 60_000;

  test("of $1 admits 100 of 200 callers, and says what they have spent", async () => {
    const stores = times(4, connect);
    let admitted = 0;
    await Promise.all(
      times(200, async (index) => {
        const { budgets } = stores[index % 4] ?? connect();
        const outcome = await budgets.reserve({
          scope: "200 callers",
          id: `call-${index}`,
          amountNanoUsd: CENT,
          limits: { dailyNanoUsd: DOLLAR },
          at,
          expiresAt,
        });
        if (!outcome.reserved) return;
        admitted += 1;
        await budgets.settle(outcome.reservation, CENT);
      }),
    );
    expect(admitted).toBe(100);
    expect(await connect().budgets.read("200 callers", at)).toEqual({
      dayNanoUsd: DOLLAR,
      monthNanoUsd: DOLLAR,
      days: { 22: DOLLAR },
      reservations: [],
    });
  });

  test("is never overspent when a tenth of the callers dies, and counts their estimates", async () => {
    const random = seeded(7);
    const { budgets } = connect();
    const scope = "crashes";
    const dead: BudgetReservation[] = [];
    let spent = 0;
    let next = 0;
    await Promise.all(
      times(20, async () => {
        for (; next < 200; ) {
          const id = `call-${next++}`;
          const outcome = await budgets.reserve({
            scope,
            id,
            amountNanoUsd: 2 * CENT,
            limits: { dailyNanoUsd: DOLLAR },
            at,
            expiresAt,
          });
          if (!outcome.reserved) continue;
          if (random() < 0.1) dead.push(outcome.reservation);
          else {
            const cost = Math.round(random() * 2 * CENT);
            spent += cost;
            await budgets.settle(outcome.reservation, cost);
          }
        }
      }),
    );
    const before = await budgets.read(scope, at);
    expect(before.dayNanoUsd).toBe(spent + dead.length * 2 * CENT);
    expect(before.dayNanoUsd).toBeLessThanOrEqual(DOLLAR);
    expect(before.reservations).toHaveLength(dead.length);
    await budgets.reap(scope, expiresAt + 1);
    for (const reservation of dead)
      expect(await budgets.settle(reservation, 0)).toBe(false);
    expect(await budgets.read(scope, at)).toEqual({
      ...before,
      reservations: [],
    });
  });

  test("reports what was spent once; a plain counter with the SDK's own retries counts too much", async () => {
    const row = {
      model: "m",
      prompt: "p",
      calls: 1,
      inputTokens: 10,
      outputTokens: 1,
      costNanoUsd: CENT,
    };
    const day = "2026-11-22";
    const stores = times(4, connect);
    await Promise.all(
      times(200, async (index) =>
        stores[index % 4]?.budgets.record("plain", {
          day,
          key: "acme",
          writeId: `call-${index}`,
          rows: [row],
        }),
      ),
    );
    const report = await connect().budgets.report("plain", {
      from: day,
      to: day,
    });
    expect(report).toEqual([
      {
        day,
        key: "acme",
        model: "m",
        prompt: "p",
        calls: 200,
        inputTokens: 2_000,
        outputTokens: 200,
        costNanoUsd: 2 * DOLLAR,
      },
    ]);

    const naive = injectFaults(
      new DynamoDBClient({
        ...PATIENT,
        ...table.clientConfig,
        maxAttempts: 10,
      }),
      seeded(1),
      FAULTS,
    );
    const results = await Promise.allSettled(
      times(100, () =>
        naive.send(
          new UpdateItemCommand({
            TableName: table.tableName,
            Key: { PK: { S: "naive" }, SK: { S: "naive" } },
            UpdateExpression: "ADD #calls :one",
            ExpressionAttributeNames: { "#calls": "calls" },
            ExpressionAttributeValues: { ":one": { N: "1" } },
            ReturnValues: "UPDATED_NEW",
          }),
        ),
      ),
    );
    const counted = Math.max(
      ...results.map((result) =>
        result.status === "fulfilled"
          ? Number(result.value.Attributes?.["calls"]?.N)
          : 0,
      ),
    );
    expect(counted).toBeGreaterThan(
      results.filter(({ status }) => status === "fulfilled").length,
    );
  });
});

describe("40 runs of 4 steps, each resumed three times at once", () => {
  test("execute no step twice, and finish", async () => {
    const executions = jest.fn<(step: string) => void>();
    const stores = times(4, connect);
    await Promise.all(
      times(40, async (index) => {
        const { runId } = newStep();
        const steps = times(4, (step) => ({ runId, step: `00000${step}` }));
        const resume = async (owner: string): Promise<boolean> => {
          const store = stores[index % 4]?.steps ?? connect().steps;
          for (const key of steps) {
            const claimed = await store.claim(key, { owner, leaseMs: 600_000 });
            if (claimed.status === "running") return false;
            if (claimed.status === "done") continue;
            executions(`${key.runId} ${key.step}`);
            const output = `${key.runId} ${key.step} ${owner}`;
            if (!(await store.commit(key, claimed.fence, output))) return false;
          }
          return true;
        };
        const finished = await Promise.all(
          times(3, (resumption) => resume(`${runId}-${resumption}`)),
        );
        expect(finished).toContain(true);
        const records = await connect().steps.list(runId);
        expect(records.map(({ status }) => status)).toEqual(
          times(4, () => "done"),
        );
      }),
    );
    const ran = executions.mock.calls.map(([step]) => step);
    expect(ran).toHaveLength(160);
    expect(new Set(ran).size).toBe(160);
  });
});
