import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { SessionStore } from "@lambdallm/core/stores";
import { times } from "./concurrent.ts";
import { same } from "./same.ts";
import { fill, newSession, turnOf, withoutTimes } from "./session-support.ts";
import type { Cases, TimedTools } from "./suite.ts";

export const sessionExpiryCases: Cases<TimedTools<SessionStore>> = {
  "turns that have expired are not read, wherever they stand, and their numbers are not used again":
    async ({ store, clock, lifetimeMs, outlive }) => {
      const key = newSession();
      const turns = times(24, (index) => ({
        ...turnOf(index, `${index}`),
        // Gaps, and an end that has expired.
        expiresAt:
          index % 3 === 0 || index > 15 ? clock.now() + lifetimeMs : undefined,
      }));
      for (const turn of turns)
        assert.equal(await store.append(key, turn), true);
      await outlive();
      const left = turns
        .filter(({ expiresAt }) => expiresAt === undefined)
        .map(({ expiresAt: _, ...turn }) => turn);
      const read = await store.load(key);
      same(withoutTimes(read.turns), left);
      assert.equal(read.next, 24);
      for (const lastMessages of [1, 3, 9]) {
        const some = await store.load(key, { lastMessages });
        same(withoutTimes(some.turns), left.slice(-lastMessages));
        assert.equal(some.next, 24);
        assert.equal(some.hasOlder, true);
      }
      assert.equal(await store.append(key, turnOf(23, "again")), false);
      assert.equal(await store.append(key, turnOf(24, "next")), true);
      const { turns: after, next } = await store.load(key, { lastMessages: 1 });
      assert.equal(after[0]?.first, 24);
      assert.equal(next, 25);
    },

  "a session whose turns have all expired is empty and goes on counting":
    async ({ store, clock, lifetimeMs, outlive }) => {
      const key = newSession();
      const expiresAt = clock.now() + lifetimeMs;
      for (const first of times(5, Number))
        await store.append(key, { ...turnOf(first, "a"), expiresAt });
      assert.equal((await store.load(key)).turns.length, 5);
      await outlive();
      const { turns, next } = await store.load(key);
      same(turns, []);
      assert.equal(next, 5);
      assert.equal(await store.append(key, turnOf(0, "again")), false);
      assert.equal(await store.append(key, turnOf(5, "b")), true);
      assert.equal((await store.load(key)).next, 6);
    },

  "a summary that has expired is not read and covers nothing": async ({
    store,
    clock,
    lifetimeMs,
    outlive,
  }) => {
    const key = newSession();
    await fill(store, key, [["a"], ["b"], ["c"]]);
    const expiresAt = clock.now() + lifetimeMs;
    await store.saveSummary(key, { text: "s", upTo: 2, expiresAt });
    assert.equal((await store.load(key)).turns.length, 1);
    await outlive();
    const { summary, turns } = await store.load(key);
    assert.equal(summary, undefined);
    assert.equal(turns.length, 3);
  },

  "a header that has expired is not read and stands in nobody's way": async ({
    store,
    clock,
    lifetimeMs,
    outlive,
  }) => {
    const key = newSession();
    const write = { expectedVersion: 0, metadata: { title: "a" } };
    const expiresAt = clock.now() + lifetimeMs;
    const saved = await store.saveHeader(key, {
      ...write,
      writeId: randomUUID(),
      expiresAt,
    });
    assert.equal(saved?.expiresAt, expiresAt);
    same((await store.load(key)).header, saved);
    await outlive();
    assert.equal((await store.load(key)).header, undefined);
    const writeId = randomUUID();
    const again = await store.saveHeader(key, { ...write, writeId });
    assert.ok(again);
    assert.equal(again.expiresAt, undefined);
    same((await store.load(key)).header, again);
  },

  "the owner of a lock who asks for it again gets a new lease": async ({
    store,
    connect,
    lifetimeMs,
    outlive,
  }) => {
    const key = newSession();
    const fence = await store.lock(key, { owner: "a", leaseMs: lifetimeMs });
    const longer = { owner: "a", leaseMs: lifetimeMs * 100 };
    assert.equal(await store.lock(key, longer), fence);
    await outlive();
    const other = { owner: "b", leaseMs: lifetimeMs };
    assert.equal(await (await connect()).lock(key, other), undefined);
  },

  "a lock whose lease is over can be taken, and its old holder does not give it back":
    async ({ store, connect, lifetimeMs, outlive }) => {
      const key = newSession();
      const old = await store.lock(key, { owner: "a", leaseMs: lifetimeMs });
      assert.ok(old !== undefined);
      await outlive();
      const other = await connect();
      const lock = { owner: "b", leaseMs: 3_600_000 };
      const fence = await other.lock(key, lock);
      assert.ok(fence !== undefined && fence > old);
      await store.unlock(key, old);
      const third = { owner: "c", leaseMs: 3_600_000 };
      assert.equal(await store.lock(key, third), undefined);
      assert.equal(await other.lock(key, lock), fence);
    },
};
