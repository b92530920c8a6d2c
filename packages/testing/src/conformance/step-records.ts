import assert from "node:assert/strict";
import type { JsonValue } from "@lambdallm/core";
import type { StepStore } from "@lambdallm/core/stores";
import { times } from "./concurrent.ts";
import { refuses, same } from "./same.ts";
import {
  AS_JSON,
  BAD_EXPIRIES,
  BAD_IDS,
  BAD_LEASES,
  GOOD_IDS,
  JSON_SAMPLES,
  LAST_EXPIRY,
  NO_JSON,
  prefixed,
  WITH_TO_JSON,
} from "./samples.ts";
import { claim, claimOf, newRun, newStep } from "./step-support.ts";
import type { Cases, Tools } from "./suite.ts";

const OUTPUTS: Readonly<Record<string, JsonValue>> = {
  ...JSON_SAMPLES,
  null: null,
  false: false,
  zero: 0,
  "an empty text": "",
  "an empty list": [],
  "an empty object": {},
};

export const stepRecordCases: Cases<Tools<StepStore>> = {
  "an output or error without JSON is refused, and a Date is its JSON": async ({
    store,
    connect,
  }) => {
    for (const [why, value] of [
      ...NO_JSON,
      ["undefined", undefined] as const,
    ]) {
      const key = newStep();
      // The types forbid what is tried here.
      const output = value as JsonValue;
      await claim(store, key);
      await refuses(
        async () => store.commit(key, 1, output),
        `an output with ${why}`,
      );
      await refuses(
        async () => store.fail(key, 1, output),
        `an error with ${why}`,
      );
      const [record] = await store.list(key.runId);
      assert.equal(record?.status, "running");
    }
    const done = newStep();
    await claim(store, done);
    await store.commit(done, 1, WITH_TO_JSON as JsonValue);
    const other = await connect();
    const expected = { status: "done", output: AS_JSON };
    same(await other.claim(done, claimOf()), expected);
  },

  "the steps of a run are listed in their order, and those of no other":
    async ({ store, connect }) => {
      const runId = newRun();
      same(await store.list(runId), []);
      const steps = times(12, (index) => `${index}`.padStart(6, "0"));
      // Neither in order nor at once.
      for (const step of [...steps.slice(5), ...steps.slice(0, 5).toReversed()])
        await claim(store, { runId, step });
      for (const other of [`${runId}0`, runId.slice(0, -1), newRun()])
        await claim(store, { runId: other, step: "000003" });
      const listed = await (await connect()).list(runId);
      same(
        listed.map(({ step }) => step),
        steps,
      );
      same(await store.list(`${runId}0`).then((records) => records.length), 1);
    },

  "one step is found as it stands, and as the list has it": async ({
    store,
    connect,
  }) => {
    const key = newStep();
    const other = await connect();
    same(await store.find(key), undefined);
    const as = async (record: object) => {
      const found = await other.find(key);
      same(found, { ...key, ...record });
      same(await store.list(key.runId), [found]);
    };
    await claim(store, key, { leaseMs: 3_600_000 });
    const refused = await other.claim(key, claimOf());
    assert.ok(refused.status === "running", `the step is ${refused.status}`);
    const { status, expiresAt } = refused;
    await as({ fence: 1, status, expiresAt });
    await store.fail(key, 1, { code: "LATE" });
    await as({ fence: 1, status: "failed", error: { code: "LATE" } });
    await claim(store, key);
    await store.commit(key, 2, { out: [1] });
    await as({ fence: 2, status: "done", output: { out: [1] } });
    same(await other.find({ ...key, step: "000002" }), undefined);
    same(await other.find({ ...key, runId: newRun() }), undefined);
    const found = await store.find(key);
    assert.ok(found?.status === "done");
    Reflect.set(Object(found.output), "out", "changed");
    await as({ fence: 2, status: "done", output: { out: [1] } });
  },

  "any JSON comes back as it was given, from a claim, found and in the list":
    async ({ store, connect }) => {
      const other = await connect();
      for (const [name, value] of Object.entries(OUTPUTS)) {
        const done = newStep();
        await claim(store, done);
        assert.equal(await store.commit(done, 1, value), true);
        const expected = { status: "done", output: value };
        same(await other.claim(done, claimOf()), expected, name);
        const record = { ...done, fence: 1, ...expected };
        same(await other.find(done), record, name);
        same(await other.list(done.runId), [record]);
        const failed = newStep();
        await claim(store, failed);
        assert.equal(await store.fail(failed, 1, value), true);
        same(await other.list(failed.runId), [
          { ...failed, fence: 1, status: "failed", error: value },
        ]);
      }
      assert.equal(Reflect.get({}, "polluted"), undefined);
    },

  "what a caller does with an output afterwards does not change the stored one":
    async ({ store }) => {
      const key = newStep();
      const output = { list: [1] };
      await claim(store, key);
      await store.commit(key, 1, output);
      output.list.push(2);
      const expected = { status: "done", output: { list: [1] } };
      const read = await store.claim(key, claimOf());
      same(read, expected);
      assert.ok(read.status === "done");
      Reflect.set(Object(read.output), "list", "changed");
      same(await store.claim(key, claimOf()), expected);
    },

  "runs and steps are separate, whatever their ids are": async ({
    store,
    connect,
  }) => {
    const unique = newRun();
    const keys = [
      { runId: `${unique}:a`, step: "b" },
      { runId: unique, step: "a:b" },
      ...GOOD_IDS.map((id) => ({ runId: prefixed(unique, id), step: "s" })),
      ...GOOD_IDS.map((id) => ({ runId: `${unique}-`, step: id })),
    ];
    for (const [index, key] of keys.entries()) {
      await claim(store, key);
      assert.equal(await store.commit(key, 1, index), true);
    }
    const other = await connect();
    for (const [index, key] of keys.entries())
      same(await other.claim(key, claimOf()), {
        status: "done",
        output: index,
      });
  },

  "every method refuses what is no id": async ({ store }) => {
    for (const [why, id] of BAD_IDS) {
      // The types forbid what is tried here.
      const runId = id as string;
      await refuses(async () => store.list(runId), `list of ${why}`);
      for (const part of ["runId", "step"]) {
        const key = { ...newStep(), [part]: id };
        await refuses(
          async () => store.claim(key, claimOf()),
          `claim of ${why}`,
        );
        await refuses(
          async () => store.renew(key, 1, 1_000),
          `renew of ${why}`,
        );
        await refuses(async () => store.find(key), `find of ${why}`);
        await refuses(
          async () => store.commit(key, 1, "out"),
          `commit to ${why}`,
        );
        await refuses(
          async () => store.fail(key, 1, "error"),
          `fail of ${why}`,
        );
      }
      await refuses(
        async () => store.claim(newStep(), claimOf({ owner: runId })),
        `a claim by ${why}`,
      );
    }
  },

  "leases that are none are refused": async ({ store }) => {
    const key = newStep();
    for (const leaseMs of BAD_LEASES)
      await refuses(
        async () => store.claim(key, claimOf({ leaseMs })),
        `a claim for ${leaseMs}`,
      );
    assert.equal(await claim(store, key), 1);
    for (const leaseMs of BAD_LEASES)
      await refuses(
        async () => store.renew(key, 1, leaseMs),
        `a renewal for ${leaseMs}`,
      );
  },

  "an end that could not be read again is refused, and every one that is taken is read":
    async ({ store, connect }) => {
      const key = newStep();
      for (const expiresAt of BAD_EXPIRIES)
        await refuses(
          async () => store.claim(key, claimOf({ expiresAt })),
          `a claim that ends at ${expiresAt}`,
        );
      assert.equal(await claim(store, key, { expiresAt: LAST_EXPIRY }), 1);
      assert.equal((await (await connect()).list(key.runId)).length, 1);
    },
};
