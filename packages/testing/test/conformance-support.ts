import {
  MemoryBudgetStore,
  MemorySessionStore,
  MemoryStepStore,
  type NewTurn,
  type SessionKey,
  type StoredSession,
  type Turn,
} from "@lambdallm/core/stores";
import type {
  ConformanceClock,
  TimedStoreConformanceOptions,
} from "@lambdallm/testing";

/** What a suite is given: a way to its stores, and their clock. */
export interface Subject<Store> {
  readonly createStore: () => Store;
  readonly clock: ConformanceClock;
}

/** Runs a suite and returns the names of the cases that fail. */
export async function failuresOf<Store>(
  conformance: (options: TimedStoreConformanceOptions<Store>) => void,
  subject: Subject<Store>,
): Promise<{ readonly names: readonly string[]; readonly failed: string[] }> {
  const cases = new Map<string, () => Promise<void>>();
  conformance({ ...subject, test: (name, run) => cases.set(name, run) });
  const failed: string[] = [];
  for (const [name, run] of cases)
    await run().catch(() => {
      failed.push(name);
    });
  return { names: [...cases.keys()], failed };
}

function settableClock(): ConformanceClock {
  let time = Date.now();
  return {
    now: () => time,
    advance: (ms) => {
      time += ms;
    },
  };
}

/** A store that differs from the good one in these methods. */
function changed<Store extends object>(
  good: Store,
  changes: Partial<Store>,
): Store {
  return new Proxy(good, {
    get(target, name) {
      const member = Reflect.get(changes, name) ?? Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** Two hands on one value: what others do meanwhile is not seen. */
export const pause = () => new Promise((resolve) => setImmediate(resolve));

/** What breaks a promise: the good store, changed. */
export type Breaking<Store> = (
  good: Store,
  now: () => number,
) => Partial<Store>;

const subjectOf =
  <Store extends object>(make: (now: () => number) => Store) =>
  (breaking: Breaking<Store>): Subject<Store> => {
    const clock = settableClock();
    const good = make(clock.now);
    const store = changed(good, breaking(good, clock.now));
    return { createStore: () => store, clock };
  };

export const sessionSubject = subjectOf(
  (now) => new MemorySessionStore({ now }),
);
export const budgetSubject = subjectOf(() => new MemoryBudgetStore());
export const stepSubject = subjectOf((now) => new MemoryStepStore({ now }));

/** Keeps a history in one value, which is read, changed and written back without a condition. */
export class NaiveSessionStore extends MemorySessionStore {
  readonly #histories = new Map<string, readonly Turn[]>();

  override async load(key: SessionKey): Promise<StoredSession> {
    const turns = this.#histories.get(JSON.stringify(key)) ?? [];
    const last = turns.at(-1);
    const next = last ? last.first + last.messages.length : 0;
    return { turns, next, hasOlder: false };
  }

  override async append(key: SessionKey, turn: NewTurn): Promise<boolean> {
    const { turns } = await this.load(key);
    await pause();
    const written = [...turns, { ...turn, writtenAt: Date.now() }];
    this.#histories.set(JSON.stringify(key), written);
    return true;
  }
}
