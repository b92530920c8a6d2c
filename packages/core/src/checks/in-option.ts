import { ConfigurationError } from "../contract/errors.ts";
import { reasonOf } from "./reason-of.ts";

/** @throws {ConfigurationError} saying whose option it is that `judge` has found wrong. */
export function inOption<T>(owner: string, option: string, judge: () => T): T {
  try {
    return judge();
  } catch (cause) {
    throw new ConfigurationError(`${owner}: ${option}: ${reasonOf(cause)}`, {
      cause,
    });
  }
}
