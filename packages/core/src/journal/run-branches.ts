import {
  type Branch,
  type Journal,
  type Settled,
  StepFailure,
  Suspended,
} from "../contract/journal.ts";
import { failureOf } from "./failure.ts";
import { recordedCopy } from "./recorded-copy.ts";
import { type RunOver, runOver } from "./run-over.ts";
import { joined } from "./suspension.ts";

interface BranchJournal extends Journal {
  readonly suspended: Suspended | undefined;
  idle(): Promise<void>;
}

type Ending<T> =
  | Settled<T>
  | { readonly suspended: Suspended }
  | { readonly over: RunOver };

interface Part<T> {
  readonly branch: Branch<T>;
  readonly journal: BranchJournal;
}

export interface Branches<T> {
  readonly runId: string;
  readonly name: string;
  readonly parts: readonly Part<T>[];
  /** @default all of them */
  readonly concurrency: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Runs branches at the same time, waits for all of them, and only then says that the run is suspended or over. */
export async function runBranches<T>(all: Branches<T>): Promise<Settled<T>[]> {
  const { parts, concurrency = parts.length } = all;
  const slots = parts.map(() => Promise.withResolvers<Settled<T>>());
  const outcomes = slots.map(({ promise }) => {
    // Most branches wait for no other.
    promise.catch(() => {});
    return promise;
  });
  const endings: Ending<T>[] = [];
  const waiting = parts.entries();
  const work = async (): Promise<void> => {
    // Each worker takes the next one.
    for (const [index, part] of waiting) {
      const ending = await endingOf(all, part, outcomes);
      endings[index] = ending;
      if ("ok" in ending) slots[index]?.resolve(ending);
      else slots[index]?.reject(reasonOf(ending));
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(concurrency, parts.length) }, work),
  );
  const ended = endings.find((ending) => "over" in ending);
  if (ended !== undefined) throw ended.over.error;
  const suspended = endings.filter((ending) => "suspended" in ending);
  if (suspended.length > 0)
    throw joined(
      all.runId,
      suspended.map((ending) => ending.suspended),
    );
  return endings.filter((ending) => "ok" in ending);
}

const reasonOf = (
  ending: { readonly suspended: Suspended } | { readonly over: RunOver },
): unknown => ("over" in ending ? ending.over.error : ending.suspended);

async function endingOf<T>(
  { name, signal }: Branches<T>,
  { branch, journal }: Part<T>,
  outcomes: readonly Promise<Settled<T>>[],
): Promise<Ending<T>> {
  const ending = await endOf(name, signal, () => branch(journal, outcomes));
  await journal.idle();
  // Also when the branch has caught it, and gone on without what it waits for.
  return journal.suspended ? { suspended: journal.suspended } : ending;
}

async function endOf<T>(
  name: string,
  signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<Ending<T>> {
  try {
    const value = await run();
    // As JSON has it, like everything that a host hands on.
    return { ok: true, value: recordedCopy(value, name).value as T };
  } catch (error) {
    if (Suspended.isInstance(error)) return { suspended: error };
    const over = runOver(error, signal);
    if (over !== undefined) return { over };
    return { ok: false, error: new StepFailure(failureOf(error, name)) };
  }
}
