import type { JsonValue } from "../contract/content.ts";

/** Which step of which run. */
export interface StepKey {
  readonly runId: string;
  /** Its position in the run, such as `000001`: steps are listed in the order of these texts. */
  readonly step: string;
}

export type StepRecord = StepKey & {
  /** Counts the claims from 1. */
  readonly fence: number;
} & (
    | { readonly status: "running"; readonly expiresAt: number }
    | { readonly status: "done"; readonly output: JsonValue }
    | { readonly status: "failed"; readonly error: JsonValue }
  );

export type ClaimOutcome =
  | { readonly status: "claimed"; readonly fence: number }
  | { readonly status: "done"; readonly output: JsonValue }
  /** Somebody else runs it. */
  | { readonly status: "running"; readonly expiresAt: number };

/**
 * Makes steps commit once. Each step has at most one output, and whoever asks later sees exactly that one. A step may run
 * twice, when a lease is over before its work is; only one of the two commits. Every write can be repeated.
 *
 * All methods throw a ConfigurationError for ids and owners that are empty, longer than 512 bytes, or contain `#`, for
 * leases that are no positive integers, and for outputs and errors that have no JSON; and a StoreError when the store fails. What has
 * a `toJSON`, such as a Date, is stored as what that gives. `stepStoreConformance` of
 * `@lambdallm/testing` is the test of an implementation.
 */
export interface StepStore {
  /**
   * Asks for the right to run a step: it is free, failed before, or its holder's lease is over. Its owner gets a claim
   * again, under the same fence and with a new lease.
   *
   * @throws {ConfigurationError} The step was recorded for another input (`inputHash`).
   */
  claim(
    key: StepKey,
    options: {
      /** New for each invocation. */
      readonly owner: string;
      readonly leaseMs: number;
      /** A hash of what the step was given; left out in this claim or in the one before, nothing is compared. */
      readonly inputHash?: string | undefined;
      /** Epoch milliseconds, from which on the record is not read any more. @default never */
      readonly expiresAt?: number | undefined;
    },
  ): Promise<ClaimOutcome>;

  /** @returns False when the holder of this fence was superseded: stop and discard. */
  renew(key: StepKey, fence: number, leaseMs: number): Promise<boolean>;

  /** @returns False when the holder of this fence was superseded: discard the output. */
  commit(key: StepKey, fence: number, output: JsonValue): Promise<boolean>;

  /** Records the failure and frees the step. @returns False when superseded. */
  fail(key: StepKey, fence: number, error: JsonValue): Promise<boolean>;

  /** The steps of a run, in their order. */
  list(runId: string): Promise<readonly StepRecord[]>;
}
