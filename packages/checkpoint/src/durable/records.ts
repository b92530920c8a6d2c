import {
  type JsonValue,
  type Settled,
  StepFailure,
  StoreError,
} from "@lambdallm/core";
import {
  type Entry,
  failureOf,
  fromJson,
  toJson,
} from "@lambdallm/core/stores";
import type { Blobs } from "../blobs.ts";
import { fromStored, toStored } from "../stored-entry.ts";

/** What the service keeps of a step. */
export interface StepRecord {
  readonly entry?: Entry;
  /** Why it cannot be read, and never will be. */
  readonly error?: StoreError;
  /** How often it was started. */
  readonly starts: number;
  readonly bytes: number;
}

/** What the service keeps of a branch that has ended, and so of the operations in it. */
export interface BranchRecord<T> {
  readonly outcome: Settled<T>;
  readonly operations: number;
  readonly bytes: number;
}

/** As the SDK asks for it: JSON in which bytes survive. */
interface Serdes<T> {
  serialize(value: T | undefined): Promise<string | undefined>;
  deserialize(data: string | undefined): Promise<T | undefined>;
}

/** The SDK never serialises anything but records with these. */
const serdes = <T>(
  written: (record: T) => object | Promise<object>,
  read: (json: unknown, bytes: number) => T | Promise<T>,
): Serdes<T> => ({
  serialize: async (record) => toJson("record", await written(record as T)),
  deserialize: async (data) =>
    read(fromJson(String(data)), Buffer.byteLength(String(data))),
});

/**
 * What fails here ends the invocation, and is tried again in the next one; so do the blob store's failures. What can never be read is an
 * error in the record.
 */
export const stepRecord = (blobs: Blobs): Serdes<StepRecord> =>
  serdes(
    async ({ entry, starts }) => ({
      // What is written has one.
      entry: await toStored(entry as Entry, undefined, {
        ...blobs,
        isZipped: false,
      }),
      starts,
    }),
    async (json, bytes) => {
      // What was written above.
      const { entry: stored, starts } = json as StoredStep;
      const entry = await fromStored(stored, blobs.blobStore).catch(
        (error: unknown) => {
          if (StoreError.isInstance(error) && error.reason === "corrupt")
            return { error };
          throw error;
        },
      );
      return { ...entry, starts, bytes };
    },
  );

interface StoredStep {
  readonly entry: JsonValue;
  readonly starts: number;
}

export const branchRecord = <T>(name: string): Serdes<BranchRecord<T>> =>
  serdes(
    ({ outcome, ...usage }) => ({
      ...usage,
      ...(outcome.ok
        ? { value: outcome.value }
        : { failure: failureOf(outcome.error, name) }),
    }),
    (json) => {
      // What was written above.
      const { value, failure, ...usage } = json as Written<T>;
      return {
        ...usage,
        outcome: failure
          ? { ok: false, error: new StepFailure(failure) }
          : { ok: true, value: value as T },
      };
    },
  );

interface Written<T> {
  readonly operations: number;
  readonly bytes: number;
  readonly value?: T;
  readonly failure?: ReturnType<typeof failureOf>;
}

/** Answers, which others have written. */
export const TEXT = {
  deserialize: async (text: string | undefined) => text,
};

/** The service takes printable ASCII. */
export function labelOf(name: string): string {
  return name.replace(/[^\x20-\x7e]/gu, "?");
}
