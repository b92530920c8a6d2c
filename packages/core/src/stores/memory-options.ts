import { check, validateOptions } from "../checks/options.ts";

export interface MemoryStoreOptions {
  /** The clock for expiry and leases, in epoch milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
}

export function clockOf(
  owner: string,
  options: MemoryStoreOptions,
): () => number {
  validateOptions(owner, { now: check.function }, options);
  // Read at each use: tests set the date after their stores are made.
  return options.now ?? (() => Date.now());
}
