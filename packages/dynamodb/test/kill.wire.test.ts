import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { plainClient, seeded } from "../../../test-support/dynamodb-client.ts";
import { rounds } from "../../../test-support/rounds.ts";
import type { WorkerEvent } from "./fixtures/kill-worker.ts";
import { storeOf } from "./support.ts";

const ROUNDS = rounds(8, 50);
const CENT = 10_000_000;
const WORKER = new URL("fixtures/kill-worker.ts", import.meta.url).pathname;

let table: TestTable;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

interface Worker {
  readonly child: ChildProcess;
  /** Resolves when it has said that many things. */
  hasSaid(lines: number): Promise<unknown>;
  readonly ended: Promise<unknown>;
}

function startWorker(name: number, events: WorkerEvent[]): Worker {
  const child = spawn(
    process.execPath,
    ["--conditions=@lambdallm/source", WORKER],
    {
      env: { ...process.env, ...table.env, WORKER: `worker-${name}` },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const lines = createInterface({ input: child.stdout });
  let said = 0;
  lines.on("line", (line) => {
    said += 1;
    events.push(JSON.parse(line));
  });
  return {
    child,
    async hasSaid(count) {
      while (said < count) await once(lines, "line");
    },
    ended: Promise.all([once(child, "exit"), once(lines, "close")]),
  };
}

test("two processes on one session and one budget, one of them killed time and again: nothing acknowledged is lost, nothing is doubled, nothing is overspent", async () => {
  const random = seeded(20_261_122);
  const events: WorkerEvent[] = [];
  let name = 0;
  const start = () => startWorker(name++, events);
  let [victim, other] = [start(), start()];
  for (let round = 0; round < ROUNDS; round += 1) {
    // By what it has done, not by the clock: it has to get somewhere on a slow machine too.
    await victim.hasSaid(1 + Math.floor(random() * 12));
    await sleep(random() * 5);
    victim.child.kill("SIGKILL");
    await victim.ended;
    [victim, other] = [other, start()];
  }
  for (const { child, ended } of [victim, other]) {
    child.kill("SIGKILL");
    await ended;
  }

  const idsOf = (event: WorkerEvent["event"]) =>
    new Set(events.filter((each) => each.event === event).map(({ id }) => id));
  const { sessions, budgets } = storeOf(table, plainClient(table.clientConfig));

  const { turns, next } = await sessions.load({
    tenantId: "acme",
    sessionId: "kill",
  });
  const stored = turns.map(({ writeId }) => writeId);
  expect(new Set(stored).size).toBe(stored.length);
  expect(turns.map(({ first }) => first)).toEqual(
    stored.map((_, index) => 2 * index),
  );
  expect(next).toBe(2 * stored.length);
  for (const { writeId, messages } of turns)
    expect(messages.map(({ content }) => content)).toEqual([
      [{ text: writeId }],
      [{ text: writeId }],
    ]);
  const tried = idsOf("append");
  expect(stored.filter((id) => !tried.has(id))).toEqual([]);
  const missing = [...idsOf("appended")].filter((id) => !stored.includes(id));
  expect(missing).toEqual([]);
  expect(stored.length).toBeGreaterThanOrEqual(ROUNDS / 2);

  const at = Date.UTC(2026, 10, 22);
  const before = await budgets.read("kill", at);
  const inFlight = new Set(before.reservations.map(({ id }) => id));
  const settled = idsOf("settled");
  expect([...inFlight].filter((id) => settled.has(id))).toEqual([]);
  let spent = inFlight.size * CENT;
  // One that was not acknowledged may have been carried out: then its reservation is gone.
  for (const { id, event, costNanoUsd = 0 } of events)
    if (event === "settle" && !inFlight.has(id)) spent += costNanoUsd;
  expect(before.monthNanoUsd).toBe(spent);
  expect(before.dayNanoUsd).toBe(spent);
  expect(spent).toBeLessThanOrEqual(100 * CENT);
  expect(await budgets.reap("kill", at + 60_001)).toBe(inFlight.size);
  expect((await budgets.read("kill", at)).monthNanoUsd).toBe(spent);
});
