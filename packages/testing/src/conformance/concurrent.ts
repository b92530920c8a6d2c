import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";

const MAX_TRIES = 500;
const MAX_WAIT_MS = 1_000;

export function times<Item>(
  count: number,
  make: (index: number) => Item,
): Item[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Two clients for many callers: each client may hold a connection. */
export async function clientsOf<Store>(
  connect: () => Promise<Store>,
): Promise<(index: number) => Store> {
  const [one, other] = await Promise.all([connect(), connect()]);
  return (index) => (index % 2 === 0 ? one : other);
}

/** Many callers at once. The signal ends the others when one has failed. */
export async function together<Result>(
  count: number,
  call: (index: number, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  const failed = new AbortController();
  const calls = times(count, async (index) => call(index, failed.signal));
  return Promise.all(calls).finally(() => failed.abort());
}

/** Tries until there is a result: nobody else came first. */
export async function retrying<Result>(
  signal: AbortSignal,
  attempt: () => Promise<Result | undefined>,
): Promise<Result> {
  for (let tries = 1; ; tries++) {
    const result = await attempt();
    if (result !== undefined) return result;
    assert.ok(tries < MAX_TRIES, `refused ${MAX_TRIES} times in a row`);
    const waitMs = Math.random() * Math.min(MAX_WAIT_MS, 2 ** tries);
    await wait(waitMs, undefined, { signal });
  }
}
