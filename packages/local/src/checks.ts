import { ConfigurationError } from "@lambdallm/core";
import {
  MAX_TIMER_MS,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import { member } from "./json.ts";

/** What must be a number in these bounds, both included. */
export const numberFrom =
  (first: number, last: number, what = "a number"): OptionCheck =>
  (value) =>
    typeof value === "number" && value >= first && value <= last
      ? undefined
      : `${what} from ${first} to ${last}`;

export const wholeNumberFrom =
  (first: number, last: number, what = "a whole number"): OptionCheck =>
  (value) =>
    numberFrom(first, last, what)(Number.isInteger(value) ? value : undefined);

/** Timers take no longer waits. */
export const milliseconds: OptionCheck = numberFrom(
  0,
  MAX_TIMER_MS,
  "a number of milliseconds",
);

/**
 * Checks the members of something nested.
 *
 * @throws {ConfigurationError} naming the one that does not exist, has a wrong value or is missing.
 */
export function validateMembers(
  owner: string,
  members: Readonly<Record<string, OptionCheck>>,
  value: unknown,
  required: readonly string[],
): void {
  validateOptions(owner, members, value);
  for (const name of required)
    if (member(value, name) === undefined)
      throw new ConfigurationError(
        `${owner}: the option "${name}" is missing.`,
      );
}
