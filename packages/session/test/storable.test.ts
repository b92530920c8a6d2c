import { describe, expect, test } from "@jest/globals";
import { ConfigurationError, StoreError } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import type { MessageContent } from "@lambdallm/session";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { rejection, run, stored, storedMessages } from "./support.ts";

const NEW_YEAR = new Date("2026-01-01T00:00:00Z");
const MIB = 1024 * 1024;

/** As a JavaScript caller may give it. */
const content = (...blocks: object[]) => blocks as unknown as MessageContent;
const resultOf = (json: unknown) =>
  content({ toolResult: { toolUseId: "t", content: [{ json }] } });
const circle: Record<string, unknown> = {};
circle["in"] = [circle];
const file = (bytes: Uint8Array) =>
  content({ text: "Look" }, { image: { format: "png", source: { bytes } } });

describe.each(middyMajors)("on %s", (_name, middy) => {
  test.each<[what: string, given: MessageContent, message: string]>([
    [
      "a BigInt in the result of a tool",
      resultOf({ sum: 1n }),
      "chat: messages[0].content[0].toolResult.content[0].json.sum is a bigint, which JSON does not have.",
    ],
    [
      "a BigInt in the context of a document",
      content({
        document: { name: "a", source: { text: "x" }, context: 1n },
      }),
      "chat: messages[0].content[0].document.context is a bigint, which JSON does not have.",
    ],
    [
      "a function",
      resultOf({ now: () => 1 }),
      "chat: messages[0].content[0].toolResult.content[0].json.now is a function, which JSON does not have.",
    ],
    [
      "a circle",
      resultOf(circle),
      "chat: messages[0] is nested too deeply: a message of a session can have 200 levels at most.",
    ],
  ])(
    "%s is refused before the model is asked",
    async (_what, given, message) => {
      const store = memoryStores();
      const model = new MockProvider();
      const error = await rejection(
        run(({ chat }) => chat(given), { middy, store, model }),
      );
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toHaveProperty("message", message);
      expect(model.calls).toEqual([]);
      expect(await storedMessages(store)).toEqual([]);
    },
  );

  test.each<[what: string, given: MessageContent]>([
    ["text", "x".repeat(8 * MIB + 1)],
    ["bytes", file(new Uint8Array(6 * MIB))],
    ["text that leaves no room for an answer", "x".repeat(8 * MIB - 1_000)],
  ])(
    "too much %s is refused before the model is asked",
    async (_what, given) => {
      const model = new MockProvider();
      const error = await rejection(
        run(({ chat }) => chat(given), { middy, model }),
      );
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({
        reason: "too-large",
        statusCode: 413,
        message: expect.stringMatching(
          /^chat: messages\[0\]\.content would take \d+ bytes as JSON; at most 7864320 /,
        ),
      });
      expect(model.calls).toEqual([]);
    },
  );

  test("what is too much together with the messages that were added is refused before the model is asked", async () => {
    const store = memoryStores();
    const model = new MockProvider();
    const error = await run(
      async ({ session, chat }) => {
        session.addMessage("user", file(new Uint8Array(3 * MIB)));
        const refused = await rejection(chat(file(new Uint8Array(3 * MIB))));
        await session.clear();
        return refused;
      },
      { middy, store, model },
    );
    expect(error).toMatchObject({
      reason: "too-large",
      message: expect.stringContaining("with those that were added before"),
    });
    expect(model.calls).toEqual([]);
  });

  test("a Date is sent and stored as its JSON, in messages, answers and metadata", async () => {
    const store = memoryStores();
    const model = new MockProvider({
      responses: [
        {
          content: [
            // As a provider of somebody else's may answer.
            {
              toolUse: { toolUseId: "t", name: "now", input: { at: NEW_YEAR } },
            } as never,
          ],
        },
        "Fine.",
      ],
    });
    await run(
      async ({ session }) => {
        await session.converse("When?");
        await session.converse(resultOf({ at: NEW_YEAR }));
        await session.load();
        session.metadata = { since: NEW_YEAR as never };
      },
      { middy, store, model },
    );
    const at = "2026-01-01T00:00:00.000Z";
    const { turns, header } = await stored(store);
    expect(turns[0]?.messages[1]?.content).toEqual([
      { toolUse: { toolUseId: "t", name: "now", input: { at } } },
    ]);
    expect(turns[1]?.messages[0]?.content).toEqual(resultOf({ at }));
    expect(model.calls[1]?.request.messages.at(-1)?.content).toEqual(
      resultOf({ at }),
    );
    expect(header?.metadata).toEqual({ since: at });
  });

  test("metadata without JSON is refused with the place", async () => {
    const error = await run(
      async ({ session }) => {
        session.metadata = { price: { sum: 1n as never } };
        const refused = await rejection(session.save());
        session.metadata = {};
        return refused;
      },
      { middy },
    );
    expect(error).toHaveProperty(
      "message",
      "session.metadata.price.sum is a bigint, which JSON does not have.",
    );
  });
});
