import { type Settled, StepFailure } from "@lambdallm/core";
import {
  type Entry,
  failureOf,
  fromJson,
  toJson,
} from "@lambdallm/core/stores";

/** What the service keeps of a step. */
export interface StepRecord {
  readonly entry: Entry;
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
  written: (record: T) => object,
  read: (json: unknown, bytes: number) => T,
): Serdes<T> => ({
  serialize: async (record) => toJson("record", written(record as T)),
  deserialize: async (data) =>
    read(fromJson(String(data)), Buffer.byteLength(String(data))),
});

export const STEP_RECORD: Serdes<StepRecord> = serdes(
  ({ entry, starts }) => ({ entry, starts }),
  (json, bytes) => ({ ...(json as Omit<StepRecord, "bytes">), bytes }),
);

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
