import assert from "node:assert/strict";
import type { NewTurn, SessionStore } from "@lambdallm/core/stores";
import { times } from "./concurrent.ts";
import { same } from "./same.ts";
import { incompressible } from "./samples.ts";
import { fill, newSession, turnOf, withoutTimes } from "./session-support.ts";
import type { Cases, Tools } from "./suite.ts";

const endOf = (turn: NewTurn) => turn.first + turn.messages.length;

/** What a window holds, as the contract says it. */
function windowOf(
  written: readonly NewTurn[],
  lastMessages: number,
  from: number,
): readonly NewTurn[] {
  const turns: NewTurn[] = [];
  let messages = 0;
  for (const turn of written.toReversed()) {
    if (messages >= lastMessages || endOf(turn) <= from) break;
    turns.unshift(turn);
    messages += turn.messages.length;
  }
  return turns;
}

export const sessionWindowCases: Cases<Tools<SessionStore>> = {
  "lastMessages reads turns from the newest on until they hold that many":
    async ({ store }) => {
      const key = newSession();
      const written = await fill(
        store,
        key,
        times(30, (turn) =>
          times((turn % 3) + 1, (index) => `${turn} ${index}`),
        ),
      );
      for (const lastMessages of [0, 1, 2, 3, 4, 10, 59, 60, 61, 1_000]) {
        const read = await store.load(key, { lastMessages });
        const expected = windowOf(written, lastMessages, 0);
        same(withoutTimes(read.turns), expected, `the last ${lastMessages}`);
        assert.equal(read.next, 60);
        assert.equal(read.hasOlder, expected.length < written.length);
      }
    },

  "from leaves out turns that end before that message, and keeps a turn that it is in the middle of":
    async ({ store }) => {
      const key = newSession();
      const written = await fill(store, key, [
        ["0", "1"],
        ["2", "3", "4"],
        ["5"],
        ["6", "7"],
      ]);
      for (const from of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
        const read = await store.load(key, { from });
        const expected = windowOf(written, Number.POSITIVE_INFINITY, from);
        same(withoutTimes(read.turns), expected, `from ${from}`);
        assert.equal(read.next, 8);
        assert.equal(read.hasOlder, expected.length < written.length);
      }
      const both = await store.load(key, { from: 3, lastMessages: 2 });
      same(withoutTimes(both.turns), written.slice(3));
      const wide = await store.load(key, { from: 3, lastMessages: 100 });
      same(withoutTimes(wide.turns), written.slice(1));
    },

  "sessions of more than a megabyte are read whole and in windows": async ({
    store,
  }) => {
    const key = newSession();
    const written = await fill(
      store,
      key,
      times(15, () => [incompressible(100_000)]),
    );
    for (const lastMessages of [14, 15]) {
      const read = await store.load(key, { lastMessages });
      same(
        read.turns.map(({ writeId }) => writeId),
        written.slice(15 - lastMessages).map(({ writeId }) => writeId),
      );
      assert.equal(read.hasOlder, lastMessages < 15);
    }
    const read = await store.load(key);
    assert.equal(read.hasOlder, false);
    same(withoutTimes(read.turns), written);
    const rest = await store.load(key, { from: 2 });
    same(withoutTimes(rest.turns), written.slice(2));
  },

  "what a summary covers is not read, and a turn that it covers in part is":
    async ({ store }) => {
      const key = newSession();
      const written = await fill(
        store,
        key,
        times(40, (index) => [`${index}a`, `${index}b`]),
      );
      const summary = { text: "the story so far", upTo: 60 };
      assert.equal(await store.saveSummary(key, summary), true);
      for (const lastMessages of [2, 20, 40, 80]) {
        const read = await store.load(key, { lastMessages });
        const expected = windowOf(written, lastMessages, 60);
        same(withoutTimes(read.turns), expected, `the last ${lastMessages}`);
        same(read.summary, summary);
        assert.equal(read.next, 80);
        assert.equal(read.hasOlder, expected.length < 10);
      }
      await store.saveSummary(key, { ...summary, upTo: 77 });
      const read = await store.load(key);
      same(withoutTimes(read.turns), written.slice(38));
      assert.equal(read.hasOlder, false);
      await store.saveSummary(key, { ...summary, upTo: 80 });
      same((await store.load(key)).turns, []);
      assert.equal((await store.load(key)).next, 80);
      assert.equal(await store.append(key, turnOf(80, "on")), true);
      assert.equal((await store.load(key)).turns.length, 1);
    },
};
