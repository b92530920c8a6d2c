import type {
  ConformanceClock,
  TimedStoreConformanceOptions,
} from "@lambdallm/testing";

/** What a suite tests: a way to stores, and their clock. */
export interface Subject<Store> {
  readonly createStore: () => Store;
  readonly clock: ConformanceClock;
}

/** What breaks a promise: these methods instead of those of a good store. */
export type Changes<Store> = (good: Store) => Partial<Store>;

/** Lets others come between reading and writing. */
export const pause = () => new Promise((resolve) => setImmediate(resolve));

function settableClock(): ConformanceClock {
  let time = Date.now();
  return {
    now: () => time,
    advance: (ms) => {
      time += ms;
    },
  };
}

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

/** One store for all clients, good apart from the changes. */
export function subjectOf<Store extends object>(
  make: (now: () => number) => Store,
  changes: Changes<Store> = () => ({}),
): Subject<Store> {
  const clock = settableClock();
  const good = make(clock.now);
  const store = changed(good, changes(good));
  return { createStore: () => store, clock };
}

/** What is wrong in every kind of store: data of its own for each client, a clock that stands. */
export const brokenStores = <Store extends object>(
  make: (now: () => number) => Store,
): Readonly<Record<string, Subject<Store>>> => ({
  "keeps its data to itself": {
    ...subjectOf(make),
    createStore: () => make(Date.now),
  },
  "lets nothing expire": subjectOf(() => make(Date.now)),
});

/** Runs a suite: the names of its cases, and of those that fail. */
export async function run<Store>(
  conformance: (options: TimedStoreConformanceOptions<Store>) => void,
  subject: Subject<Store>,
): Promise<{
  readonly names: readonly string[];
  readonly failed: readonly string[];
}> {
  const cases = new Map<string, () => Promise<void>>();
  conformance({ ...subject, test: (name, body) => cases.set(name, body) });
  const failed: string[] = [];
  for (const [name, body] of cases)
    await body().catch(() => {
      failed.push(name);
    });
  return { names: [...cases.keys()], failed };
}

/** As a merge of objects that was written by hand. */
export function merged(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(merged);
  if (ArrayBuffer.isView(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value))
    copy[name] = merged(member);
  return copy;
}

/** As a copy that knows no `toJSON`. */
export function fieldsOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(fieldsOf);
  if (ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => typeof member !== "function")
      .map(([name, member]) => [name, fieldsOf(member)]),
  );
}

/** As of somebody who would rather write anything than fail. */
export function textsOf(
  value: unknown,
  around: readonly object[] = [],
): unknown {
  if (typeof value === "bigint" || value === undefined) return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return value;
  if (around.includes(value)) return "circle";
  if ("toJSON" in value) return "text";
  const inside = [...around, value];
  if (Array.isArray(value)) return value.map((item) => textsOf(item, inside));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      textsOf(member, inside),
    ]),
  );
}

/** An allowed end for any number. */
export const anyEnd = (end: number | undefined) =>
  end !== undefined && end >= 0 && end <= 8.64e15 ? end : undefined;

/** An allowed id for anything. */
export const anyId = (id: unknown) =>
  Buffer.from(`id ${String(id)}`)
    .toString("hex")
    .slice(0, 512);
