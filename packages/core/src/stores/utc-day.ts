import { ConfigurationError } from "../contract/errors.ts";

const DAY = /^\d{4}-\d\d-\d\d$/;

/**
 * The UTC day of a moment, such as `2026-11-22`.
 *
 * @param at Epoch milliseconds.
 * @throws {ConfigurationError} for what is no moment.
 */
export function utcDayOf(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime()))
    throw new ConfigurationError("The time must be in epoch milliseconds.");
  return date.toISOString().slice(0, 10);
}

/** The month of a UTC day, such as `2026-11`. */
export function utcMonthOf(day: string): string {
  return day.slice(0, 7);
}

/** @throws {ConfigurationError} for what is no day. */
export function checkDay(day: string): void {
  if (!DAY.test(day) || Number.isNaN(Date.parse(day)))
    throw new ConfigurationError("A day must be written as 2026-11-22.");
}
