import assert from "node:assert/strict";
import { type JsonValue, StoreError } from "@lambdallm/core";
import type { NewTurn, SessionStore } from "@lambdallm/core/stores";
import { times } from "./concurrent.ts";
import { refuses, same } from "./same.ts";
import {
  AS_JSON,
  BAD_EXPIRIES,
  BAD_IDS,
  BAD_LEASES,
  GOOD_IDS,
  incompressible,
  LAST_EXPIRY,
  NO_JSON,
  WITH_TO_JSON,
} from "./samples.ts";
import { newSession, say, turnOf } from "./session-support.ts";
import type { Cases, Tools } from "./suite.ts";

/** More than 8 MiB, whatever stands around it. */
const TOO_LONG = 8 * 1024 * 1024;

/** A turn with the result of a tool. The types forbid most of what is tried. */
const resultOf = (json: unknown): NewTurn => ({
  ...turnOf(0),
  messages: [
    {
      role: "user",
      content: [
        {
          toolResult: {
            toolUseId: "t",
            content: [{ json: json as JsonValue }],
          },
        },
      ],
    },
  ],
});

export const sessionInputCases: Cases<Tools<SessionStore>> = {
  "sessions and tenants are separate, whatever their ids are": async ({
    store,
    connect,
  }) => {
    const { sessionId: unique } = newSession();
    const keys = [
      // Together with what separates the parts of a key, none of these may mean the same.
      { tenantId: unique, sessionId: "a:b" },
      { tenantId: `${unique}:a`, sessionId: "b" },
      { tenantId: `${unique}/a`, sessionId: "b" },
      ...GOOD_IDS.map((id) => ({ tenantId: id, sessionId: unique })),
      ...GOOD_IDS.map((id) => ({ tenantId: unique, sessionId: id })),
    ];
    await Promise.all(
      keys.map(async (key, index) => store.append(key, turnOf(0, `${index}`))),
    );
    const other = await connect();
    const read = await Promise.all(keys.map(async (key) => other.load(key)));
    same(
      read.map(({ turns }) => turns.map(({ messages }) => messages)),
      times(keys.length, (index) => [[say(`${index}`)]]),
    );
  },

  "every method refuses what is no id": async ({ store }) => {
    const lock = { owner: "o", leaseMs: 1_000 };
    const header = { expectedVersion: 0, metadata: {}, writeId: "w" };
    for (const [why, id] of BAD_IDS)
      for (const part of ["tenantId", "sessionId"]) {
        const key = { ...newSession(), [part]: id };
        await refuses(async () => store.load(key), `load of ${why}`);
        await refuses(
          async () => store.append(key, turnOf(0, "a")),
          `append to ${why}`,
        );
        await refuses(
          async () => store.saveSummary(key, { text: "s", upTo: 1 }),
          `saveSummary of ${why}`,
        );
        await refuses(
          async () => store.saveHeader(key, header),
          `saveHeader of ${why}`,
        );
        await refuses(async () => store.lock(key, lock), `lock of ${why}`);
        await refuses(async () => store.unlock(key, 1), `unlock of ${why}`);
        await refuses(async () => store.delete(key), `delete of ${why}`);
      }
    const key = newSession();
    for (const [why, id] of BAD_IDS) {
      // The types forbid what is tried here.
      const writeId = id as string;
      const turn = { ...turnOf(0, "a"), writeId };
      await refuses(async () => store.append(key, turn), `a turn of ${why}`);
      await refuses(
        async () => store.saveHeader(key, { ...header, writeId }),
        `a header of ${why}`,
      );
      await refuses(
        async () => store.lock(key, { ...lock, owner: writeId }),
        `a lock of ${why}`,
      );
    }
    same(await store.load(key), { turns: [], next: 0, hasOlder: false });
  },

  "turns without a message and leases that are none are refused": async ({
    store,
  }) => {
    const key = newSession();
    await refuses(async () => store.append(key, turnOf(0)), "an empty turn");
    for (const leaseMs of BAD_LEASES)
      await refuses(
        async () => store.lock(key, { owner: "o", leaseMs }),
        `a lease of ${leaseMs}`,
      );
    assert.equal((await store.load(key)).next, 0);
    assert.ok(await store.lock(key, { owner: "p", leaseMs: 1_000 }));
  },

  "an end that could not be read again is refused, and every one that is taken is read":
    async ({ store, connect }) => {
      const key = newSession();
      const turn = turnOf(0, "a");
      const summary = { text: "s", upTo: 1 };
      const header = { expectedVersion: 0, metadata: {}, writeId: "w" };
      for (const expiresAt of BAD_EXPIRIES) {
        const what = `that ends at ${expiresAt}`;
        await refuses(
          async () => store.append(key, { ...turn, expiresAt }),
          `a turn ${what}`,
        );
        await refuses(
          async () => store.saveSummary(key, { ...summary, expiresAt }),
          `a summary ${what}`,
        );
        await refuses(
          async () => store.saveHeader(key, { ...header, expiresAt }),
          `a header ${what}`,
        );
      }
      same(await store.load(key), { turns: [], next: 0, hasOlder: false });
      const expiresAt = LAST_EXPIRY;
      assert.equal(await store.append(key, { ...turn, expiresAt }), true);
      await store.saveHeader(key, { ...header, expiresAt });
      const read = await (await connect()).load(key);
      assert.equal(read.turns.length, 1);
      assert.equal(read.header?.expiresAt, expiresAt);
      assert.equal(
        await store.saveSummary(key, { ...summary, expiresAt }),
        true,
      );
      same((await store.load(key)).summary, summary);
    },

  "what has no JSON is refused, in a turn and in metadata": async ({
    store,
  }) => {
    const key = newSession();
    for (const [why, value] of NO_JSON) {
      await refuses(
        async () => store.append(key, resultOf(value)),
        `a turn with ${why}`,
      );
      const metadata = { value: value as JsonValue };
      await refuses(
        async () =>
          store.saveHeader(key, { expectedVersion: 0, metadata, writeId: "w" }),
        `metadata with ${why}`,
      );
    }
    same(await store.load(key), { turns: [], next: 0, hasOlder: false });
  },

  "a Date, and what else has a toJSON, comes back as its JSON": async ({
    store,
    connect,
  }) => {
    const key = newSession();
    const metadata = { value: WITH_TO_JSON as JsonValue };
    await store.append(key, resultOf(WITH_TO_JSON));
    await store.saveHeader(key, { expectedVersion: 0, metadata, writeId: "w" });
    const { turns, header } = await (await connect()).load(key);
    same(turns[0]?.messages, resultOf(AS_JSON).messages);
    same(header?.metadata, { value: AS_JSON });
  },

  "a turn that is larger than 8 MiB is refused as too large, and nothing of it is stored":
    async ({ store }) => {
      const key = newSession();
      const turn = turnOf(0, incompressible(TOO_LONG));
      await assert.rejects(
        async () => store.append(key, turn),
        (error) => StoreError.isInstance(error) && error.reason === "too-large",
      );
      same(await store.load(key), { turns: [], next: 0, hasOlder: false });
    },
};
