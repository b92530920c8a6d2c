import { describe, expect, test } from "@jest/globals";
import { ConfigurationError, type Message } from "@lambdallm/core";
import { MemorySessionStore, MemoryStepStore } from "@lambdallm/core/stores";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { rejection, run } from "./support.ts";

const KEY = { tenantId: "t", sessionId: "s" };
const NEW_YEAR = new Date("2026-01-01T00:00:00Z");

class Money {
  readonly #cents: bigint;

  constructor(cents: bigint) {
    this.#cents = cents;
  }

  toJSON(key: string) {
    return { [key]: Number(this.#cents) / 100, at: NEW_YEAR };
  }
}

const question = { role: "user", content: [{ text: "Hi" }] };
const call = (input: unknown) => ({
  role: "assistant",
  content: [{ toolUse: { toolUseId: "a", name: "look", input } }],
});
const answer = (json: unknown) => ({
  role: "user",
  content: [{ toolResult: { toolUseId: "a", content: [{ json }] } }],
});

describe.each(middyMajors)("a message on %s", (_name, middy) => {
  const sent = async (messages: readonly object[]) => {
    const model = new MockProvider();
    await run(middy, [model.middleware()], async (context) =>
      // As a JavaScript caller may give them.
      context.converse({ messages: messages as readonly Message[] }),
    );
    return model.calls[0]?.request.messages;
  };

  test("is sent as its JSON: a Date as a text, and the rest as its toJSON says", async () => {
    const given = [
      question,
      call({ since: NEW_YEAR }),
      answer({
        when: NEW_YEAR,
        price: new Money(250n),
        list: [undefined, NEW_YEAR],
      }),
    ];
    const at = "2026-01-01T00:00:00.000Z";
    expect(await sent(given)).toEqual([
      question,
      call({ since: at }),
      answer({ when: at, price: { price: 2.5, at }, list: [null, at] }),
    ]);
    // Nothing is changed in place.
    expect(given[1]).toEqual(call({ since: NEW_YEAR }));
  });

  test("keeps its bytes, those of a Buffer too", async () => {
    const image = (bytes: Uint8Array) => ({
      role: "user",
      content: [
        { text: "Look" },
        { image: { format: "png", source: { bytes } } },
      ],
    });
    const given = [image(Buffer.from("abc"))];
    expect(await sent(given)).toBe(given);
  });

  const endless = () => ({ toJSON: () => ({ more: endless() }) });

  test.each<[what: string, json: unknown, message: string]>([
    [
      "a BigInt",
      { sum: 1n },
      ".toolResult.content[0].json.sum is a bigint, which JSON does not have.",
    ],
    [
      "a function",
      [() => 1],
      ".toolResult.content[0].json[0] is a function, which JSON does not have.",
    ],
    [
      "a symbol",
      Symbol("x"),
      ".toolResult.content[0].json is a symbol, which JSON does not have.",
    ],
    [
      "a toJSON that throws",
      {
        toJSON() {
          throw new Error("secret");
        },
      },
      ".toolResult.content[0].json has a toJSON that throws.",
    ],
    [
      "a toJSON that gives nothing",
      { when: { toJSON() {} } },
      ".toolResult.content[0].json.when has a toJSON that gives undefined.",
    ],
    [
      "a toJSON that gives a BigInt",
      { when: { toJSON: () => 1n } },
      ".toolResult.content[0].json.when is a bigint, which JSON does not have.",
    ],
    [
      "a toJSON without an end",
      endless(),
      " is nested too deeply, or contains itself: JSON can have 1000 levels at most.",
    ],
    [
      "a name that is somebody's",
      { "ada@example.org": 1n },
      ".toolResult.content[0].json[...] is a bigint, which JSON does not have.",
    ],
  ])("with %s is refused, with the place", async (_what, json, message) => {
    const error = await rejection(sent([question, call({}), answer(json)]));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toHaveProperty(
      "message",
      `converse: messages[2].content[0]${message}`,
    );
  });
});

describe("a memory store", () => {
  const sessions = new MemorySessionStore();
  const header = { expectedVersion: 0, writeId: "w" };

  test("names the place of what has no JSON", async () => {
    const message = { role: "user", content: [{ text: 1n }] };
    await expect(
      sessions.append(KEY, {
        first: 0,
        writeId: "w",
        // The types forbid what is tried here.
        messages: [message as never],
      }),
    ).rejects.toThrow("append: turn[0].content[0].text is a bigint");
    await expect(
      sessions.saveHeader(KEY, { ...header, metadata: { sum: 1n as never } }),
    ).rejects.toThrow("saveHeader: metadata.sum is a bigint");
  });

  test("refuses what is too large for a table, with bytes counted in base64", async () => {
    const bytes = new Uint8Array(6.5 * 1024 * 1024);
    const image = { format: "png", source: { bytes } };
    const messages = [{ role: "user" as const, content: [{ image }] }];
    const tooLarge = { reason: "too-large", statusCode: 413 };
    await expect(
      sessions.append(KEY, { first: 0, messages, writeId: "w" }),
    ).rejects.toMatchObject({ ...tooLarge, operation: "append" });
    const text = "x".repeat(400_000);
    await expect(
      sessions.saveHeader(KEY, { ...header, metadata: { text } }),
    ).rejects.toMatchObject({ ...tooLarge, operation: "saveHeader" });
    await expect(
      sessions.saveSummary(KEY, { text, upTo: 1 }),
    ).rejects.toMatchObject({ ...tooLarge, operation: "saveSummary" });
    const steps = new MemoryStepStore();
    const step = { runId: "r", step: "1" };
    await steps.claim(step, { owner: "o", leaseMs: 1_000 });
    await expect(
      steps.commit(step, 1, "x".repeat(9_000_000)),
    ).rejects.toMatchObject({ ...tooLarge, operation: "commit" });
  });
});
