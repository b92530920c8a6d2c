import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { CostTracker } from "@lambdallm/cost-tracking";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { rounds } from "../../../test-support/rounds.ts";
import { CENT, DOLLAR } from "./support.ts";

let table: TestTable;
beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

const ROUNDS = rounds(4, 12);
const LIMIT = 0.3 * DOLLAR;
const SPENDER = new URL("fixtures/spender.ts", import.meta.url).pathname;

/** Starts a process that spends; it can be killed after some calls. */
function spender(name: string, seed: number, killAfterCalls = Infinity) {
  const child = spawn(
    process.execPath,
    [
      "--conditions=@lambdallm/source",
      SPENDER,
      name,
      String(LIMIT / 1e9),
      String(seed),
    ],
    {
      env: { ...process.env, ...table.env },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let written = "";
  child.stdout.on("data", (chunk: Buffer) => {
    written += chunk.toString();
    if (written.split("\n").length > killAfterCalls) child.kill("SIGKILL");
  });
  const bills = () => written.split("\n").slice(0, -1).map(Number);
  const ended = once(child, "close").then(() => ({
    code: child.exitCode,
    spent: bills().reduce((sum, bill) => sum + bill, 0),
  }));
  return { ended };
}

test("Two processes on one budget, one of them killed at some moment: what is recorded covers what was spent, and never passes the limit", async () => {
  const { tableName, clientConfig } = table;
  const store = dynamoDBStore({ tableName, clientConfig });
  for (let round = 1; round <= ROUNDS; round++) {
    const name = `round ${round}`;
    const survivor = spender(name, 2 * round);
    const victim = spender(name, 2 * round + 1, 1 + ((round * 7) % 12));
    const [alive, dead] = await Promise.all([survivor.ended, victim.ended]);
    expect(alive.code).toBe(0);
    const state = await store.budgets.read(name, Date.now());
    expect(state.dayNanoUsd).toBeLessThanOrEqual(LIMIT);
    // The survivor went on until there was no room for another call.
    expect(state.dayNanoUsd).toBeGreaterThan(LIMIT - 2 * CENT);
    expect(alive.spent + dead.spent).toBeLessThanOrEqual(state.dayNanoUsd);
    // What is too much is what the dead had set aside.
    expect(state.reservations.length).toBeLessThanOrEqual(4);
    const aside = state.reservations.length * CENT;
    expect(state.dayNanoUsd - aside).toBeLessThanOrEqual(
      alive.spent + dead.spent,
    );
    await store.budgets.reap(name, Date.now() + 3_600_000);
    const tracker = new CostTracker({ store, name });
    expect(await tracker.report("daily")).toMatchObject({
      costUsd: state.dayNanoUsd / 1e9,
      reservedUsd: 0,
    });
  }
});
