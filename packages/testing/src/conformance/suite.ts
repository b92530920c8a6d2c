import { check, validateOptions } from "@lambdallm/core/feature";

/** `test` of Jest, Vitest or node:test, `it` of Mocha, or a function of yours. */
export interface RegisterTest {
  (name: string, run: () => Promise<void>, timeoutMs: number): unknown;
  /** What shows a case that is not run. */
  skip?(name: string, run: () => Promise<void>, timeoutMs: number): unknown;
}

/** The clock that the stores run on. */
export interface ConformanceClock {
  /** Epoch milliseconds. */
  now(): number;
  /** Lets this time pass: by setting a clock that the stores were given, or by waiting. */
  advance(ms: number): void | Promise<void>;
}

export interface StoreConformanceOptions<Store> {
  /** Takes each case: its name is the promise that it tests. */
  readonly test: RegisterTest;
  /**
   * Opens one more client of the same data; a store that holds its data itself is returned each time. The cases make up
   * their own ids, so there is nothing to clear between them.
   */
  readonly createStore: () => Store | Promise<Store>;
  /** A bound for a hung case, in milliseconds; passed to `test`. @default 60_000 */
  readonly timeoutMs?: number;
}

export interface TimedStoreConformanceOptions<Store>
  extends StoreConformanceOptions<Store> {
  /** @default none: the cases of leases and expiry are skipped, and their names say so */
  readonly clock?: ConformanceClock;
  /**
   * How long leases and data live in those cases, in milliseconds. They let twice as much pass, so it must be longer than
   * what the store allows for clocks that differ.
   *
   * @default 60_000
   */
  readonly lifetimeMs?: number;
}

/** What a case works with. */
export interface Tools<Store> {
  readonly store: Store;
  /** One more client of the same data. */
  connect(): Promise<Store>;
}

export interface TimedTools<Store> extends Tools<Store> {
  readonly clock: ConformanceClock;
  readonly lifetimeMs: number;
  /** Lets pass what lives for `lifetimeMs`. */
  outlive(): Promise<void>;
}

/** What the cases promise, by name. */
export type Cases<Tools> = Readonly<
  Record<string, (tools: Tools) => Promise<void>>
>;

const CHECKS = {
  test: check.function,
  createStore: check.function,
  timeoutMs: check.positiveInteger,
};
const TIMED_CHECKS = {
  ...CHECKS,
  clock: check.object,
  lifetimeMs: check.positiveInteger,
};

const REQUIRED = ["test", "createStore"] as const;

const DEFAULT_MS = 60_000;

export function register<Store>(
  owner: string,
  options: StoreConformanceOptions<Store>,
  cases: Cases<Tools<Store>>,
): void {
  validateOptions(owner, CHECKS, options, REQUIRED);
  registerCases(options, cases);
}

export function registerTimed<Store>(
  owner: string,
  options: TimedStoreConformanceOptions<Store>,
  cases: Cases<Tools<Store>>,
  timedCases: Cases<TimedTools<Store>>,
): void {
  validateOptions(owner, TIMED_CHECKS, options, REQUIRED);
  const {
    test,
    clock,
    lifetimeMs = DEFAULT_MS,
    timeoutMs = DEFAULT_MS,
  } = options;
  registerCases(options, cases);
  for (const [name, run] of Object.entries(timedCases)) {
    if (clock) {
      const outlive = async () => clock.advance(2 * lifetimeMs);
      const time = { clock, lifetimeMs, outlive };
      test(
        name,
        async () => run({ ...(await toolsOf(options)), ...time }),
        timeoutMs,
      );
    } else {
      const label = `${name} (not run: give the option "clock")`;
      const nothing = async () => undefined;
      if (test.skip) test.skip(label, nothing, timeoutMs);
      else test(label, nothing, timeoutMs);
    }
  }
}

function registerCases<Store>(
  options: StoreConformanceOptions<Store>,
  cases: Cases<Tools<Store>>,
): void {
  const { test, timeoutMs = DEFAULT_MS } = options;
  for (const [name, run] of Object.entries(cases))
    test(name, async () => run(await toolsOf(options)), timeoutMs);
}

async function toolsOf<Store>({
  createStore,
}: StoreConformanceOptions<Store>): Promise<Tools<Store>> {
  const connect = async () => createStore();
  return { store: await connect(), connect };
}
