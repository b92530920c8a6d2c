import { describe, expect, jest, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import {
  MemoryBudgetStore,
  MemorySessionStore,
  MemoryStepStore,
} from "@lambdallm/core/stores";
import {
  budgetStoreConformance,
  type RegisterTest,
  sessionStoreConformance,
  stepStoreConformance,
} from "@lambdallm/testing";

const LEASES = "a lock whose lease is over can be taken";
const NOT_RUN = '(not run: give the option "clock")';

/** A runner that writes down what it is given. */
function runner() {
  const cases = new Map<string, { run: () => Promise<void>; ms: number }>();
  const skipped = new Map<string, { run: () => Promise<void>; ms: number }>();
  const register: RegisterTest = (name, run, ms) =>
    cases.set(name, { run, ms });
  const skip: RegisterTest = (name, run, ms) => skipped.set(name, { run, ms });
  return {
    cases,
    skipped,
    test: register,
    withSkip: Object.assign(register, { skip }),
  };
}

const sessions = new MemorySessionStore();

describe("a store without a clock", () => {
  test("has the cases of leases and expiry skipped, with the reason in their names", () => {
    const { cases, skipped, withSkip } = runner();
    sessionStoreConformance({ test: withSkip, createStore: () => sessions });
    const names = [...skipped.keys()];
    expect(names.length).toBeGreaterThan(4);
    for (const name of names) expect(name).toContain(NOT_RUN);
    expect(names.join()).toContain(LEASES);
    expect([...cases.keys()].join()).not.toContain(NOT_RUN);
  });

  test("has them in the list of a runner that cannot skip, too", async () => {
    const { cases, test } = runner();
    Reflect.deleteProperty(test, "skip");
    stepStoreConformance({ test, createStore: () => new MemoryStepStore() });
    const notRun = [...cases].filter(([name]) => name.endsWith(NOT_RUN));
    expect(notRun.length).toBeGreaterThan(4);
    for (const [, { run }] of notRun)
      await expect(run()).resolves.toBeUndefined();
  });
});

test("time passes by twice the lifetime that is given", async () => {
  const { cases, test } = runner();
  let time = Date.now();
  const advance = jest.fn((ms: number) => {
    time += ms;
  });
  const store = new MemorySessionStore({ now: () => time });
  sessionStoreConformance({
    test,
    createStore: () => store,
    clock: { now: () => time, advance },
    lifetimeMs: 1_500,
  });
  for (const [name, { run }] of cases) if (name.startsWith(LEASES)) await run();
  expect(advance.mock.calls).toEqual([[3_000]]);
});

test.each([
  [undefined, 60_000],
  [5_000, 5_000],
])("a bound of %p ms for a case is %d ms", (timeoutMs, expected) => {
  const { cases, skipped, withSkip } = runner();
  sessionStoreConformance({
    test: withSkip,
    createStore: () => sessions,
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  for (const { ms } of [...cases.values(), ...skipped.values()])
    expect(ms).toBe(expected);
});

test("each case opens its own clients, which may take a while", async () => {
  const { cases, test } = runner();
  const store = new MemoryBudgetStore();
  const createStore = jest.fn(async () => store);
  budgetStoreConformance({ test, createStore });
  expect(createStore).not.toHaveBeenCalled();
  const [first] = cases.values();
  await first?.run();
  expect(createStore).toHaveBeenCalledTimes(1);
});

describe("an option that is wrong is named", () => {
  const suites = {
    sessionStoreConformance,
    budgetStoreConformance,
    stepStoreConformance,
  };
  const test_ = () => undefined;
  const createStore = () => sessions;

  test.each(Object.entries(suites))("by %s", (name, suite) => {
    for (const [options, problem] of [
      [undefined, "the options must be an object."],
      [{ createStore }, 'the option "test" is missing: give a function.'],
      [
        { test: test_ },
        'the option "createStore" is missing: give a function.',
      ],
      [
        { test: test_, createStore: sessions },
        'the option "createStore" must be a function.',
      ],
      [
        { test: test_, createStore, timeoutMs: 0 },
        'the option "timeoutMs" must be a positive integer.',
      ],
      [{ test: test_, createStore, store: 1 }, 'there is no option "store".'],
    ] as const) {
      const call = () => Reflect.apply(suite, undefined, [options]);
      expect(call).toThrow(ConfigurationError);
      expect(call).toThrow(`${name}: ${problem}`);
    }
  });
});
