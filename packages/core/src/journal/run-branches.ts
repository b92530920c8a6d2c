import {
  type Branch,
  type Journal,
  JournalMismatchError,
  type Settled,
  StepFailure,
  Suspended,
} from "../contract/journal.ts";
import { StepInProgressError, StoreError } from "../stores/state-errors.ts";
import { failureOf } from "./failure.ts";
import { recordedCopy } from "./recorded-copy.ts";
import { joined } from "./suspension.ts";

/** These end the run here, and are no outcome of a branch: the next resume has another one. */
function endsTheRun(error: unknown): boolean {
  return (
    JournalMismatchError.isInstance(error) ||
    StepInProgressError.isInstance(error) ||
    StoreError.isInstance(error)
  );
}

interface BranchJournal extends Journal {
  readonly suspended: Suspended | undefined;
  idle(): Promise<void>;
}

type Ending<T> =
  | Settled<T>
  | { readonly suspended: Suspended }
  | { readonly fatal: unknown };

/** Runs branches at the same time, waits for all of them, and only then says that the run is suspended or over. */
export async function runBranches<T>(
  name: string,
  branches: readonly Branch<T>[],
  journals: readonly BranchJournal[],
  concurrency = branches.length,
): Promise<Settled<T>[]> {
  const slots = branches.map(() => Promise.withResolvers<Settled<T>>());
  const outcomes = slots.map(({ promise }) => {
    // Most branches wait for no other.
    promise.catch(() => {});
    return promise;
  });
  const endings: Ending<T>[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < branches.length; index = next++) {
      const ending = await endingOf(name, outcomes, {
        branch: branches[index],
        journal: journals[index],
      } as { branch: Branch<T>; journal: BranchJournal });
      endings[index] = ending;
      if ("ok" in ending) slots[index]?.resolve(ending);
      else slots[index]?.reject(reasonOf(ending));
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(concurrency, branches.length) }, work),
  );
  const over = endings.find((ending) => "fatal" in ending);
  if (over !== undefined) throw over.fatal;
  const waiting = endings.filter((ending) => "suspended" in ending);
  if (waiting.length > 0)
    throw joined(waiting.map(({ suspended }) => suspended));
  return endings.filter((ending) => "ok" in ending);
}

const reasonOf = (
  ending: { readonly suspended: Suspended } | { readonly fatal: unknown },
): unknown => ("fatal" in ending ? ending.fatal : ending.suspended);

async function endingOf<T>(
  name: string,
  outcomes: readonly Promise<Settled<T>>[],
  { branch, journal }: { branch: Branch<T>; journal: BranchJournal },
): Promise<Ending<T>> {
  const ending = await ended(name, outcomes, { branch, journal });
  await journal.idle();
  // Also when the branch has caught it, and gone on without what it waits for.
  return journal.suspended ? { suspended: journal.suspended } : ending;
}

async function ended<T>(
  name: string,
  outcomes: readonly Promise<Settled<T>>[],
  { branch, journal }: { branch: Branch<T>; journal: BranchJournal },
): Promise<Ending<T>> {
  try {
    const value = await branch(journal, outcomes);
    // As JSON has it, like everything that a host hands on.
    return { ok: true, value: recordedCopy(value, name).value as T };
  } catch (error) {
    if (Suspended.isInstance(error)) return { suspended: error };
    if (endsTheRun(error)) return { fatal: error };
    return { ok: false, error: new StepFailure(failureOf(error, name)) };
  }
}
