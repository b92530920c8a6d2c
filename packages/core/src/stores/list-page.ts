import { ConfigurationError } from "../contract/errors.ts";
import { checkId } from "./check-id.ts";
import type { ListEntry, ListPage, ListPageRequest } from "./step-store.ts";

const DEFAULT_LIMIT = 100;
const MOST = 1_000;

/**
 * Which page of a list is asked for, with the defaults of the contract.
 *
 * @throws {ConfigurationError} naming what is wrong with it.
 */
export function checkPage(page: ListPageRequest = {}): {
  readonly after: string | undefined;
  readonly limit: number;
} {
  const { after, limit = DEFAULT_LIMIT } = page;
  if (after !== undefined) checkId("id after which the page begins", after);
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MOST)
    throw new ConfigurationError(
      `The limit of a page must be a whole number from 1 to ${MOST}.`,
    );
  return { after, limit };
}

/** The page of these entries; whoever reads one more than the limit knows whether there is a next page. */
export function pageOf(found: readonly ListEntry[], limit: number): ListPage {
  const entries = found.slice(0, limit);
  const next = found.length > limit ? entries.at(-1)?.id : undefined;
  return { entries, ...(next !== undefined && { next }) };
}
