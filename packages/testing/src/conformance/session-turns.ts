import assert from "node:assert/strict";
import type { SessionMessage, SessionStore } from "@lambdallm/core/stores";
import { same } from "./same.ts";
import { JSON_SAMPLES } from "./samples.ts";
import {
  fill,
  newSession,
  say,
  turnOf,
  withoutTimes,
} from "./session-support.ts";
import type { Cases, Tools } from "./suite.ts";

const DAY_MS = 86_400_000;

/** The content comes back as it was given. */
async function roundTrip(
  { store, connect }: Tools<SessionStore>,
  ...messages: readonly SessionMessage[]
): Promise<void> {
  const key = newSession();
  const turn = { ...turnOf(0), messages };
  assert.equal(await store.append(key, turn), true);
  const { turns, next } = await (await connect()).load(key);
  same(withoutTimes(turns), [turn]);
  assert.equal(next, messages.length);
}

export const sessionTurnCases: Cases<Tools<SessionStore>> = {
  "a session that nobody has written to is empty": async ({ store }) => {
    same(await store.load(newSession()), {
      turns: [],
      next: 0,
      hasOlder: false,
    });
  },

  "turns are read by every client as soon as they are acknowledged, the oldest first":
    async ({ store, connect }) => {
      const key = newSession();
      const reader = await connect();
      const turns = [turnOf(0, "a", "b"), turnOf(2, "c"), turnOf(3, "d", "e")];
      for (const [index, turn] of turns.entries()) {
        assert.equal(await store.append(key, turn), true);
        const read = await reader.load(key);
        same(withoutTimes(read.turns), turns.slice(0, index + 1));
        assert.equal(read.next, turn.first + turn.messages.length);
        assert.equal(read.hasOlder, false);
      }
    },

  "a turn says when it was written, in epoch milliseconds": async ({
    store,
  }) => {
    const key = newSession();
    await fill(store, key, [["a"]]);
    const [turn] = (await store.load(key)).turns;
    assert.ok(turn);
    // A store may have a clock of its own, but not one in seconds.
    assert.ok(Math.abs(turn.writtenAt - Date.now()) < 3_650 * DAY_MS);
  },

  "binary content comes back as it was given": async (tools) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await roundTrip(
      tools,
      {
        role: "user",
        content: [
          { image: { format: "png", source: { bytes } } },
          { image: { format: "png", source: { bytes: new Uint8Array() } } },
          // A part of a larger buffer, as files are read.
          { image: { format: "png", source: { bytes: bytes.subarray(100) } } },
        ],
      },
      {
        role: "assistant",
        content: [{ reasoningContent: { redactedContent: bytes } }],
      },
      {
        role: "user",
        content: [
          {
            toolResult: {
              toolUseId: "1",
              content: [
                {
                  document: { name: "d", format: "pdf", source: { bytes } },
                },
              ],
            },
          },
        ],
      },
    );
  },

  "empty texts and empty content come back as they were given": async (
    tools,
  ) => {
    await roundTrip(
      tools,
      { role: "user", content: [{ text: "" }, { text: " " }] },
      { role: "assistant", content: [] },
    );
  },

  "an incomplete answer stays marked": async (tools) => {
    const content = [{ text: "It is a" }];
    await roundTrip(tools, { role: "assistant", content, incomplete: true });
  },

  "a message of 100 KB comes back as it was given": async (tools) => {
    await roundTrip(tools, say("Größe: ".repeat(12_500)));
  },

  "any JSON in a message comes back as it was given, whatever its properties are called":
    async (tools) => {
      for (const [name, input] of Object.entries(JSON_SAMPLES)) {
        const toolUse = { toolUseId: name, name: "t", input };
        await roundTrip(
          tools,
          { role: "assistant", content: [{ toolUse }] },
          say(JSON.stringify(input)),
        );
      }
      assert.equal(Reflect.get({}, "polluted"), undefined);
    },

  "content of a kind that nobody knows comes back as it was given": async (
    tools,
  ) => {
    await roundTrip(tools, {
      role: "assistant",
      content: [{ $unknown: ["hologram", { angle: 3 }] }],
    });
  },

  "what a caller does with a turn afterwards does not change the stored one":
    async ({ store }) => {
      const key = newSession();
      const bytes = Uint8Array.of(1, 2, 3);
      const content = [{ image: { format: "png", source: { bytes } } }];
      const turn = {
        ...turnOf(0),
        messages: [{ role: "user" as const, content }],
      };
      const before = structuredClone(turn);
      await store.append(key, turn);
      bytes.fill(0);
      content.length = 0;
      const { turns } = await store.load(key);
      same(withoutTimes(turns), [before]);
      Reflect.set(Object(turns[0]?.messages[0]), "content", []);
      same(withoutTimes((await store.load(key)).turns), [before]);
    },

  "a repetition with the same write id is stored once, also when others have written since":
    async ({ store, connect }) => {
      const key = newSession();
      const turns = await fill(store, key, [["a", "b"], ["c"]]);
      const other = await connect();
      for (const turn of turns)
        assert.equal(await other.append(key, turn), true);
      await store.append(key, turnOf(3, "d"));
      for (const turn of turns)
        assert.equal(await store.append(key, turn), true);
      const { turns: read, next } = await store.load(key);
      same(withoutTimes(read.slice(0, 2)), turns);
      assert.equal(read.length, 3);
      assert.equal(next, 4);
    },

  "a number that another turn has taken is refused with false, and that turn stays":
    async ({ store, connect }) => {
      const key = newSession();
      const turns = await fill(store, key, [["a"], ["b"]]);
      const other = await connect();
      assert.equal(await other.append(key, turnOf(0, "x")), false);
      assert.equal(await other.append(key, turnOf(1, "y", "z")), false);
      const read = await store.load(key);
      same(withoutTimes(read.turns), turns);
      assert.equal(read.next, 2);
    },

  "a number beyond the next is refused with false, and nothing is stored there, also when a delete came between":
    async ({ store, connect }) => {
      const key = newSession();
      const other = await connect();
      assert.equal(await store.append(key, turnOf(1, "x")), false);
      const turns = await fill(store, key, [["a", "b"], ["c"]]);
      for (const first of [4, 5, 1_000])
        assert.equal(await other.append(key, turnOf(first, "x")), false);
      const read = await store.load(key);
      same(withoutTimes(read.turns), turns);
      assert.equal(read.next, 3);
      const { next } = await store.load(key);
      await other.delete(key);
      assert.equal(await store.append(key, turnOf(next, "x")), false);
      same(await store.load(key), { turns: [], next: 0, hasOlder: false });
      const again = await fill(other, key, [["a"], ["b"], ["c"], ["d"]]);
      same(withoutTimes((await store.load(key)).turns), again);
    },
};
