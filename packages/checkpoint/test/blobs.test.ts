import { randomBytes } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import {
  type BlobStore,
  checkpointJournal,
  describeRun,
} from "@lambdallm/checkpoint";
import { memoryStores } from "@lambdallm/core/stores";
import { rejection } from "./support.ts";

const KIB = 1024;

/** Does not get smaller by zipping. */
const noise = (bytes: number) => randomBytes(bytes).toString("base64");

function blobs() {
  const kept = new Map<string, Uint8Array>();
  const blobStore: BlobStore = {
    put: async (key, bytes) => void kept.set(key, bytes),
    get: async (key) => kept.get(key) ?? Promise.reject(new Error("NoSuchKey")),
  };
  return { kept, blobStore };
}

/** A run with one large result that has come to its first end. */
async function withLarge() {
  const store = memoryStores();
  const { kept, blobStore } = blobs();
  const text = noise(100 * KIB);
  const first = await checkpointJournal(store, undefined, { blobStore });
  await first.step("large", async () => text);
  await first.leave();
  const { runId } = first;
  const resume = () => checkpointJournal(store, runId, { blobStore });
  return { store, kept, blobStore, text, runId, resume };
}

describe("A large result", () => {
  test("is kept in the blobStore, with a pointer in the store, and comes back from there", async () => {
    const { store, kept, blobStore, text, runId, resume } = await withLarge();
    expect([...kept.keys()]).toEqual([
      expect.stringMatching(RegExp(`^default/${runId}/000001/[\\w-]{43}$`)),
    ]);
    const record = await store.steps.find({
      runId: `default/${runId}`,
      step: "000001",
    });
    expect(record).toMatchObject({
      output: {
        status: "done",
        blob: { bytes: [...kept.values()][0]?.length },
      },
    });
    expect(JSON.stringify(record)).not.toContain(text);
    const next = await resume();
    expect(await next.step("large", async () => "")).toBe(text);
    await next.complete({ text });
    expect(kept.size).toBe(2);
    expect((await resume()).finished).toEqual({ result: { text } });
    expect((await describeRun({ store, runId })).steps).toMatchObject([
      { name: "large", state: "done" },
    ]);
    expect(
      await describeRun({ store, runId, blobStore, outputs: true }),
    ).toMatchObject({ steps: [{ output: text }], result: { text } });
  });

  test("stays in the store when it is small after zipping, as all others do", async () => {
    const store = memoryStores();
    const { kept, blobStore } = blobs();
    const journal = await checkpointJournal(store, undefined, { blobStore });
    await journal.step("zips", async () => "x".repeat(200 * KIB));
    await journal.step("small", async () => noise(10 * KIB));
    await journal.step("nothing", async () => undefined);
    await journal.complete(undefined);
    expect(kept.size).toBe(0);
  });

  test("that the blobStore does not take ends the run, which can be resumed", async () => {
    const store = memoryStores();
    const { blobStore } = blobs();
    const put = async () => Promise.reject(new Error("SlowDown"));
    const text = noise(100 * KIB);
    const options = { blobStore: { ...blobStore, put } };
    const first = await checkpointJournal(store, undefined, options);
    const error = await rejection(first.step("large", async () => text));
    expect(error).toMatchObject({
      name: "StoreError",
      reason: "unavailable",
      operation: "put",
      retryable: true,
      cause: new Error("SlowDown"),
    });
    await first.fail(error);
    await new Promise((resolve) => setTimeout(resolve, 2));
    const next = await checkpointJournal(store, first.runId, { blobStore });
    expect(await next.step("large", async () => text)).toBe(text);
    await next.leave();
  });

  test.each([
    ["is gone", () => undefined, "The blobStore's get failed."],
    [
      "was cut",
      (bytes: Uint8Array) => bytes.subarray(1),
      "what the blobStore has is not what was written",
    ],
    [
      "was changed",
      (bytes: Uint8Array) => bytes.map((byte) => byte ^ 1),
      "what the blobStore has is not what was written",
    ],
  ])("that %s is noticed", async (_how, change, message) => {
    const { kept, resume } = await withLarge();
    for (const [key, bytes] of kept) {
      const changed = change(bytes);
      if (changed) kept.set(key, changed);
      else kept.delete(key);
    }
    const error = await rejection(resume());
    expect(error).toMatchObject({ name: "StoreError" });
    expect(String(error)).toContain(message);
    // And leaves the run free.
    expect(String(await rejection(resume()))).toContain(message);
  });

  test("cannot be read without a blobStore", async () => {
    const { store, runId } = await withLarge();
    expect(await rejection(checkpointJournal(store, runId))).toMatchObject({
      name: "StoreError",
      reason: "corrupt",
      message:
        "The run cannot be read: a result was kept in a blobStore, and this one has none.",
    });
  });
});
