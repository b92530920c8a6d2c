import { describe, expect, test } from "@jest/globals";
import {
  budgetStoreConformance,
  sessionStoreConformance,
  stepStoreConformance,
  type TimedStoreConformanceOptions,
} from "@lambdallm/testing";
import {
  brokenBudgetStores,
  goodBudgetStore,
  naiveBudgetStore,
} from "./broken/budget-stores.ts";
import {
  brokenSessionStores,
  goodSessionStore,
  naiveSessionStore,
} from "./broken/session-stores.ts";
import {
  brokenStepStores,
  goodStepStore,
  naiveStepStore,
} from "./broken/step-stores.ts";
import { run, type Subject } from "./broken/subject.ts";

/** Which stores pass although they are broken, and which cases no broken store fails. */
async function holesOf<Store>(
  conformance: (options: TimedStoreConformanceOptions<Store>) => void,
  good: Subject<Store>,
  broken: Readonly<Record<string, Subject<Store>>>,
) {
  const { names, failed } = await run(conformance, good);
  const results = await Promise.all(
    Object.entries(broken).map(async ([name, subject]) => ({
      name,
      failed: (await run(conformance, subject)).failed,
    })),
  );
  const caught = new Set(results.flatMap((result) => result.failed));
  return {
    failedByGood: failed,
    passed: results.filter((each) => each.failed.length === 0),
    idle: names.filter((name) => !caught.has(name)),
  };
}

const none = { failedByGood: [], passed: [], idle: [] };

describe("sessionStoreConformance", () => {
  test("fails a store that reads, changes and writes without a condition", async () => {
    const { failed } = await run(sessionStoreConformance, naiveSessionStore());
    expect(failed).toContain(
      "50 writers at once lose nothing, double nothing, leave no hole and keep the order, and who follows the tail misses nothing",
    );
    expect(failed).toContain(
      "of many turns for the same number one is stored, and only its writer is told so",
    );
  });

  test("fails every broken store, and each of its cases fails one", async () => {
    expect(
      await holesOf(
        sessionStoreConformance,
        goodSessionStore(),
        brokenSessionStores(),
      ),
    ).toEqual(none);
  });
});

describe("budgetStoreConformance", () => {
  const conformance = ({
    test,
    createStore,
  }: Parameters<typeof budgetStoreConformance>[0]) =>
    budgetStoreConformance({ test, createStore });

  test("fails a store that compares first and adds later", async () => {
    const { failed } = await run(conformance, naiveBudgetStore());
    expect(failed).toContain(
      "200 callers at once of a cent each pass a limit of a dollar exactly 100 times",
    );
    expect(failed).toContain(
      "the limits of the day and the month hold at once, over several days",
    );
  });

  test("fails every broken store, and each of its cases fails one", async () => {
    expect(
      await holesOf(conformance, goodBudgetStore(), brokenBudgetStores()),
    ).toEqual(none);
  });
});

describe("stepStoreConformance", () => {
  test("fails a store that gives steps to everybody", async () => {
    const { failed } = await run(stepStoreConformance, naiveStepStore());
    expect(failed).toContain(
      "20 who resume a run at once until it is finished run each step once, and all see the same outputs",
    );
  });

  test("fails every broken store, and each of its cases fails one", async () => {
    expect(
      await holesOf(stepStoreConformance, goodStepStore(), brokenStepStores()),
    ).toEqual(none);
  });
});
