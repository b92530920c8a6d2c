import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type {
  ListEntry,
  ListPageRequest,
  StepKey,
  StepStore,
} from "@lambdallm/core/stores";

export const newRun = (): string => `conformance-${randomUUID()}`;

export const newStep = (): StepKey => ({ runId: newRun(), step: "000001" });

export const newList = (): string => `conformance/${randomUUID()}`;

export interface Claiming {
  readonly owner?: string;
  readonly leaseMs?: number;
  readonly inputHash?: string;
  readonly expiresAt?: number;
}

/** A claim of somebody new, for an hour. */
export const claimOf = (claiming: Claiming = {}) => ({
  owner: randomUUID(),
  leaseMs: 3_600_000,
  ...claiming,
});

/** Claims a step and gets it. */
export async function claim(
  store: StepStore,
  key: StepKey,
  claiming: Claiming = {},
): Promise<number> {
  const outcome = await store.claim(key, claimOf(claiming));
  assert.ok(outcome.status === "claimed", `the step is ${outcome.status}`);
  return outcome.fence;
}

export async function statusOf(
  store: StepStore,
  key: StepKey,
): Promise<string> {
  return (await store.claim(key, claimOf())).status;
}

/** The first page of a list, which is all of it here. */
export async function entriesOf(
  store: StepStore,
  list: string,
  page?: ListPageRequest,
): Promise<readonly ListEntry[]> {
  const { entries, next } = await store.entries(list, page);
  assert.equal(next, undefined, "there is no next page");
  return entries;
}

export async function idsOf(
  store: StepStore,
  list: string,
  page?: ListPageRequest,
): Promise<readonly string[]> {
  return (await entriesOf(store, list, page)).map(({ id }) => id);
}

const MOST_PAGES = 100;

/** A whole list, page by page. */
export async function pagesOf(
  store: StepStore,
  list: string,
  limit: number,
): Promise<readonly (readonly ListEntry[])[]> {
  const pages: (readonly ListEntry[])[] = [];
  let after: string | undefined;
  do {
    const { entries, next } = await store.entries(list, { after, limit });
    pages.push(entries);
    assert.ok(pages.length <= MOST_PAGES, "the pages come to an end");
    after = next;
  } while (after !== undefined);
  return pages;
}
