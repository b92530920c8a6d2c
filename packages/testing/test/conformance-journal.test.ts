import { describe, expect, test } from "@jest/globals";
import { journalConformance } from "@lambdallm/testing";
import { brokenJournals, changedJournal } from "./broken/journals.ts";
import { memoryHost } from "./journal-host.ts";

describe("memoryJournal", () => {
  journalConformance({ test, startRun: memoryHost() });
});

/** Turns of the event loop: what has not ended by then hangs, as no journal here waits for a timer. */
const TURNS = 3_000;

async function ended(run: () => Promise<void>): Promise<boolean> {
  const running = run().then(
    () => true,
    () => false,
  );
  const hung = (async () => {
    for (let turn = 0; turn < TURNS; turn++)
      await new Promise((resolve) => setImmediate(resolve));
    return false;
  })();
  return Promise.race([running, hung]);
}

async function failedBy(changes: (typeof brokenJournals)[string]) {
  const cases = new Map<string, () => Promise<void>>();
  journalConformance({
    test: (name, run) => cases.set(name, run),
    startRun: memoryHost(changedJournal(changes)),
  });
  const failed: string[] = [];
  for (const [name, run] of cases) {
    if (!(await ended(run))) failed.push(name);
  }
  return { names: [...cases.keys()], failed };
}

test("journalConformance fails every broken journal, and each of its cases fails one", async () => {
  const { names, failed } = await failedBy(() => ({}));
  expect(failed).toEqual([]);
  const caught = new Set<string>();
  const passed: string[] = [];
  for (const [name, changes] of Object.entries(brokenJournals)) {
    const { failed } = await failedBy(changes);
    if (failed.length === 0) passed.push(name);
    for (const each of failed) caught.add(each);
  }
  expect({ passed, idle: names.filter((name) => !caught.has(name)) }).toEqual({
    passed: [],
    idle: [],
  });
});

test("journalConformance refuses options that are missing or wrong", () => {
  expect(() => journalConformance({ test } as never)).toThrow(
    'journalConformance: the option "startRun" is missing: give a function.',
  );
});
