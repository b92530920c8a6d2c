import { ConfigurationError } from "../contract/errors.ts";

/**
 * Amounts of money are whole nano-USD: sums of them are exact up to nine million USD.
 *
 * @throws {ConfigurationError} naming the amount.
 */
export function checkAmount(
  name: string,
  amount: unknown,
): asserts amount is number {
  if (!Number.isSafeInteger(amount) || Number(amount) < 0)
    throw new ConfigurationError(
      `The ${name} must be a whole number of at least 0 and at most ${Number.MAX_SAFE_INTEGER}.`,
    );
}
