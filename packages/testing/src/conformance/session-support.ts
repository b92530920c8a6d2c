import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type {
  NewTurn,
  SessionKey,
  SessionMessage,
  SessionStore,
} from "@lambdallm/core/stores";
import { retrying } from "./concurrent.ts";

export const newSession = (): SessionKey => ({
  tenantId: "conformance",
  sessionId: randomUUID(),
});

export const say = (text: string): SessionMessage => ({
  role: "user",
  content: [{ text }],
});

export const turnOf = (
  first: number,
  ...texts: readonly string[]
): NewTurn => ({ first, messages: texts.map(say), writeId: randomUUID() });

/** Writes turns of these sizes one after the other. */
export async function fill(
  store: SessionStore,
  key: SessionKey,
  turns: readonly (readonly string[])[],
): Promise<readonly NewTurn[]> {
  const written: NewTurn[] = [];
  let next = 0;
  for (const texts of turns) {
    const turn = turnOf(next, ...texts);
    assert.equal(await store.append(key, turn), true);
    written.push(turn);
    next += texts.length;
  }
  return written;
}

/** Reads the next number and writes there, until nobody else came first. */
export async function appendAtEnd(
  store: SessionStore,
  key: SessionKey,
  turn: Omit<NewTurn, "first">,
  signal: AbortSignal,
): Promise<void> {
  await retrying(signal, async () => {
    const { next } = await store.load(key, { lastMessages: 1 });
    return (await store.append(key, { ...turn, first: next })) || undefined;
  });
}

/** What was read, without the time of writing, which the store sets. */
export const withoutTimes = (
  turns: readonly { readonly writtenAt: number }[],
): unknown => turns.map(({ writtenAt: _, ...turn }) => turn);
