import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { JsonValue } from "@lambdallm/core";
import type { StepStore } from "@lambdallm/core/stores";
import { clientsOf, retrying, times, together } from "./concurrent.ts";
import { refuses, same } from "./same.ts";
import { claim, claimOf, newRun, newStep, statusOf } from "./step-support.ts";
import type { Cases, Tools } from "./suite.ts";

export const stepClaimCases: Cases<Tools<StepStore>> = {
  "a step has one holder, and everybody else learns until when": async ({
    store,
    connect,
  }) => {
    const key = newStep();
    const outcome = await store.claim(key, claimOf());
    same(outcome, { status: "claimed", fence: 1 });
    const refused = await (await connect()).claim(key, claimOf());
    assert.ok(refused.status === "running");
    const [listed] = await store.list(key.runId);
    assert.ok(listed?.status === "running");
    assert.equal(refused.expiresAt, listed.expiresAt);
    const isEpochMs = refused.expiresAt > 3_600_000 * 1_000;
    assert.ok(isEpochMs, "expiresAt is in epoch milliseconds");
    assert.equal(await claim(store, { ...key, step: "000002" }), 1);
  },

  "its owner gets a claim again under the same fence": async ({
    store,
    connect,
  }) => {
    const key = newStep();
    const owner = randomUUID();
    const fence = await claim(store, key, { owner });
    assert.equal(await claim(await connect(), key, { owner }), fence);
    assert.equal(await store.commit(key, fence, "out"), true);
    same(await store.claim(key, claimOf({ owner })), {
      status: "done",
      output: "out",
    });
  },

  "of many claims at once one is granted": async ({ connect }) => {
    const key = newStep();
    const clientOf = await clientsOf(connect);
    const statuses = await Promise.all(
      times(20, async (index) => statusOf(clientOf(index), key)),
    );
    assert.equal(
      statuses.filter((status) => status === "claimed").length,
      1,
      "one is granted",
    );
    assert.equal(statuses.filter((status) => status === "running").length, 19);
  },

  "20 who resume a run at once until it is finished run each step once, and all see the same outputs":
    async ({ store, connect }) => {
      const runId = newRun();
      const clientOf = await clientsOf(connect);
      const steps = times(5, (index) => `00000${index + 1}`);
      const executed: string[] = [];
      const resume = async (client: StepStore) => {
        const owner = randomUUID();
        const outputs: JsonValue[] = [];
        for (const step of steps) {
          const key = { runId, step };
          const outcome = await client.claim(key, claimOf({ owner }));
          if (outcome.status === "running") return undefined;
          if (outcome.status === "done") outputs.push(outcome.output);
          else {
            executed.push(step);
            const output = { step, owner, steps: outputs.length };
            outputs.push(output);
            assert.equal(
              await client.commit(key, outcome.fence, output),
              true,
              "the holder's commit is taken",
            );
          }
        }
        return outputs;
      };
      const seen = await together(20, async (index, signal) =>
        retrying(signal, async () => resume(clientOf(index))),
      );
      same(executed.toSorted(), steps, "each step has run once");
      const records = await store.list(runId);
      const outputs = records.map(
        (each) => each.status === "done" && each.output,
      );
      for (const each of seen) same(each, outputs);
    },

  "a failure is recorded and frees the step": async ({ store, connect }) => {
    const key = newStep();
    const other = await connect();
    assert.equal(await claim(store, key), 1);
    assert.equal(await store.fail(key, 1, { code: "LATE" }), true);
    same(await other.list(key.runId), [
      { ...key, fence: 1, status: "failed", error: { code: "LATE" } },
    ]);
    assert.equal(await claim(other, key), 2);
    assert.equal(await store.commit(key, 1, "late"), false);
    assert.equal(await store.renew(key, 1, 1_000), false);
    assert.equal(await store.fail(key, 1, "late"), false);
    assert.equal(await statusOf(store, key), "running");
    assert.equal(await other.commit(key, 2, "out"), true);
    same(await store.list(key.runId), [
      { ...key, fence: 2, status: "done", output: "out" },
    ]);
  },

  "what is done stays done, with its first output": async ({
    store,
    connect,
  }) => {
    const key = newStep();
    const other = await connect();
    const fence = await claim(store, key);
    await store.commit(key, fence, { first: true });
    await store.commit(key, fence, { first: false });
    await store.fail(key, fence, "failed");
    assert.equal(await store.commit(key, fence + 1, "other"), false);
    assert.equal(await store.fail(key, fence + 1, "other"), false);
    assert.equal(await store.renew(key, fence + 1, 1_000), false);
    const output = { first: true };
    same(await other.claim(key, claimOf()), { status: "done", output });
    same(await other.list(key.runId), [
      { ...key, fence, status: "done", output },
    ]);
  },

  "a repetition of a commit, a failure or a renewal is true again": async ({
    store,
    connect,
  }) => {
    const other = await connect();
    const done = newStep();
    await claim(store, done);
    assert.equal(await store.renew(done, 1, 3_600_000), true);
    assert.equal(await other.renew(done, 1, 3_600_000), true);
    assert.equal(await store.commit(done, 1, "out"), true);
    assert.equal(await other.commit(done, 1, "out"), true);
    const failed = newStep();
    await claim(store, failed);
    assert.equal(await store.fail(failed, 1, "error"), true);
    assert.equal(await other.fail(failed, 1, "error"), true);
  },

  "who holds no claim can write nothing": async ({ store }) => {
    const key = newStep();
    assert.equal(await store.commit(key, 1, "out"), false);
    assert.equal(await store.fail(key, 1, "error"), false);
    assert.equal(await store.renew(key, 1, 1_000), false);
    same(await store.list(key.runId), []);
    assert.equal(await claim(store, key), 1);
    assert.equal(await store.commit(key, 2, "out"), false);
    assert.equal(await store.commit(key, 0, "out"), false);
    assert.equal(await statusOf(store, key), "running");
  },

  "a step that was recorded for another input is refused, whatever its state":
    async ({ store, connect }) => {
      const key = newStep();
      const other = await connect();
      const owner = randomUUID();
      const refused = async (state: string) =>
        refuses(
          async () => other.claim(key, claimOf({ owner, inputHash: "b" })),
          `a claim of a step that is ${state} for another input`,
        );
      await claim(store, key, { owner, inputHash: "a" });
      await refused("running");
      await store.fail(key, 1, "error");
      await refused("failed");
      assert.equal(await claim(store, key, { inputHash: "a" }), 2);
      await store.commit(key, 2, "out");
      await refused("done");
      for (const claiming of [{ inputHash: "a" }, {}])
        same(await other.claim(key, claimOf(claiming)), {
          status: "done",
          output: "out",
        });
    },
};
