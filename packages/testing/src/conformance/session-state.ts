import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { SessionStore } from "@lambdallm/core/stores";
import { clientsOf, retrying, times, together } from "./concurrent.ts";
import { same } from "./same.ts";
import { JSON_SAMPLES } from "./samples.ts";
import { fill, newSession, turnOf } from "./session-support.ts";
import type { Cases, Tools } from "./suite.ts";

const header = (expectedVersion: number, metadata = {}) => ({
  expectedVersion,
  metadata,
  writeId: randomUUID(),
});

export const sessionStateCases: Cases<Tools<SessionStore>> = {
  "a summary gives way only to one that covers more": async ({
    store,
    connect,
  }) => {
    const key = newSession();
    await fill(store, key, [["a", "b", "c", "d", "e", "f"]]);
    const other = await connect();
    assert.equal(await store.saveSummary(key, { text: "4", upTo: 4 }), true);
    assert.equal(await other.saveSummary(key, { text: "x", upTo: 3 }), false);
    assert.equal(await other.saveSummary(key, { text: "x", upTo: 4 }), false);
    same((await other.load(key)).summary, { text: "4", upTo: 4 });
    assert.equal(await other.saveSummary(key, { text: "5", upTo: 5 }), true);
    same((await store.load(key)).summary, { text: "5", upTo: 5 });
  },

  "of summaries at once the one that covers most stays": async ({
    store,
    connect,
  }) => {
    const key = newSession();
    const clientOf = await clientsOf(connect);
    await fill(store, key, [times(20, String)]);
    await Promise.all(
      times(20, async (index) => {
        const upTo = ((index * 7) % 20) + 1;
        await clientOf(index).saveSummary(key, { text: `${upTo}`, upTo });
      }),
    );
    same((await store.load(key)).summary, { text: "20", upTo: 20 });
  },

  "a header is written when it has the version that was read": async ({
    store,
    connect,
  }) => {
    const key = newSession();
    const other = await connect();
    assert.equal(await store.saveHeader(key, header(1)), undefined);
    assert.equal((await store.load(key)).header, undefined);
    const first = await store.saveHeader(key, header(0, { title: "a" }));
    assert.equal(first?.version, 1);
    same(first?.metadata, { title: "a" });
    same((await other.load(key)).header, first);
    const second = await other.saveHeader(key, header(1, { title: "b" }));
    same(second, {
      version: 2,
      metadata: { title: "b" },
      createdAt: first?.createdAt,
    });
    assert.equal(await store.saveHeader(key, header(1)), undefined);
    assert.equal(await store.saveHeader(key, header(0)), undefined);
    same((await store.load(key)).header, second);
  },

  "of headers at once each version is written by one, and no change is lost":
    async ({ store, connect }) => {
      const key = newSession();
      const clientOf = await clientsOf(connect);
      await together(20, async (index, signal) =>
        retrying(signal, async () => {
          const client = clientOf(index);
          const { header: read } = await client.load(key);
          const metadata = { ...read?.metadata, [`writer ${index}`]: true };
          const write = header(read?.version ?? 0, metadata);
          return client.saveHeader(key, write);
        }),
      );
      const { header: read } = await store.load(key);
      assert.ok(read);
      assert.equal(read.version, 20);
      assert.equal(Object.keys(read.metadata).length, 20);
    },

  "a repetition of a header's write is no conflict and no second write":
    async ({ store, connect }) => {
      const key = newSession();
      const other = await connect();
      for (const version of [0, 1]) {
        const write = header(version, { version });
        const written = await store.saveHeader(key, write);
        assert.equal(written?.version, version + 1);
        same(await other.saveHeader(key, write), written);
        same((await store.load(key)).header, written);
      }
    },

  "any metadata comes back as it was given, whatever its names are": async ({
    store,
    connect,
  }) => {
    const other = await connect();
    for (const sample of Object.values(JSON_SAMPLES)) {
      const key = newSession();
      // Spread defines a property called __proto__ and does not set the prototype.
      const metadata =
        typeof sample === "object" && !Array.isArray(sample)
          ? { ...sample, sample }
          : { sample };
      await store.saveHeader(key, header(0, metadata));
      same((await other.load(key)).header?.metadata, metadata);
    }
    assert.equal(Reflect.get({}, "polluted"), undefined);
  },

  "a lock has one holder until it is given back, and every holder a higher fence":
    async ({ store, connect }) => {
      const key = newSession();
      const other = await connect();
      const lock = (owner: string) => ({ owner, leaseMs: 3_600_000 });
      const first = await store.lock(key, lock("a"));
      assert.ok(first !== undefined);
      assert.equal(await other.lock(key, lock("b")), undefined);
      assert.ok(await store.lock(newSession(), lock("b")));
      await store.unlock(key, first);
      const second = await other.lock(key, lock("b"));
      assert.ok(second !== undefined && second > first);
      assert.equal(await store.lock(key, lock("a")), undefined);
      await store.unlock(key, first);
      assert.equal(await store.lock(key, lock("a")), undefined);
    },

  "the owner of a lock gets it again under the same fence": async ({
    store,
    connect,
  }) => {
    const key = newSession();
    const lock = { owner: "a", leaseMs: 3_600_000 };
    const fence = await store.lock(key, lock);
    assert.ok(fence !== undefined);
    assert.equal(await (await connect()).lock(key, lock), fence);
    await store.unlock(key, fence);
    await store.unlock(key, fence);
    assert.ok(await store.lock(key, { ...lock, owner: "b" }));
  },

  "of many who want a lock at once one gets it": async ({ connect }) => {
    const key = newSession();
    const clientOf = await clientsOf(connect);
    const fences = await Promise.all(
      times(20, async (index) =>
        clientOf(index).lock(key, { owner: `${index}`, leaseMs: 3_600_000 }),
      ),
    );
    assert.equal(fences.filter((fence) => fence !== undefined).length, 1);
  },

  "a lock and a header are no messages": async ({ store }) => {
    const key = newSession();
    await store.lock(key, { owner: "a", leaseMs: 3_600_000 });
    await store.saveHeader(key, header(0));
    const { turns, next, hasOlder } = await store.load(key, {
      lastMessages: 1,
    });
    same({ turns, next, hasOlder }, { turns: [], next: 0, hasOlder: false });
    assert.equal(await store.append(key, turnOf(0, "a")), true);
  },

  "delete takes all of a session and nothing of another, and it begins anew":
    async ({ store, connect }) => {
      const key = newSession();
      const kept = newSession();
      for (const each of [key, kept]) {
        await fill(
          store,
          each,
          times(60, (index) => [`${index}`]),
        );
        await store.saveSummary(each, { text: "s", upTo: 10 });
        await store.saveHeader(each, header(0));
        await store.lock(each, { owner: "a", leaseMs: 3_600_000 });
      }
      const before = await store.load(kept);
      await store.delete(key);
      await store.delete(key);
      const other = await connect();
      same(await other.load(key), { turns: [], next: 0, hasOlder: false });
      const lock = { owner: "b", leaseMs: 3_600_000 };
      assert.ok(await other.lock(key, lock));
      assert.equal(await other.append(key, turnOf(0, "new")), true);
      assert.equal((await store.load(key)).next, 1);
      same(await other.load(kept), before);
      assert.equal(await other.lock(kept, lock), undefined);
    },
};
