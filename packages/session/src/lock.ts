import { randomUUID } from "node:crypto";
import { SessionConflictError } from "@lambdallm/core";
import { fullJitterMs, sleep, warn } from "@lambdallm/core/feature";
import type { SessionKey, SessionStore } from "@lambdallm/core/stores";
import { withGrace } from "./ending.ts";
import { type TimeLimit, UNLIMITED, withinTime } from "./time-limit.ts";

/** As long as a Lambda function can run. */
const LONGEST_LEASE_MS = 15 * 60_000;

/** The clocks of two machines differ. */
const LEASE_MARGIN_MS = 1_000;

export interface LockOptions {
  readonly store: SessionStore;
  readonly key: SessionKey;
  readonly limit: TimeLimit;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/**
 * Waits for the lock of a session, until the invocation's deadline. The lease is as long as the invocation can run, so
 * that it never has to be renewed.
 *
 * @returns A function that gives it back.
 * @throws {SessionConflictError} Somebody else has it all the time.
 */
export async function lockSession(
  options: LockOptions,
): Promise<() => Promise<void>> {
  const { limit, signal } = options;
  const owner = randomUUID();
  const giveUpAt = Math.min(limit.deadline, Date.now() + LONGEST_LEASE_MS);
  for (let attempt = 1; ; attempt++) {
    const fence = await tryLock(owner, options);
    if (fence !== undefined) return () => unlock(fence, options);
    const waitMs = 20 + fullJitterMs(attempt, { baseMs: 20, capMs: 500 });
    if (Date.now() + waitMs >= giveUpAt)
      throw new SessionConflictError(
        "The session was in use by another invocation until the time was over.",
      );
    await sleep(waitMs, signal);
  }
}

async function tryLock(
  owner: string,
  options: LockOptions,
): Promise<number | undefined> {
  const { store, key, limit, signal } = options;
  const runMs = Math.min(Math.max(0, limit.remainingTimeMs), LONGEST_LEASE_MS);
  const leaseMs = Math.ceil(runMs) + LEASE_MARGIN_MS;
  let locking: Promise<number | undefined> | undefined;
  try {
    return await withinTime(limit, "lock", signal, () => {
      locking = store.lock(key, { owner, leaseMs });
      return locking;
    });
  } catch (error) {
    // A lock that comes now would keep everybody out until its lease is over.
    if (signal.aborted) await leave(locking, options);
    throw error;
  }
}

/** Gives a lock back that nobody waits for any more. */
async function leave(
  locking: Promise<number | undefined> | undefined,
  options: LockOptions,
): Promise<void> {
  const left = async () => {
    const fence = await locking?.catch(() => undefined);
    if (fence !== undefined) await unlock(fence, options);
  };
  try {
    await withGrace(options.signal, "lock", (late) =>
      withinTime(UNLIMITED, "lock", late, left),
    );
  } catch (error) {
    warnOfLock(error);
  }
}

/** What was done under the lock stays done: a lock that cannot be given back only makes others wait for its end. */
async function unlock(
  fence: number,
  { store, key, limit, signal }: LockOptions,
): Promise<void> {
  try {
    await withGrace(signal, "unlock", (late) =>
      withinTime(limit, "unlock", late, () => store.unlock(key, fence)),
    );
  } catch (error) {
    warnOfLock(error);
  }
}

function warnOfLock(error: unknown): void {
  warn("The lock of a session could not be given back", error);
}
