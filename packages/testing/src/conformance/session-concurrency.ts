import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { SessionKey, SessionStore, Turn } from "@lambdallm/core/stores";
import { clientsOf, times, together } from "./concurrent.ts";
import { same } from "./same.ts";
import { appendAtEnd, newSession, say, turnOf } from "./session-support.ts";
import type { Cases, Tools } from "./suite.ts";

const WRITERS = 50;
const TURNS_EACH = 4;

/** One write, with the moments of its call and of its acknowledgement on one logical clock. */
interface Write {
  readonly began: number;
  readonly acknowledged: number;
}

async function writeConcurrently(
  clientOf: (index: number) => SessionStore,
  key: SessionKey,
): Promise<ReadonlyMap<string, Write>> {
  const writes = new Map<string, Write>();
  let tick = 0;
  await together(WRITERS, async (writer, signal) => {
    for (let index = 0; index < TURNS_EACH; index++) {
      const writeId = randomUUID();
      const began = ++tick;
      const messages = times((index % 2) + 1, (part) =>
        say(`${writer} ${index} ${part}`),
      );
      const turn = { messages, writeId };
      await appendAtEnd(clientOf(writer), key, turn, signal);
      writes.set(writeId, { began, acknowledged: ++tick });
    }
  });
  return writes;
}

/** Asks for what comes after what it has seen, until it is told to stop. */
async function followTail(
  store: SessionStore,
  key: SessionKey,
  isOver: () => boolean,
): Promise<readonly Turn[]> {
  const seen: Turn[] = [];
  let from = 0;
  for (let last = false; ; last = isOver()) {
    const { turns, next } = await store.load(key, { from });
    seen.push(...turns);
    from = next;
    if (last) return seen;
    await wait(10);
  }
}

function checkOrder(
  turns: readonly Turn[],
  writes: ReadonlyMap<string, Write>,
): void {
  let lastBegan = 0;
  for (const { writeId } of turns) {
    const write = writes.get(writeId);
    assert.ok(write, "a turn is stored that nobody was told of");
    assert.ok(
      lastBegan < write.acknowledged,
      "a turn stands before one that was acknowledged before it began",
    );
    lastBegan = Math.max(lastBegan, write.began);
  }
}

export const sessionConcurrencyCases: Cases<Tools<SessionStore>> = {
  "50 writers at once lose nothing, double nothing, leave no hole and keep the order, and who follows the tail misses nothing":
    async ({ store, connect }) => {
      const key = newSession();
      let isOver = false;
      const tail = followTail(await connect(), key, () => isOver);
      const writing = writeConcurrently(await clientsOf(connect), key);
      const [writes, seen] = await Promise.all([
        writing.finally(() => {
          isOver = true;
        }),
        tail,
      ]);
      const { turns, next } = await store.load(key);
      same(
        turns.map(({ writeId }) => writeId).toSorted(),
        [...writes.keys()].toSorted(),
        "each acknowledged turn is stored once",
      );
      let end = 0;
      for (const turn of turns) {
        assert.equal(
          turn.first,
          end,
          "numbers have neither holes nor overlaps",
        );
        end += turn.messages.length;
      }
      assert.equal(next, end);
      checkOrder(turns, writes);
      same(seen, turns, "the tail is what is stored");
    },

  "of many turns for the same number one is stored, and only its writer is told so":
    async ({ store, connect }) => {
      const key = newSession();
      const clientOf = await clientsOf(connect);
      const turns = times(20, (index) => turnOf(0, `${index}`));
      const stored = await Promise.all(
        turns.map(async (turn, index) => clientOf(index).append(key, turn)),
      );
      const winners = turns.filter((_, index) => stored[index]);
      assert.equal(winners.length, 1);
      const read = await store.load(key);
      same(
        read.turns.map(({ messages }) => messages),
        winners.map(({ messages }) => messages),
      );
      assert.equal(read.next, 1);
    },

  "attempts of one write that overtake each other store it once": async ({
    store,
    connect,
  }) => {
    const key = newSession();
    const clientOf = await clientsOf(connect);
    const turn = turnOf(0, "a", "b");
    const stored = await Promise.all(
      times(10, async (index) => clientOf(index).append(key, turn)),
    );
    same(
      stored,
      times(10, () => true),
    );
    const { turns, next } = await store.load(key);
    assert.equal(turns.length, 1);
    assert.equal(next, 2);
  },
};
