import { randomUUID } from "node:crypto";
import { SessionConflictError } from "@lambdallm/core";
import { fullJitterMs, sleep, warn } from "@lambdallm/core/feature";
import type { SessionKey, SessionStore } from "@lambdallm/core/stores";
import { type TimeLimit, withinTime } from "./time-limit.ts";

/** As long as a Lambda function can run. */
const LONGEST_LEASE_MS = 15 * 60_000;

/** The clocks of two machines differ. */
const LEASE_MARGIN_MS = 1_000;

/**
 * Waits for the lock of a session, until the invocation's deadline. The lease is as long as the invocation can run, so
 * that it never has to be renewed.
 *
 * @returns A function that gives it back.
 * @throws {SessionConflictError} Somebody else has it all the time.
 */
export async function lockSession(
  store: SessionStore,
  key: SessionKey,
  limit: TimeLimit,
): Promise<() => Promise<void>> {
  const owner = randomUUID();
  const giveUpAt = Math.min(limit.deadline, Date.now() + LONGEST_LEASE_MS);
  for (let attempt = 1; ; attempt++) {
    const runMs = Math.min(
      Math.max(0, limit.remainingTimeMs),
      LONGEST_LEASE_MS,
    );
    const leaseMs = Math.ceil(runMs) + LEASE_MARGIN_MS;
    const fence = await withinTime(limit, "lock", () =>
      store.lock(key, { owner, leaseMs }),
    );
    if (fence !== undefined) return () => unlock(store, key, fence, limit);
    const waitMs = 20 + fullJitterMs(attempt, { baseMs: 20, capMs: 500 });
    if (Date.now() + waitMs >= giveUpAt)
      throw new SessionConflictError(
        "The session was in use by another invocation until the time was over.",
      );
    await sleep(waitMs);
  }
}

/** What was done under the lock stays done: a lock that cannot be given back only makes others wait for its end. */
async function unlock(
  store: SessionStore,
  key: SessionKey,
  fence: number,
  limit: TimeLimit,
): Promise<void> {
  try {
    await withinTime(limit, "unlock", () => store.unlock(key, fence));
  } catch (error) {
    warn("The lock of a session could not be given back", error);
  }
}
