import { ConfigurationError } from "@lambdallm/core";
import { checkId, type SessionKey } from "@lambdallm/core/stores";
import type { TableSettings } from "../table/table-settings.ts";

/** Sort keys, in this order: chunks, the lock, turns, the summary, the header. One query from `M#` on reads the last three. */
export const TURN = "M#";
export const SUMMARY = "V";
export const HEADER = "Z";
export const LOCK = "LOCK";
export const CHUNK = "C#";

const NUMBER_DIGITS = 12;
const MAX_NUMBER = 10 ** NUMBER_DIGITS - 1;

/** The sort key of the turn whose first message has this number. */
export function turnKey(first: number): string {
  if (!Number.isSafeInteger(first) || first < 0 || first > MAX_NUMBER)
    throw new ConfigurationError(
      `The number of a turn's first message must be a whole number from 0 to ${MAX_NUMBER}.`,
    );
  return TURN + String(first).padStart(NUMBER_DIGITS, "0");
}

/** Between them stand all turns of a session. */
export const FIRST_TURN = turnKey(0);
export const LAST_TURN = turnKey(MAX_NUMBER);

/** @throws {ConfigurationError} The ids cannot be used, or the store is for another tenant. */
export function sessionPartition(
  { tenantId, sessionId }: SessionKey,
  settings: TableSettings,
): string {
  checkId("tenant id", tenantId);
  checkId("session id", sessionId);
  if (settings.tenantId !== undefined && settings.tenantId !== tenantId)
    throw new ConfigurationError(
      'The session belongs to another tenant than the store, whose option "tenantId" is set.',
    );
  return `S#${tenantId}#${sessionId}`;
}
