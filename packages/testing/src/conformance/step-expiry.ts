import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { StepStore } from "@lambdallm/core/stores";
import { same } from "./same.ts";
import {
  claim,
  claimOf,
  idsOf,
  newList,
  newStep,
  pagesOf,
} from "./step-support.ts";
import type { Cases, TimedTools } from "./suite.ts";

export const stepExpiryCases: Cases<TimedTools<StepStore>> = {
  "a holder who died keeps its step until its lease is over, and no longer":
    async ({ store, connect, lifetimeMs, outlive }) => {
      const dead = newStep();
      const alive = { ...dead, step: "000002" };
      await claim(store, dead, { leaseMs: lifetimeMs });
      await claim(store, alive, { leaseMs: lifetimeMs * 100 });
      await outlive();
      const other = await connect();
      assert.equal((await other.claim(alive, claimOf())).status, "running");
      assert.equal(await claim(other, dead), 2);
    },

  "of many who take over at once one gets the step": async ({
    store,
    connect,
    lifetimeMs,
    outlive,
  }) => {
    const key = newStep();
    await claim(store, key, { leaseMs: lifetimeMs });
    await outlive();
    const clients = await Promise.all([connect(), connect(), connect()]);
    const outcomes = await Promise.all(
      [...clients, ...clients, ...clients].map(async (client) =>
        client.claim(key, claimOf()),
      ),
    );
    same(
      outcomes.filter(({ status }) => status === "claimed"),
      [{ status: "claimed", fence: 2 }],
    );
  },

  "a holder who stalled is refused once somebody else has its step": async ({
    store,
    connect,
    lifetimeMs,
    outlive,
  }) => {
    const key = newStep();
    const old = await claim(store, key, { leaseMs: lifetimeMs });
    await outlive();
    const other = await connect();
    const fence = await claim(other, key);
    assert.equal(await store.renew(key, old, 3_600_000), false);
    assert.equal(await store.fail(key, old, "stalled"), false);
    assert.equal(await store.commit(key, old, "stalled"), false);
    assert.equal(await other.commit(key, fence, "out"), true);
    assert.equal(await store.commit(key, old, "stalled"), false);
    const outcome = await store.claim(key, claimOf());
    same(outcome, { status: "done", output: "out" });
  },

  "a holder whose lease is over keeps its step while nobody else wants it":
    async ({ store, lifetimeMs, outlive }) => {
      const renewed = newStep();
      const committed = newStep();
      for (const key of [renewed, committed])
        await claim(store, key, { leaseMs: lifetimeMs });
      await outlive();
      assert.equal(await store.renew(renewed, 1, 3_600_000), true);
      const refused = await store.claim(renewed, claimOf());
      assert.equal(refused.status, "running");
      assert.equal(await store.commit(committed, 1, "out"), true);
    },

  "the owner who claims its step again gets a new lease": async ({
    store,
    connect,
    lifetimeMs,
    outlive,
  }) => {
    const key = newStep();
    const owner = randomUUID();
    await claim(store, key, { owner, leaseMs: lifetimeMs });
    await claim(store, key, { owner, leaseMs: lifetimeMs * 100 });
    await outlive();
    const outcome = await (await connect()).claim(key, claimOf());
    assert.equal(outcome.status, "running");
  },

  "a renewed lease lasts for its new time": async ({
    store,
    connect,
    clock,
    lifetimeMs,
    outlive,
  }) => {
    const key = newStep();
    await claim(store, key, { leaseMs: lifetimeMs });
    const leaseMs = lifetimeMs * 100;
    assert.equal(await store.renew(key, 1, leaseMs), true);
    await outlive();
    const outcome = await (await connect()).claim(key, claimOf());
    assert.ok(outcome.status === "running");
    assert.ok(outcome.expiresAt > clock.now() + lifetimeMs);
    assert.equal(await store.commit(key, 1, "out"), true);
  },

  "a record that has expired is not read, and its step can be claimed": async ({
    store,
    connect,
    clock,
    lifetimeMs,
    outlive,
  }) => {
    const { runId } = newStep();
    const expiresAt = clock.now() + lifetimeMs;
    const inputHash = "a";
    const steps = ["000001", "000002", "000003", "000004"];
    for (const step of steps) {
      const key = { runId, step };
      const kept = step === "000004";
      await claim(store, key, kept ? {} : { expiresAt, inputHash });
      if (step === "000001") await store.commit(key, 1, "out");
      if (step === "000002") await store.fail(key, 1, "error");
    }
    assert.equal((await store.list(runId)).length, 4);
    await outlive();
    const other = await connect();
    same(await other.find({ runId, step: "000001" }), undefined);
    assert.ok(await other.find({ runId, step: "000004" }));
    same(
      (await other.list(runId)).map(({ step }) => step),
      ["000004"],
    );
    for (const step of steps.slice(0, 2))
      await claim(other, { runId, step }, { inputHash: "b" });
    // Nothing is left of the record, its input neither.
    const key = { runId, step: "000003" };
    await claim(other, key);
    const outcome = await store.claim(key, claimOf({ inputHash: "b" }));
    assert.equal(outcome.status, "running");
    assert.equal((await store.list(runId)).length, 4);
  },

  "an entry of a list that has expired is not read, and takes no place in a page":
    async ({ store, connect, clock, lifetimeMs, outlive }) => {
      const list = newList();
      const soon = clock.now() + lifetimeMs;
      const late = clock.now() + 100 * lifetimeMs;
      const ends = [soon, undefined, soon, soon, late, soon, late, undefined];
      for (const [index, expiresAt] of ends.entries())
        await store.enlist(list, { id: `${index}`, value: 1, expiresAt });
      // Each time an entry is put in, it brings its end.
      await store.enlist(list, { id: "2", value: 2 });
      await store.enlist(list, { id: "4", value: 2, expiresAt: soon });
      assert.equal((await idsOf(store, list)).length, ends.length);
      await outlive();
      const other = await connect();
      same(await idsOf(other, list), ["1", "2", "6", "7"]);
      const pages = await pagesOf(other, list, 2);
      same(
        pages.map((page) => page.map(({ id }) => id)),
        [
          ["1", "2"],
          ["6", "7"],
        ],
      );
      await other.enlist(list, { id: "0", value: 3 });
      await other.delist(list, "3");
      same(await idsOf(store, list), ["0", "1", "2", "6", "7"]);
    },
};
