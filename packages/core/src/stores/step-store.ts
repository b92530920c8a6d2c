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
  | {
      readonly status: "running";
      /** The end of the lease, in epoch milliseconds. */
      readonly expiresAt: number;
      /** From which on others get it, where that is later: clocks differ. */
      readonly freeAt?: number;
    };

/** What stands in a list. */
export interface ListEntry {
  readonly id: string;
  readonly value: JsonValue;
}

/** What is put into a list. */
export interface NewListEntry extends ListEntry {
  /** Epoch milliseconds, from which on the entry is not read any more. @default never */
  readonly expiresAt?: number | undefined;
}

/** Which part of a list. */
export interface ListPageRequest {
  /** Only ids after this one, which need not be there. @default from the beginning */
  readonly after?: string | undefined;
  /** How many entries at most, from 1 to 1000. @default 100 */
  readonly limit?: number | undefined;
}

/** A part of a list. */
export interface ListPage {
  readonly entries: readonly ListEntry[];
  /** The `after` of the next page; left out when there is none. */
  readonly next?: string;
}

/**
 * Makes steps commit once. Each step has at most one output, and whoever asks later sees exactly that one. A step may run
 * twice, when a lease is over before its work is; only one of the two commits. Beside them it keeps lists, such as that of
 * the runs that wait. Every write can be repeated, and every read sees what was acknowledged before it. Texts are ordered by
 * their code points, as their UTF-8 bytes are.
 *
 * All methods throw a ConfigurationError for ids, names of lists and owners that are empty, longer than 512 bytes, or contain `#`,
 * for leases that are no positive integers, and for outputs, errors and values that have no JSON; and a StoreError when the store
 * fails. What has a `toJSON`, such as a Date, is stored as what that gives. `stepStoreConformance` of `@lambdallm/testing` is
 * the test of an implementation.
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

  /** One step as it stands; undefined when nobody has claimed it, or its record has expired. */
  find(key: StepKey): Promise<StepRecord | undefined>;

  /** The steps of a run, in their order. */
  list(runId: string): Promise<readonly StepRecord[]>;

  /**
   * Puts an entry into a list, or in the place of the one with this id.
   *
   * @throws {StoreError} `too-large`: the value has more than 64 KiB (`MAX_ENTRY_BYTES`) as JSON.
   */
  enlist(list: string, entry: NewListEntry): Promise<void>;

  /** Takes an entry out of a list. That it is not there is fine. */
  delist(list: string, id: string): Promise<void>;

  /**
   * A page of a list, in the order of the ids. Only the last one has fewer entries than its limit.
   *
   * @throws {ConfigurationError} Also for a limit that is none.
   */
  entries(list: string, page?: ListPageRequest): Promise<ListPage>;
}
