import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { StepKey, StepStore } from "@lambdallm/core/stores";

export const newRun = (): string => `conformance-${randomUUID()}`;

export const newStep = (): StepKey => ({ runId: newRun(), step: "000001" });

export interface Claiming {
  readonly owner?: string;
  readonly leaseMs?: number;
  readonly inputHash?: string;
  readonly expiresAt?: number;
}

/** A claim of somebody new, for an hour. */
export const claimOf = (claiming: Claiming = {}) => ({
  owner: randomUUID(),
  leaseMs: 3_600_000,
  ...claiming,
});

/** Claims a step and gets it. */
export async function claim(
  store: StepStore,
  key: StepKey,
  claiming: Claiming = {},
): Promise<number> {
  const outcome = await store.claim(key, claimOf(claiming));
  assert.ok(outcome.status === "claimed", `the step is ${outcome.status}`);
  return outcome.fence;
}

export async function statusOf(
  store: StepStore,
  key: StepKey,
): Promise<string> {
  return (await store.claim(key, claimOf())).status;
}
